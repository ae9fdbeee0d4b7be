"""The report read back: whatever is altered in it is found."""

import re

import pytest

from layercurv.claims.command import main
from layercurv.page.page import build_page


@pytest.fixture(scope="module")
def page(root, tmp_path_factory):
    table = tmp_path_factory.mktemp("page") / "claims.json"
    paths = ["--claims", f"{root}/claims", "--results", f"{root}/results"]
    assert main([*paths, "--quiet", "--json", str(table)]) == 0
    return build_page(table, root / "figures", root / "results")


def read(root, tmp_path, text: str) -> int:
    path = tmp_path / "report.html"
    path.write_text(text, encoding="utf-8")
    return main(["report", str(path), "--claims", f"{root}/claims", "--documents", str(root)])


def test_as_it_is_it_passes_and_none_is_a_failure(root, tmp_path, page):
    assert read(root, tmp_path, page) == 0
    assert main(["report", str(tmp_path / "none.html")]) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r'(<td data-label="stated">)', r"\g<1>9"),
        (r'(<td data-label="statement">)', r"\g<1>Not: "),
        (r'(<td data-label="printed">)', r"\g<1>9"),
        (r'(<td data-label="its data"><span class="tag )\w+">\w+', r'\g<1>supported">refuted'),
        (r'(<td data-label="verdict">)', r"\g<1>in"),
        (r"<tr data-search=.*?</tr>", ""),
        (r"(<tr data-search=.*?</tr>)", r"\g<1>\g<1>"),
        (r"base64,iVBO.{80}", "base64,iVBO" + "A" * 80),
        (r"</script>", "document.title = 1</script>"),
        (r"</body>", "<script>1</script></body>"),
    ],
)
def test_whatever_is_altered_is_found(root, tmp_path, page, old, new):
    altered = re.sub(old, new, page, count=1, flags=re.DOTALL)
    assert altered != page
    assert read(root, tmp_path, altered) == 1
