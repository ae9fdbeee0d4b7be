"""Replication on planted seeds, whose values are chosen: the rule is the prediction interval of one more seed."""

import json
from decimal import Decimal

import pytest

from claimgate.published.replication import _can_round_to
from layercurv.results.manifest import freeze
from layercurv.results.store import AUDIT
from tests.claims.house import gate
from tests.claims.published.planted import build_audit, row, write_rows
from tests.records import as_seed

# mean 0.91, s = 0.01, t(0.975, 2) = 4.3027: one more seed in 0.91 +- 4.3027 * 0.01 * sqrt(4/3) = 0.8603 to 0.9597
ACCURACIES = (0.90, 0.91, 0.92)
PLAN = {
    "reason": "Same network.",
    "variant": "alpha_map/net.small",
    "select": "measurements.training.test_accuracy",
    "reduce": "same",
}


def plan(verdict: str, **changes) -> dict:
    return PLAN | {"verdict": verdict} | changes


def unsupported(**changes) -> dict:
    """A row without readings, so that its check bears on the replication alone."""
    return row(verdict="unsupported", reading=None, absent=["nowhere"], **changes)


@pytest.fixture
def house(tmp_path):
    house = build_audit(tmp_path, unsupported())
    set_accuracies(house, ACCURACIES)
    return house


def set_accuracies(house, values) -> None:
    for seed, value in enumerate(values):
        path = house / "results" / "alpha_map" / f"net_seed{seed}.small.json"
        record = json.loads(path.read_text())
        record["measurements"]["training"]["test_accuracy"] = value
        path.write_text(json.dumps(record))
    freeze(house / "results")


def judge(house, **changes) -> int:
    write_rows(house, unsupported(**changes))
    gate(house, "--published", f"{house}/paper", "--freeze")
    return gate(house)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"stated": "0.95"}, "replicated"),
        ({"stated": "0.96"}, "replicated"),  # 0.955 to 0.965 meets the interval
        ({"stated": "0.97"}, "not_replicated"),
        ({"stated": "0.86"}, "replicated"),
        ({"stated": "0.85"}, "not_replicated"),
        ({"stated": "95", "unit": "%"}, "replicated"),
        ({"stated": "97", "unit": "%"}, "not_replicated"),
        ({"stated": ["0.91", "0.92"]}, "not_replicated"),  # several numbers are not one
        ({"check": "below", "stated": "0.92"}, "replicated"),
        ({"check": "below", "stated": "0.919"}, "not_replicated"),
        ({"check": "above", "stated": "0.90"}, "replicated"),
        ({"check": "above", "stated": "0.901"}, "not_replicated"),
        ({"check": "inside", "stated": ["0.90", "0.92"]}, "replicated"),
        ({"check": "inside", "stated": ["0.91", "0.92"]}, "not_replicated"),
    ],
)
def test_the_rule(house, changes, verdict):
    wrong = {"replicated": "not_replicated", "not_replicated": "replicated"}[verdict]
    assert judge(house, replication=plan(verdict), **changes) == 0
    assert judge(house, replication=plan(wrong), **changes) == 1


def test_the_verdict_says_where_one_more_seed_is_expected(house, capsys):
    assert judge(house, stated="0.95", replication=plan("not_replicated")) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "recorded as not replicated, found replicated: 3 seeds, one more expected in 0.8603 to 0.9597" in out


def test_fewer_than_three_seeds_exit_3(house, capsys):
    (house / "results" / "alpha_map" / "net_seed2.small.json").unlink()
    freeze(house / "results")
    assert judge(house, stated="0.95", replication=plan("replicated")) == 3
    assert "2 frozen seeds, expected at least 3" in " ".join(capsys.readouterr().out.split())


def test_only_seeds_of_that_variant_and_scale_count(house):
    folder = house / "results" / "alpha_map"
    record = json.loads((folder / "net_seed0.small.json").read_text().replace("0.9,", "0.1,"))
    for variant, seed, scale in (("net_wide", 3, "small"), ("net", 3, "paper"), ("other", 0, "small")):
        other = as_seed(record, variant, seed, scale)
        (folder / f"{variant}_seed{seed}.{scale}.json").write_text(json.dumps(other))
    freeze(house / "results")
    assert judge(house, stated="0.95", replication=plan("replicated")) == 0


def test_a_variant_may_have_dots(house):
    folder = house / "results" / "alpha_map"
    for seed in range(3):
        record = json.loads((folder / f"net_seed{seed}.small.json").read_text())
        (folder / f"net_1.5_seed{seed}.small.json").write_text(json.dumps(as_seed(record, "net_1.5", seed)))
    freeze(house / "results")
    assert judge(house, stated="0.95", replication=plan("replicated", variant="alpha_map/net_1.5.small")) == 0


