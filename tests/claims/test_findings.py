"""Findings: what is said in words is decided by claims, and the word cannot say the opposite."""

import json

import pytest

from tests.claims.house import alphas, claim_text, gate, write_claims

SELECT = "measurements.layers[?name=='{}']"
FIRST, LAST = "conv1", "layer4.1.conv2"  # planted alpha 1.6 and 2.0


def mean(position: int) -> str:
    return f"{(alphas(0)[position] + alphas(1)[position]) / 2:.2f}"


def text(**changes) -> str:
    fields = {
        "id": "finding.rises",
        "sentence": "It rises.",
        "place": "nowhere",
        "relation": "rising",
        "of": ["test.first", "test.last"],
        "says": "rises",
        "reason": "said so",
    } | changes
    return "[[finding]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in fields.items() if v is not None)


@pytest.fixture
def found(house):
    write_claims(
        house,
        claim_text(id="test.first", select=SELECT.format(FIRST), reduce="mean", stated=mean(0)),
        claim_text(id="test.last", select=SELECT.format(LAST), reduce="mean", stated=mean(4)),
    )

    def judge(*texts: str) -> int:
        (house / "claims" / "findings.toml").write_text("".join(texts))
        return gate(house)

    return judge


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"says": "rise"}, 0),
        ({"says": None}, 0),
        ({"says": "falls"}, 2),
        ({"says": "leads"}, 2),
        ({"relation": "falling", "says": "falls"}, 1),
        ({"of": ["test.last", "test.first"]}, 1),
        ({"of": ["test.first", "test.first"]}, 1),
        ({"of": ["test.first", "1.9", "test.last"]}, 0),
        ({"of": ["test.first", "1.6", "test.last"]}, 1),
        ({"relation": "more", "says": "leads", "of": ["test.last", "test.first"]}, 0),
        ({"relation": "more", "says": "leads", "of": ["test.first", "test.last"]}, 1),
        ({"relation": "more", "says": "trails", "of": ["test.last", "test.first"]}, 2),
        ({"relation": "less", "says": "trails", "of": ["test.first", "test.last"]}, 0),
        ({"relation": "less", "says": "trails", "of": ["test.last", "test.first"]}, 1),
        ({"relation": "between", "says": "between", "of": ["1.8", "test.first", "test.last"]}, 0),
        ({"relation": "between", "says": "between", "of": ["2.5", "test.first", "test.last"]}, 1),
        ({"relation": "between", "says": "between", "of": ["1.8", "test.last", "test.first"]}, 1),
        ({"relation": "near"}, 2),
        ({"of": ["test.first"]}, 2),
        ({"of": ["1", "2"]}, 2),
        ({"of": ["test.first", "test.other"]}, 2),
        ({"seeds": "some"}, 2),
        ({"id": "test.first"}, 2),
        ({"sentence": ""}, 2),
        ({"other": "x"}, 2),
    ],
)
def test_claims_decide(found, changes, code):
    assert found(text(**changes)) == code


def test_what_is_printed_must_show_it(found, house):
    write_claims(
        house,
        claim_text(id="test.first", select=SELECT.format(FIRST), reduce="mean", stated=f"{float(mean(0)):.0f}"),
        claim_text(id="test.last", select=SELECT.format(LAST), reduce="mean", stated=f"{float(mean(4)):.0f}"),
    )
    assert found(text()) == 1


def test_it_must_hold_in_each_seed_or_say_that_it_does_not(found, house):
    """Of the two seeds one is below their mean."""
    low = min(alphas(0)[0], alphas(1)[0])
    between = f"{(low + float(mean(0))) / 2:.6f}"
    write_claims(
        house,
        claim_text(
            id="test.first",
            select=SELECT.format(FIRST),
            reduce="mean",
            stated=f"{sum(a[0] for a in (alphas(0), alphas(1))) / 2:.5f}",
        ),
    )
    assert found(text(relation="more", says="above", of=["test.first", between])) == 1
    assert found(text(relation="more", says="above", of=["test.first", between], seeds="together")) == 0


def test_a_finding_whose_claim_cannot_be_evaluated_is_missing(found, house):
    write_claims(
        house,
        claim_text(id="test.first", select=SELECT.format("nothing"), reduce="mean", stated="1"),
        claim_text(id="test.last", select=SELECT.format(LAST), reduce="mean", stated=mean(4)),
    )
    assert found(text()) == 3
