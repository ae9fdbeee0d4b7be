"""Markdown papers: `{{claim ID}}`, `{{says ID}}` and `{{waived TEXT | reason}}`, rendered to one HTML page.

HTML in the source is shown as text, so that nobody can write a span that looks like a verified number.
"""

import html
import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from claimgate.claim import Claim, Status
from claimgate.errors import InputError, shown
from claimgate.marks import MARKS
from claimgate.project import Locked
from claimgate.verification import Verification

_TAG = re.compile(r"\{\{\s*(claim|says|waived)\s+([^{}|]+?)\s*(?:\|\s*([^{}|]+?)\s*)?\}\}")
_HTML = re.compile(r"<(?:!--|/?[A-Za-z][\w-]*(?=[\s/>]))")
_MARKS_OF = {"claim": "⟦⟧", "says": "⟪⟫", "waived": "⟨⟩"}
_BLOCKS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "td", "th", "tr", "pre", "blockquote", "br", "hr", "title"}
_REFERENCES = re.compile(r"\n\s*(?:References|Bibliography|Literature)\s*\n")
_NAME = r"[^\W\d_][\w’'-]+"
_CITED = re.compile(rf"\b({_NAME})(?:,? (?:and|&) {_NAME}|,? et al\.?)?,? \(?((?:1[89]|20)\d\d)(?=[a-z]?\b)")
_IDENTIFIER = re.compile(r"https?://\S+|\b10\.\d{4,9}/\S+|\barxiv:\s?\d{4}\.\d{4,5}(?:v\d+)?\b", re.IGNORECASE)
_FILE = re.compile(r"(?!/)[\w./ -]+")  # and no address
_RESULT = re.compile(r"[%‰]|\bper\s?(?:cent|mille)|\d[.,]\d|\.\d", re.IGNORECASE)  # no year, volume or page
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>body{{max-width:42rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}}
table{{border-collapse:collapse}}td,th{{padding:.2rem .6rem;border-bottom:1px solid #ccc}}img{{max-width:100%}}</style>
<body>
{body}</body>
</html>
"""


def render(source: Path, verification: Verification) -> str:
    """Render a paper.

    Args:
        source: The Markdown file, UTF-8.
        verification: All verdicts.

    Returns:
        One HTML page.

    Raises:
        InputError: If a tag is malformed, or names a claim or finding that was not verified.
    """
    from markdown_it import MarkdownIt

    try:
        text = source.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: expected UTF-8 text: {error}") from error
    printed = _printed(verification)
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

    def tag(state, silent: bool) -> bool:
        if not state.src.startswith("{{", state.pos):
            return False
        match = _TAG.match(state.src, state.pos)
        if match is None or (match[1] == "waived") != (match[3] is not None):
            around = shown(state.src[state.pos : state.pos + 60])
            raise InputError(
                f"{source}: expected {{{{claim ID}}}}, {{{{says ID}}}} or {{{{waived TEXT | reason}}}}, got {around}"
            )
        if not silent:
            state.push("claimgate", "", 0).meta = {"kind": match[1], "of": match[2]}
        state.pos = match.end()
        return True

    def show(self, tokens, index, options, env) -> str:
        kind, of = tokens[index].meta["kind"], tokens[index].meta["of"]
        if kind != "waived" and of not in printed[kind]:
            raise InputError(f"{source}: expected the id of a verified {_WHAT[kind]}, got {shown(of)}")
        if sum({"s_open": 1, "s_close": -1}.get(token.type, 0) for token in tokens[:index]):
            raise InputError(f"{source}: expected {kind} {shown(of)} where it stands as said, found it struck out")
        name, text = ("", of) if kind == "waived" else (f' title="{html.escape(of)}"', printed[kind][of])
        return f'<span class="claimgate-{kind}"{name}>{html.escape(text)}</span>'

    parser.inline.ruler.before("text", "claimgate", tag)
    parser.add_render_rule("claimgate", show)
    body = parser.render(text)
    heading = re.search(r"<h1>(.*?)</h1>", body)
    title = html.unescape(re.sub(r"<[^>]*>", "", heading[1])) if heading else source.stem
    return _PAGE.format(title=html.escape(title), body=body)


_WHAT = {"claim": "claim", "says": "finding that says a word"}


def _printed(verification: Verification) -> dict[str, dict[str, str]]:
    passed = {
        kind: [verdict for verdict in verification.groups.get(kind, ()) if verdict.status is Status.PASS]
        for kind in ("claims", "findings")
    }
    return {
        "claim": {verdict.subject: typeset(verification.claims[verdict.subject]) for verdict in passed["claims"]},
        "says": {verdict.subject: verdict.stated for verdict in passed["findings"] if verdict.stated},
    }


def typeset(claim: Claim) -> str:
    """Write a stated number as text: a true minus sign, thousands grouped, powers of ten with superscripts.

    Args:
        claim: The claim.

    Returns:
        The text with its unit.
    """
    mantissa, e, power = claim.stated.partition("e")
    digits = mantissa.lstrip("-")
    if not e and "." not in digits and len(digits) > 4:
        digits = re.sub(r"(?<=\d)(?=(\d{3})+$)", ",", digits)
    number = f"{'' if digits == '1' else f'{digits}⋅'}10^{int(power)}" if e else digits
    number = number.replace("^-", "^−")
    unit = {"": "", "%": " %", "points": " points"}[claim.printed_unit]
    return f"{'−' if mantissa.startswith('-') else ''}{number}{unit}"


def plain_text(page: str) -> str:
    """Take the text of a rendered page, as a reader sees it.

    Args:
        page: From `render`.

    Returns:
        The text, white space made single blanks.
    """
    return _text(page, with_marks=False)


def marked_text(page: str) -> str:
    """Take the text of a rendered page with marks around what is printed by rule.

    Args:
        page: From `render`.

    Returns:
        The text, white space made single blanks.
    """
    return _text(page, with_marks=True)


def _text(page: str, with_marks: bool) -> str:
    reader = _Reader(with_marks)
    reader.feed(page)
    reader.close()
    text = "".join(reader.found)
    return " ".join((_with_citations(text) if with_marks else text).split())


def _with_citations(text: str) -> str:
    # "Name et al. (2021)" is printed by rule if the last section, the references, has an entry with this name and year;
    # so is that entry, unless it holds a decimal number or a percentage: these are results. What is cited and not
    # there, or there and not cited, counts as typed.
    headings = list(_REFERENCES.finditer(text))
    if not headings:
        return text
    body, references = text[: headings[-1].start()], text[headings[-1].start() :]
    entries = references.split("\n")
    cited: set[int] = set()

    def mark(match: re.Match) -> str:
        found = [
            n for n, entry in enumerate(entries) if all(re.search(rf"\b{part}\b", entry) for part in match.groups())
        ]
        cited.update(found)
        year = match.start(2) - match.start()
        return f"{match[0][:year]}⟪{match[2]}⟫" if found else match[0]

    body = _CITED.sub(mark, body)
    ruled = (f"⟪{entry}⟫" if n in cited and _is_entry(entry) else entry for n, entry in enumerate(entries))
    return body + "\n".join(ruled)


def _is_entry(entry: str) -> bool:
    return not set(MARKS) & set(entry) and _RESULT.search(_IDENTIFIER.sub("", entry)) is None


class _Reader(HTMLParser):
    def __init__(self, with_marks: bool):
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._with_marks, self._skipped = with_marks, False
        self._closes: list[str] = []  # of open spans

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._skipped = self._skipped or tag in ("style", "title")
        if tag in _BLOCKS:
            self.found.append("\n")
        if tag == "span":
            marks = _MARKS_OF[(attributes.get("class") or "").removeprefix("claimgate-")]
            self.found.append(marks[0] if self._with_marks else "")
            self._closes.append(marks[1] if self._with_marks else "")
        if tag == "ol" and attributes.get("start"):
            self.found.append(f" {attributes['start']}. ")  # what the list's first item is numbered by
        for key in ("alt", "title"):
            if tag in ("img", "a") and attributes.get(key):
                self.found.append(f" {attributes[key]} ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "title"):
            self._skipped = False
        if tag in _BLOCKS:
            self.found.append("\n")
        if tag == "span":
            self.found.append(self._closes.pop())

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.found.append(data.replace("\n", " "))


def problems(root: Path, source: Path, locked: Locked) -> list[str]:
    """List what the source itself must not hold.

    Args:
        root: The root of the paper.
        source: The Markdown file.
        locked: Which figures are locked.

    Returns:
        Marks; HTML, which is text here and could hide or strike out a claim wherever else the source is shown; images
        that are not locked, for what they draw is not read here.
    """
    text = source.read_text(encoding="utf-8", errors="replace")
    found = [f"sets a mark: {mark}" for mark in MARKS if mark in text]
    found += [f"holds HTML: {tag!r}" for tag in _HTML.findall(text)]
    if "![" not in text:
        return found
    folder = source.parent.relative_to(root).as_posix()
    images = (unquote(image) for image in _images(text))
    return found + [
        f"draws what is not locked: {shown(image, 60)}"
        for image in images
        if not (_FILE.fullmatch(image) and locked.holds_figure(posixpath.normpath(posixpath.join(folder, image))))
    ]


def _images(text: str) -> Iterator[str]:
    from markdown_it import MarkdownIt

    for block in MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).parse(text):
        for token in block.children or ():
            if token.type == "image":
                yield str(token.attrs["src"])