def test_what_is_missing_is_named(house, capsys):
    assert judge(house, stated="0.95", replication=plan("replicated")) == 0
    path = house / "results" / "alpha_map" / "net_seed1.small.json"
    text = path.read_text()
    path.unlink()
    gate(house, "--format", "github")
    assert "alpha_map/net_seed1.small.json: no such file" in capsys.readouterr().out.partition("C001.replication")[2]
    path.write_text(text)
    assert judge(house, stated="0.95", replication=plan("replicated", quantity="alpha")) == 3
    gate(house, "--format", "github")
    told = capsys.readouterr().out.partition("C001.replication")[2]
    assert "alpha_map/net_seed0.small.json: alpha cannot be computed" in told


def test_a_changed_record_changes_the_replication(house):
    assert judge(house, stated="0.95", replication=plan("replicated")) == 0
    set_accuracies(house, (0.10, 0.11, 0.12))
    assert gate(house) == 1


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (lambda frozen: frozen["values"].__setitem__(1, 0.911), "frozen [0.9, 0.911, 0.92], recomputed"),
        (lambda frozen: frozen["values"].pop(), "frozen [0.9, 0.91], recomputed"),
        (lambda frozen: frozen["interval"].__setitem__(0, 0.85), "frozen [0.85, "),
        (lambda frozen: frozen.update(verdict="not_replicated"), "frozen as not replicated, found replicated"),
        (lambda frozen: frozen.update(interval=None), "frozen [], recomputed"),
    ],
)
def test_what_figures_draw_of_it_is_what_is_recomputed(house, forge, told, capsys):
    assert judge(house, stated="0.95", replication=plan("replicated")) == 0
    path = house / "results" / AUDIT
    record = json.loads(path.read_text())
    forge(record["measurements"]["rows"]["C001"]["replication"])
    path.write_text(json.dumps(record))
    freeze(house / "results")
    assert gate(house, "--format", "github") == 1
    assert told in capsys.readouterr().out.partition("C001.replication")[2]


def test_the_frozen_quantity_is_that_of_the_row(house, capsys):
    assert judge(house, stated="0.95", replication=plan("replicated")) == 0
    path = house / "results" / AUDIT
    record = json.loads(path.read_text())
    record["measurements"]["rows"]["C001"]["replication"]["quantity"] = "alpha"
    path.write_text(json.dumps(record))
    freeze(house / "results")
    assert gate(house, "--format", "github") == 1
    assert "quantity: frozen 'alpha', now None" in capsys.readouterr().out


def test_what_was_not_frozen_is_frozen_by_the_command(house, capsys):
    write_rows(house, unsupported(stated="0.95", replication=plan("replicated", select="measurements.nothing")))
    assert gate(house, "--published", f"{house}/paper", "--freeze") == 0
    write_rows(house, unsupported(stated="0.95", replication=plan("replicated")))
    assert gate(house, "--format", "github") == 1
    assert "not in the frozen audit; freeze it with --published DIR --freeze" in capsys.readouterr().out


def test_quantities_are_recomputed_from_raw_lists(house):
    alpha = plan("replicated", select="measurements.layers[?kind=='conv']", quantity="alpha", reduce="mean")
    assert judge(house, stated="1.8", replication=alpha) == 0


@pytest.mark.parametrize("changes", [{"select": "measurements.nothing"}, {"quantity": "alpha"}])
def test_what_cannot_be_evaluated_exits_3(house, changes):
    assert judge(house, stated="0.95", replication=plan("replicated", **changes)) == 3


def test_seeds_that_must_agree_and_do_not_exit_1(house, capsys):
    both = plan("replicated", select="measurements.[training.test_accuracy, mean_loss]")
    assert judge(house, stated="0.95", replication=both) == 1
    gate(house, "--format", "github")
    assert "title=FAIL C001.replication::stated 1.75: expected one value throughout" in capsys.readouterr().out


def test_a_lost_record_of_a_replication_exits_3(house):
    assert judge(house, stated="0.95", replication=plan("replicated")) == 0
    (house / "results" / "alpha_map" / "net_seed1.small.json").unlink()
    assert gate(house) == 3


@pytest.mark.parametrize(
    ("interval", "ties", "met"),
    [
        ((1.745, 1.8), "even", True),
        ((1.7, 1.735), "even", True),
        ((1.755, 1.8), "even", False),
        ((1.745, 1.8), "away from zero", False),
        ((1.7, 1.735), "towards zero", False),
        ((1.7, 1.9), "even", True),
        ((1.7, 1.73), "even", False),
    ],
)
def test_an_interval_that_ends_between_two_printed_values_reaches_one_of_them(interval, ties, met):
    assert _can_round_to(Decimal("1.74"), interval, ties) is met
