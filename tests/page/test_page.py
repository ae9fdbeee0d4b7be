"""The page: everything on it is from the verified table, escaped, and nothing is loaded from elsewhere."""

import json
import re
from html.parser import HTMLParser

import pytest

from layercurv.claims.command import main as verify
from layercurv.errors import InputError
from layercurv.page.page import build_page
from layercurv.page.tables import audit_rows, claim_rows, scoreboard

HOSTILE = "<script>alert(1)</script>\"' onload=x &amp;"


@pytest.fixture(scope="module")
def table(root, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "claims.json"
    assert verify(["--claims", f"{root}/claims", "--results", f"{root}/results", "-q", "--json", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def page(root, table):
    return build_page(table, root / "figures", root / "results")


class Parsed(HTMLParser):
    """Tags with their attributes, and whether they close in order."""

    VOID = ("meta", "img", "input", "link", "br", "hr")

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_every_claim_row_figure_and_record_is_there_and_every_tag_closes(page, table, root):
    document = json.loads(table.read_text())
    parsed = Parsed(page)
    assert parsed.open == []
    rows = [attributes for attributes in parsed.all("tr") if "data-search" in attributes]
    sealed = (root / "results" / "SHA256SUMS").read_text().splitlines()
    assert len(rows) == len(document["claims"]) + len(document["audit"]) + len(sealed)
    for id_ in (*document["claims"], *document["audit"]):
        assert f"<code>{id_}</code>" in page
    assert len(parsed.all("img")) == len(list((root / "figures").glob("*.png")))


def test_nothing_is_loaded_from_elsewhere(page):
    parsed = Parsed(page)
    for tag, attributes in parsed.tags:
        for name in ("src", "href"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:image/png;base64,")), (tag, value[:60])
    policy = next(a["content"] for a in parsed.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"url\(|@import", page)


def test_images_have_texts_tables_captions_and_heads_and_fields_labels(page):
    parsed = Parsed(page)
    assert all(attributes["alt"] for attributes in parsed.all("img"))
    assert len(parsed.all("caption")) == len(parsed.all("table")) == 4
    assert all(attributes.get("scope") in ("col", "row") for attributes in parsed.all("th"))
    assert len(parsed.all("label")) == len(parsed.all("input")) + len(parsed.all("select"))
    assert parsed.all("html")[0]["lang"] == "en"


def test_the_scoreboard_counts_the_audit(page, table):
    audit = json.loads(table.read_text())["audit"]
    numbers = [int(text) for text in re.findall(r'<td class="number">(\d+)</td>', scoreboard(audit))]
    rows = [numbers[i : i + 4] for i in range(0, 16, 4)]
    assert all(row[0] == sum(row[1:]) for row in rows) and sum(row[0] for row in rows) == len(audit) == 336
    assert rows[1][2] == sum(
        e["verdict"] == "contradicted" and e["replication"]["verdict"] == "not_replicated" for e in audit.values()
    )


def test_equal_input_gives_equal_bytes(root, table, page):
    assert build_page(table, root / "figures", root / "results") == page


def test_hostile_text_stays_text():
    found = {"status": "PASS", "stated": HOSTILE, "unit": "", "value": 1.5, "detail": HOSTILE, "sentence": HOSTILE}
    found |= {"values": [1.0, 2.0], "source": [HOSTILE], "place": HOSTILE}
    replication = {"verdict": "not_measured", "reason": HOSTILE}
    entry = {
        "place": HOSTILE,
        "printed": HOSTILE,
        "verdict": "supported",
        "reason": HOSTILE,
        "replication": replication,
    }
    made = claim_rows({HOSTILE: found}) + audit_rows({"C1": entry}, {"C1": found}, {"C1.replication": found})
    assert "<script" not in made and "onload=x" not in re.sub(r'"[^"]*"', "", re.sub(r">[^<]*<", "><", made))
    Parsed(made)


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"audit": {}}'])
def test_a_table_that_is_none_is_one_clear_error(root, tmp_path, text):
    path = tmp_path / "claims.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match="run `make verify`"):
        build_page(path, root / "figures", root / "results")


def test_a_missing_figure_is_one_clear_error(root, table, tmp_path):
    with pytest.raises(InputError, match=r"sampling_noise_alpha\.png: expected the drawn figure, found none"):
        build_page(table, tmp_path, root / "results")
