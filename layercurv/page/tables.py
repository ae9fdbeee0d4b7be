"""Rows of the page's tables, with everything that comes from a file escaped."""

from collections import Counter
from html import escape

from layercurv.results.provenance import shown_numerics

VERDICTS = ("supported", "contradicted", "ambiguous", "unsupported")
REPLICATIONS = ("replicated", "not_replicated", "not_measured")


def words(name: str) -> str:
    """Spell a key for people.

    Args:
        name: Such as "not_replicated".

    Returns:
        "not replicated".
    """
    return name.replace("_", " ")


def claim_rows(claims: dict[str, dict]) -> str:
    """Make one table row per claim.

    Args:
        claims: Claim id to its verified entry.

    Returns:
        HTML.
    """
    return "\n".join(_claim_row(id_, entry) for id_, entry in claims.items())


def audit_rows(audit: dict[str, dict], published: dict[str, dict], replication: dict[str, dict]) -> str:
    """Make one table row per number of the audited paper.

    Args:
        audit: Row id to place, printed number, verdict, reason and replication.
        published: Row id to what its readings found.
        replication: Row id and ".replication" to what our records found.

    Returns:
        HTML.
    """
    return "\n".join(
        _audit_row(id_, entry, published[id_], replication[f"{id_}.replication"]) for id_, entry in audit.items()
    )


def scoreboard(audit: dict[str, dict]) -> str:
    """Count the audit: what the paper's data say against what ours say.

    Args:
        audit: As in `audit_rows`.

    Returns:
        HTML table body.
    """
    counts = Counter((entry["verdict"], entry["replication"]["verdict"]) for entry in audit.values())
    rows = []
    for verdict in VERDICTS:
        cells = [counts[verdict, replication] for replication in REPLICATIONS]
        total = sum(cells)
        bar = f'<span class="bar {verdict}" style="width:{100 * total / max(1, len(audit)):.1f}%"></span>'
        numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
        rows.append(
            f'<tr><th scope="row"><span class="tag {verdict}">{verdict}</span></th>'
            f'<td class="number">{total}</td>{numbers}<td class="bars" aria-hidden="true">{bar}</td></tr>'
        )
    return "\n".join(rows)


def record_rows(records: list[tuple[str, dict, str]]) -> str:
    """Make one table row per frozen record.

    Args:
        records: Path, provenance and SHA-256 of each.

    Returns:
        HTML.
    """
    return "\n".join(_record_row(*record) for record in records)


def _claim_row(id_: str, entry: dict) -> str:
    stated = f"{entry['stated']}{' ' if entry['unit'] == 'points' else ''}{entry['unit']}"
    evidence = [("Evidence", entry["detail"]), *_sources(entry)]
    return _row(
        search=f"{id_} {entry['sentence']} {entry['place']}",
        data={"status": entry["status"].lower()},
        cells=[
            ("claim", f"<code>{escape(id_)}</code>"),
            ("statement", escape(entry["sentence"]) + _details(evidence)),
            ("place", escape(entry["place"])),
            ("stated", escape(stated)),
            ("recomputed", _number(entry["value"])),
            ("verdict", _tag(entry["status"].lower())),
        ],
    )


def _audit_row(id_: str, entry: dict, found: dict, ours: dict) -> str:
    replication = entry["replication"]
    evidence = [
        ("Why", entry["reason"]),
        ("Found", found["detail"]),
        *_sources(found),
        ("Our records", f"{replication['reason']} {ours['detail']}"),
        *_sources(ours),
    ]
    return _row(
        search=f"{id_} {found['sentence']} {entry['place']}",
        data={"verdict": entry["verdict"], "replication": replication["verdict"]},
        cells=[
            ("id", f"<code>{escape(id_)}</code>"),
            ("statement", escape(found["sentence"]) + _details(evidence)),
            ("place", escape(entry["place"])),
            ("printed", escape(entry["printed"])),
            ("recomputed", _number(found["value"])),
            ("its data", _tag(entry["verdict"])),
            ("ours", f"{_tag(replication['verdict'])} {_number(ours['value'])}"),
        ],
    )


def _record_row(path: str, provenance: dict, sha256: str) -> str:
    code = provenance["code"]
    wall = provenance.get("wall_s")
    seconds = wall["this_run"] if isinstance(wall, dict) else wall
    return _row(
        search=path,
        data={},
        cells=[
            ("record", f"<code>{escape(path)}</code>"),
            ("commit", f"<code>{escape(str(code['commit'])[:10])}</code>"),
            ("finished", escape(provenance["finished_utc"][:10])),
            ("kernels", escape(shown_numerics(provenance))),
            ("seconds", "" if seconds is None else f"{seconds:.0f}"),
            ("SHA-256", f"<code>{escape(sha256[:16])}</code>"),
        ],
    )


def _row(search: str, data: dict[str, str], cells: list[tuple[str, str]]) -> str:
    attributes = "".join(f' data-{key}="{escape(value)}"' for key, value in data.items())
    made = "".join(f'<td data-label="{escape(label)}">{content}</td>' for label, content in cells)
    return f'<tr data-search="{escape(search.lower())}"{attributes}>{made}</tr>'


def _details(evidence: list[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in evidence if text)
    return f"<details><summary>evidence</summary><dl>{items}</dl></details>"


def _sources(entry: dict) -> list[tuple[str, str]]:
    values = ", ".join(f"{value:.6g}" for value in entry["values"][:12])
    more = f", ... ({len(entry['values'])} in all)" if len(entry["values"]) > 12 else ""
    return [("Source", text) for text in entry["source"]] + [("Values", f"{values}{more}")] * bool(values)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _tag(name: str) -> str:
    return f'<span class="tag {escape(name)}">{escape(words(name))}</span>'
