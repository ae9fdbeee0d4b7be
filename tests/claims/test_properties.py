"""Properties that hold for any text and any number."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from claimgate import strict_json
from claimgate.checks import accepted_interval, half_unit
from claimgate.claim import Claim, Status, Verdict
from claimgate.report import FORMATS
from claimgate.report.summary import printable
from claimgate.verification import Verification
from layercurv.errors import InputError, shown

TEXTS = st.text(max_size=60)
CLAIM = Claim("a.b", "s", "p", ("r/x.small.json",), "x", None, None, "mean", "equals", "1", "", "printed", "r")
DIGITS = st.decimals(-1000, 1000, places=3, allow_nan=False)


@given(TEXTS)
def test_what_is_shown_is_printable_and_on_one_line(text):
    for made in (printable(text), shown(text)):
        assert made.isprintable() or not made


@given(TEXTS, TEXTS, TEXTS)
def test_no_report_breaks_on_any_text(subject, detail, stated):
    verdict = Verdict(subject, Status.FAIL, detail, stated=stated, sentence=detail, file=stated)
    verification = Verification({"claims": [verdict]}, {subject: CLAIM})
    ET.fromstring(FORMATS["junit"](verification, False))
    assert len(FORMATS["github"](verification, False).splitlines()) == 2
    assert json.loads(FORMATS["json"](verification, True))["claims"][subject]["detail"] == detail
    rows = FORMATS["markdown"](verification, False).splitlines()
    assert len(rows) == 5 and rows[4].startswith("| ❌ FAIL | ")
    assert "\x1b" not in FORMATS["table"](verification, True)


@given(DIGITS, st.floats(-2000, 2000))
def test_equal_to_the_printed_digits_is_rounding_to_them(stated, value):
    low, high = accepted_interval(replace(CLAIM, stated=str(stated)))
    inside = low <= Decimal(repr(value)) <= high
    assert inside == (abs(Decimal(repr(value)) - stated) <= half_unit(stated))
    assert high - low == Decimal("0.001")


@given(DIGITS)
def test_moved_by_a_unit_nothing_that_rounded_to_it_still_does(stated):
    low, high = accepted_interval(replace(CLAIM, stated=str(stated)))
    above, _ = accepted_interval(replace(CLAIM, stated=str(stated + Decimal("0.001"))))
    assert above == high and low < above  # they touch in one point, and share nothing else


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_json_comes_back_as_it_was_written(value):
    assert strict_json.loads(strict_json.dumps(value), "here") == value


@given(st.binary(max_size=80))
def test_json_of_any_bytes_is_read_or_refused(content):
    try:
        value = strict_json.loads(content.decode("utf-8", "replace"), "here")
    except InputError:
        return
    assert value is None or isinstance(value, bool | int | float | str | list | dict)
