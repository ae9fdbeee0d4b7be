"""Which texts are locked: the paper's source, the documents, the claims and the audit, and what figures look like."""

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from claimgate.claim import Claim, Verdict
from claimgate.errors import InputError
from claimgate.locked.sentences import sentences
from claimgate.project import Locked
from claimgate.seeds import variant_of

if TYPE_CHECKING:
    from claimgate.findings import Finding
    from claimgate.published.row import Row

Lines = list[tuple[str, str]]  # place and sentence

_TEXTS = (".typ", ".bib", ".tex", ".md")
_DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
_DIGIT = re.compile(r"\d")
MAX_BYTES = 16 * 2**20  # of one text or figure


def claimed_lines(
    claims: list[Claim], rows: list["Row"], findings: list["Finding"], found: list[Verdict]
) -> dict[str, Lines]:
    """Tell claims and audit in words.

    Args:
        claims: The claims.
        rows: The rows of the audit.
        findings: The findings.
        found: The verdicts on the claims, which say how many values each was reduced from.

    Returns:
        Name of the lock to its lines.
    """
    n_values = {verdict.subject: verdict.n for verdict in found}
    return {"claims": claim_lines(claims, n_values) + finding_lines(findings), "audit": audit_lines(rows)}


def written_lines(root: Path, locked: Locked) -> dict[str, Lines]:
    """Read what people write for readers.

    Args:
        root: The checkout.
        locked: Which texts.

    Returns:
        Name of the lock to its lines.
    """
    return {"paper": paper_lines(root, locked), "documents": document_lines(root, locked)}


def made_lines(root: Path, locked: Locked) -> dict[str, Lines]:
    """Read what programs make for readers; what is not there before they ran is left out.

    Args:
        root: The checkout.
        locked: Which texts.

    Returns:
        Name of the lock to its lines.
    """
    made, path = {"made": seen_lines(root, locked)}, root / locked.marked
    if not path.is_file():
        return made
    from claimgate.pdf_text import pdf_text
    from claimgate.typed import typed_quantities

    text = pdf_text(path) if path.suffix == ".pdf" else _read(path).decode("utf-8", "replace")
    return made | {"typed": typed_quantities(text)}


def paper_lines(root: Path, locked: Locked) -> Lines:
    """Read the sentences of everything the paper is compiled from.

    Args:
        root: The checkout.
        locked: Which texts.

    Returns:
        Place and sentence; of a file that is no text, its digest.
    """
    found = _found(root, (f"{locked.paper}/**/*",))
    names = [name for name in found if name not in locked.made and not _is_hidden(name)]
    return [line for name in names for line in _file_lines(root, name, Path(name).suffix in _TEXTS)]


def document_lines(root: Path, locked: Locked) -> Lines:
    """Read the sentences of the documents, and those that a report prints beside figures.

    Args:
        root: The checkout.
        locked: Which texts.

    Returns:
        Place and sentence.
    """
    named = [name for pattern in locked.documents for name in _found(root, (pattern,))]
    lines = [line for name in named for line in _file_lines(root, name, is_text=True)]
    numbers = [name for name in _found(root, locked.numbers) if name not in named]
    lines += [line for name in numbers for line in _file_lines(root, name, is_text=True) if _DIGIT.search(line[1])]
    for name in _found(root, locked.docstrings):
        found = _DOCSTRING.match(_read(root / name).decode("utf-8", "replace"))
        lines += [(name, text) for text in sentences(found[1] if found else "")]
    return lines


def seen_lines(root: Path, locked: Locked) -> Lines:
    """Take the digests of what a reader sees and cannot read as text: figures, and what draws paper and report.

    Args:
        root: The checkout.
        locked: Which texts.

    Returns:
        Place and digest.
    """
    return [(name, _digest(root / name)) for name in _found(root, locked.seen)]


def claim_lines(claims: list[Claim], n_values: dict[str, int | None]) -> Lines:
    """Tell each claim in words: what it says, why its tolerance, and what it is computed from.

    Args:
        claims: The claims.
        n_values: Claim id to how many values went into it.

    Returns:
        Id and sentence.
    """
    return [(claim.id, text) for claim in claims for text in _claim(claim, n_values.get(claim.id))]


def finding_lines(findings: list["Finding"]) -> Lines:
    """Tell each finding in words.

    Args:
        findings: The findings.

    Returns:
        Id and sentence.
    """
    return [
        (finding.id, _one_line(text))
        for finding in findings
        for text in (
            finding.sentence,
            f"from: {' | '.join(finding.of)} | {finding.relation} | {finding.seeds} | {finding.says or '-'}",
        )
    ]


def audit_lines(rows: list["Row"]) -> Lines:
    """Tell each row of the audit in words.

    Args:
        rows: The rows.

    Returns:
        Id and sentence.
    """
    return [(row.id, _one_line(text)) for row in rows for text in _row(row)]


def _found(root: Path, patterns: tuple[str, ...]) -> list[str]:
    paths = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    names = (path.relative_to(root).as_posix() for path in paths)
    return sorted(name for name in names if not Path(name).name.startswith("."))  # files under way


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__")) for part in Path(name).parts)


def _file_lines(root: Path, name: str, is_text: bool) -> Lines:
    path = root / name
    if path.suffix == ".py":
        return []  # by its digest
    if is_text:
        try:
            return [(name, text) for text in sentences(_read(path).decode("utf-8").replace("\r\n", "\n"))]
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: expected UTF-8 text: {error}") from error
    return [(name, _digest(path))]


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: expected at most {MAX_BYTES} bytes")
    return path.read_bytes()


def _digest(path: Path) -> str:
    return hashlib.sha256(_read(path)).hexdigest()


def _claim(claim: Claim, n: int | None) -> Iterator[str]:
    yield _one_line(claim.sentence)
    yield _one_line(f"because: {claim.reason}")
    steps = [claim.select, claim.quantity, claim.within, claim.reduce, claim.check, claim.tolerance, claim.unit]
    steps += [claim.margin, claim.draws, claim.paired_on]
    of = f"from: {_grouped(claim.records)}" + (f" against {_grouped(claim.reference)}" if claim.reference else "")
    yield _one_line(f"{of} | {' | '.join(step or '-' for step in steps)} | {n} values")


@functools.cache  # many claims read the same records
def _grouped(records: tuple[str, ...]) -> str:
    counts = Counter(map(variant_of, records))
    return ", ".join(f"{name.removesuffix('.json')} x {n}" for name, n in counts.items())


def _row(row: "Row") -> Iterator[str]:
    yield f"{row.place}: {row.sentence}"
    yield f"printed: {row.printed} | {', '.join(row.stated)} | {row.check} | {row.unit or '-'}"
    if row.ties != "even":
        yield f"ties: {row.ties}"
    yield f"{row.verdict}: {row.reason}"
    for reading in row.readings:
        parts = " + ".join(f"{part.file} {part.select} {part.quantity or '-'}" for part in reading.parts)
        yield f"reading: {reading.meaning} | {parts} | {reading.reduce}"
    if row.absent:
        yield f"absent: {', '.join(row.absent)}"
    ours = row.replication
    steps = " | ".join(step or "-" for step in (ours.variant, ours.select, ours.quantity, ours.reduce))
    yield f"{ours.verdict}: {ours.reason} | {steps}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
