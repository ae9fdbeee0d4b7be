"""The page in a real browser, where one is installed: it fits a phone, filters by keyboard, and asks for nothing."""

import shutil

import pytest

from layercurv.claims.command import main as verify
from layercurv.page.page import build_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install '.[browser]'")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def file(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    verify(["--claims", f"{root}/claims", "--results", f"{root}/results", "-q", "--json", f"{folder}/claims.json"])
    path = folder / "report.html"
    path.write_text(build_page(folder / "claims.json", root / "figures", root / "results"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=[390, 1440])
def tab(request, browser, file):
    tab = browser.new_page(viewport={"width": request.param, "height": 900})
    tab.asked, tab.complaints = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("console", lambda message: tab.complaints.append(message.text))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.goto(file.as_uri())
    yield tab
    tab.close()


def shown(tab, table: str) -> int:
    return tab.locator(f"#{table} tbody tr:not([hidden])").count()


def test_it_fits_the_width_and_asks_for_nothing_and_complains_of_nothing(tab):
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert [url for url in tab.asked if not url.startswith(("file:", "data:"))] == []
    assert tab.complaints == []


def test_filters_work_by_keyboard(tab):
    assert shown(tab, "audit-table") == 336
    tab.locator("#audit input").focus()
    tab.keyboard.type("mean alpha")
    some = shown(tab, "audit-table")
    assert 0 < some < 336
    assert tab.locator("#audit output").inner_text() == f"{some} of 336 shown"
    tab.keyboard.press("Tab")
    tab.keyboard.type("contradicted")
    assert 0 < shown(tab, "audit-table") <= some
    tab.locator("#audit input").fill("no such words anywhere")
    assert shown(tab, "audit-table") == 0


def test_evidence_opens_by_keyboard(tab):
    evidence = tab.locator("#claims-table details").first
    assert not evidence.locator("dl").is_visible()
    evidence.locator("summary").focus()
    tab.keyboard.press("Enter")
    assert evidence.locator("dl").is_visible()


def test_the_first_tab_stop_skips_to_the_claims(tab):
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/report.html#claims")


def test_a_screen_reader_finds_names_for_everything(tab):
    tree = tab.locator("body").aria_snapshot()
    for name in (
        'heading "What was claimed, and what was checked"',
        'searchbox "Search"',
        'table "Every number that our',
    ):
        assert name in tree
