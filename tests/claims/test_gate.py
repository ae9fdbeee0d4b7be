"""The gate on planted records: right claims pass, and nothing wrong gets through."""

import json
import os
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest

from claimgate import records, strict_json
from layercurv.results.manifest import NAME, freeze
from tests.claims.house import LAYER, MEDIAN, RECORDS, alphas, change_record, claim_text, gate, write_claims
from tests.records import as_seed, smoke_record


def test_a_right_claim_passes(house, capsys):
    assert gate(house) == 0
    assert "test.median_alpha" in capsys.readouterr().out


@pytest.mark.parametrize("units", [-2, -1, 1, 2])
def test_a_stated_value_moved_in_its_last_digit_fails(house, units):
    moved = Decimal(MEDIAN) + units * Decimal("0.001")
    write_claims(house, claim_text(stated=str(moved)))
    assert gate(house) == 1


@pytest.mark.parametrize("reseal", [False, True])
@pytest.mark.parametrize("key", ["curvatures", "singular_values"])
def test_one_changed_raw_value_fails_also_when_sealed_anew(house, key, reseal):
    def change(record):
        for layer in record["measurements"]["layers"]:
            layer[key][0] *= 1.5

    change_record(house, change, reseal=reseal)
    assert gate(house) == 1


def test_any_changed_byte_of_a_frozen_record_fails(house):
    change_record(house, lambda record: record["provenance"].update(finished_utc="2026-01-02T00:00:00+00:00"))
    assert gate(house) == 1


def test_a_changed_record_that_still_meets_its_schema_says_so(house, capsys):
    change_record(house, lambda record: record["provenance"].update(seed=7))
    assert gate(house, "--format", "github") == 1
    assert "...); 'its schema still holds'\n" in capsys.readouterr().out


def test_a_changed_stored_fit_fails_the_claim_that_compares_it(house):
    text = claim_text(
        select=LAYER, quantity="stored_fit_difference", reduce="max", check="below", tolerance="exact", stated="1e-9"
    )
    write_claims(house, text)
    assert gate(house) == 0
    change_record(house, lambda r: r["measurements"]["layers"][2]["fits"]["alpha"].update(slope=2.5), reseal=True)
    assert gate(house) == 1


@pytest.mark.parametrize("position", [0, 2, -1])
def test_nan_in_one_stored_fit_is_not_lost_in_a_maximum(house, position):
    text = claim_text(
        select=LAYER, quantity="stored_fit_difference", reduce="max", check="below", tolerance="exact", stated="1e-9"
    )
    write_claims(house, text)
    nan = float("nan")
    change_record(
        house, lambda r: r["measurements"]["layers"][position]["fits"]["alpha"].update(slope=nan), reseal=True
    )
    assert gate(house) == 3


def test_a_missing_record_exits_3(house, capsys):
    (house / "results" / RECORDS[1]).unlink()
    assert gate(house) == 3
    assert "MISSING" in capsys.readouterr().out


def test_a_missing_key_exits_3(house):
    change_record(house, lambda record: record["measurements"]["layers"][0].pop("curvatures"))
    assert gate(house) == 3


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "null", '"2.0"', "true", "[]", "{}"])
def test_a_value_that_is_no_finite_number_exits_3(house, value):
    write_claims(house, claim_text(select="measurements.mean_loss", quantity=None, reduce="mean", stated="0.7"))
    assert gate(house) == 0
    path = house / "results" / RECORDS[0]
    path.write_text(path.read_text().replace('"mean_loss": 0.7', f'"mean_loss": {value}'))
    assert gate(house) == 3


def test_nan_among_raw_values_exits_3(house):
    path = house / "results" / RECORDS[0]
    record = json.loads(path.read_text())
    record["measurements"]["layers"][0]["curvatures"][1] = float("nan")
    path.write_text(json.dumps(record))
    assert gate(house) == 3


@pytest.mark.parametrize("damage", [lambda text: text[: len(text) // 2], lambda text: "", lambda text: text + "}"])
def test_a_damaged_record_exits_2(house, damage):
    path = house / "results" / RECORDS[0]
    path.write_text(damage(path.read_text()))
    assert gate(house) == 2


def test_an_emptied_layer_list_is_not_a_pass(house):
    change_record(house, lambda record: record["measurements"].update(layers=[]), reseal=True)
    assert gate(house) == 3


def test_an_unfrozen_record_is_not_a_pass(house):
    lines = (house / "results" / NAME).read_text().splitlines()
    (house / "results" / NAME).write_text(lines[0] + "\n")
    assert gate(house) == 1


def test_a_record_that_is_not_sealed_fails_whether_a_claim_reads_it_or_not(house):
    path = house / "results" / "alpha_map" / "other_seed5.small.json"
    path.write_text(strict_json.dumps(as_seed(smoke_record(5, "small"), "other", 5)))
    assert gate(house) == 1
    freeze(house / "results")
    assert gate(house) == 0


def test_a_seed_that_a_claim_leaves_out_fails(house, capsys):
    path = house / "results" / "alpha_map" / "net_seed5.small.json"
    path.write_text(strict_json.dumps(smoke_record(5, "small")))
    freeze(house / "results")
    assert gate(house) == 1
    assert "leaves out alpha_map/net_seed5.small.json" in capsys.readouterr().out


@pytest.mark.parametrize("gone", ["claims", "results", f"results/{NAME}", "claims/test.toml"])
def test_with_anything_missing_the_gate_never_exits_0(house, gone):
    (house / gone).rename(house / "elsewhere")
    assert gate(house) == 2


def test_an_empty_claims_file_exits_2(house):
    (house / "claims" / "test.toml").write_text("")
    assert gate(house) == 2


def test_all_claims_are_reported_not_only_the_first_failure(house, capsys):
    texts = [claim_text(id=f"test.c{i}", stated=stated) for i, stated in enumerate(["9.999", MEDIAN, "8.888"])]
    write_claims(house, *texts)
    assert gate(house) == 1
    out = capsys.readouterr().out
    assert out.count("FAIL") == 2 and "claims: 1 pass, 2 fail" in out


def test_missing_outranks_mismatch_and_malformed_outranks_both(house):
    write_claims(
        house, claim_text(stated="9.999"), claim_text(id="test.other", select="measurements.nothing", quantity=None)
    )
    assert gate(house) == 3
    (house / "results" / RECORDS[0]).write_text("{")
    assert gate(house) == 2


@pytest.mark.parametrize(
    ("check", "tolerance", "stated", "code"),
    [
        ("rounded_up", "printed", "2.1", 0),  # the largest planted alpha is near 2.0, 2.1 is it rounded up
        ("rounded_up", "printed", "2.2", 1),  # not tight
        ("rounded_up", "printed", "2.0", 1),
        ("rounded_down", "printed", "1.5", 0),  # the least, of the first layer, is above 1.5
        ("rounded_down", "printed", "1.4", 1),
        ("below", "exact", "3", 1),  # it holds, and nothing pins it down
        ("below", "exact", "1.9", 1),
        ("above", "exact", "1.9", 1),
        ("above", "exact", "-1e9", 1),
        ("above", "exact", "2.1", 1),
        ("equals", "0.1", "2.0", 0),
        ("equals", "0.3", "2.0", 1),  # wider than the values are spread
        ("equals", "exact", "2.0", 1),
    ],
)
def test_checks_mean_what_they_say(house, check, tolerance, stated, code):
    least, largest = min(alphas(0) + alphas(1)), max(alphas(0) + alphas(1))
    assert 1.5 < least < 1.6 and 2.0 < largest < 2.1
    reduce = "min" if check == "rounded_down" else "max"
    write_claims(house, claim_text(reduce=reduce, check=check, tolerance=tolerance, stated=stated))
    assert gate(house) == code


def test_reducing_within_records_comes_before_reducing_across(house):
    means = [np.mean(alphas(index)) for index in (0, 1)]
    expected = f"{np.std(means, ddof=1):.6f}"
    write_claims(house, claim_text(within="mean", reduce="std", stated=expected))
    assert gate(house) == 0


def test_same_fails_when_records_disagree(house):
    write_claims(house, claim_text(select="measurements.n_samples", quantity=None, reduce="same", stated="64"))
    assert gate(house) == 0
    change_record(house, lambda record: record["measurements"].update(n_samples=65), reseal=True)
    assert gate(house) == 1


def test_percent_multiplies_by_a_hundred(house):
    options = {"select": "measurements.training.test_accuracy", "quantity": None, "reduce": "mean", "unit": "%"}
    write_claims(house, claim_text(stated="50.0", **options))
    assert gate(house) == 0
    write_claims(house, claim_text(stated="0.5", **options))
    assert gate(house) == 1


COMPARED = {"records": RECORDS[:1], "reference": RECORDS[1:], "within": "same", "reduce": "mean_difference"}
CASES = [
    ({"check": "approximately"}, "unknown check 'approximately'; expected one of: above, below, equals"),
    ({"reduce": "mode"}, "unknown reducer 'mode'"),
    ({"within": "mode"}, "unknown reducer 'mode'"),
    ({"quantity": "eval"}, "unknown quantity 'eval'"),
    ({"select": "measurements.["}, "not a JMESPath expression"),
    ({"stated": "two"}, "expected a decimal number, got 'two'"),
    ({"stated": "NaN"}, "expected a finite number"),
    ({"stated": "1e999999"}, "expected a finite number of ordinary size"),
    ({"tolerance": "loose"}, "expected a decimal number, got 'loose'"),
    ({"tolerance": "-1"}, "tolerance"),
    ({"check": "below"}, "does not take tolerance 'printed'"),
    ({"unit": "kg"}, "expected unit '', '%', 'points' or 'percent', got 'kg'"),
    ({"id": "Median"}, "expected an id like"),
    ({"reason": " "}, "expected reason to be a text that is not empty"),
    ({"reason": None}, "key 'reason' is missing"),
    ({"sentence": "The median."}, "the sentence must say 'small scale'"),
    ({"colour": "red"}, "unknown key 'colour'"),
    ({"records": []}, "at least one path"),
    ({"records": ["../secret/x.small.json"]}, "expected a record path"),
    ({"records": ["/etc/x.small.json"]}, "expected a record path"),
    ({"records": ["alpha_map/..x/y.small.json"]}, "expected a record path"),
    ({"records": ["alpha_map/net.smoke.json"]}, "never rests on a smoke record"),
    ({"records": [RECORDS[0], RECORDS[0]]}, "listed twice"),
    ({"records": "x"}, "expected records to be a list of paths"),
    ({"reference": "x"}, "expected reference to be a list of paths"),
    ({"reference": [1]}, "expected reference to be a list of paths"),
    ({"records": RECORDS[:1], "reference": RECORDS[:1]}, "listed twice"),
    (
        {"records": RECORDS[:1], "reference": RECORDS[1:]},
        "unknown reducer 'median'; expected one of: equivalence_p, mean_",
    ),
    ({"records": RECORDS[:1], "reference": RECORDS[1:], "reduce": "mean_difference"}, "name the reducer in `within`"),
    ({"reduce": "mean_difference"}, "unknown reducer 'mean_difference'"),
    ({"margin": "0.1"}, "expected a margin with equivalence_p, and with nothing else"),
    (COMPARED | {"reduce": "equivalence_p"}, "expected a margin with equivalence_p"),
    (COMPARED | {"reduce": "equivalence_p", "margin": "0"}, "expected a margin above 0"),
    (COMPARED | {"reduce": "equivalence_p", "margin": "x"}, "expected a decimal number"),
    (COMPARED | {"reference": ["alpha_map/x.smoke.json"]}, "never rests on a smoke record"),
]
BAD_CLAIMS = [changes for changes, _ in CASES]


@pytest.mark.parametrize(("changes", "message"), CASES)
def test_a_malformed_claim_exits_2_and_is_named(house, capsys, changes, message):
    write_claims(house, claim_text(**({"stated": MEDIAN} | changes)))
    assert gate(house) == 2
    error = capsys.readouterr().err
    assert message in error and "test.toml, claim 1" in error


def test_a_doubled_id_exits_2(house, capsys):
    write_claims(house, claim_text(), claim_text())
    assert gate(house) == 2
    assert "used twice" in capsys.readouterr().err


def test_wrong_usage_exits_2(python, root):
    done = subprocess.run([python, "verify_claims.py", "--nonsense"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 2 and "usage:" in done.stderr


@pytest.mark.parametrize("script", ["verify_claims.py", "generate_figures.py"])
def test_the_light_programs_import_no_torch(house, script, root):
    code = (
        f"import runpy, sys; sys.argv = [{script!r}, '--results', {str(house / 'results')!r}]\n"
        f"try: runpy.run_path({script!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'torchvision', 'datasets', 'hydra', 'transformers'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr


def test_a_record_is_read_up_to_a_size(house, monkeypatch):
    size = max((house / "results" / name).stat().st_size for name in RECORDS)
    monkeypatch.setattr(records, "MAX_BYTES", size)
    assert gate(house) == 0
    monkeypatch.setattr(records, "MAX_BYTES", size - 1)
    assert gate(house) == 2


def test_a_pipe_in_place_of_a_record_is_not_waited_for(house):
    path = house / "results" / RECORDS[0]
    path.unlink()
    os.mkfifo(path)
    assert gate(house) == 3


def test_a_link_out_of_the_results_folder_is_refused(house, tmp_path):
    path = house / "results" / RECORDS[0]
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    assert gate(house) == 2


@pytest.mark.parametrize(
    "line",
    [
        "../x.json",
        "/etc/passwd",
        "alpha_map/../../x.json",
        "alpha_map/x.txt",
        ".x.json",
        "a/.b/c.json",
        "alpha_map/a b.json",
    ],
)
def test_a_manifest_names_nothing_outside_its_folders(house, line):
    path = house / "results" / NAME
    path.write_text(path.read_text() + f"{'0' * 64}  {line}\n")
    assert gate(house) == 2


def test_a_manifest_that_is_no_text_exits_2(house):
    (house / "results" / NAME).write_bytes(b"\xff\xfe")
    assert gate(house) == 2


@pytest.mark.parametrize("stated", ["2_5", " 25", "25\n", "025", "25.", "\u0662\u0665", "+ 25"])
def test_what_is_stated_is_a_number_as_it_is_printed(house, capsys, stated):
    write_claims(house, claim_text(stated=stated))
    assert gate(house) == 2
    assert "expected a decimal number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "stated", "tolerance", "code"),
    [
        (2**53 + 1, str(2**53), "exact", 3),
        (2**53 + 1, "9.007e15", "printed", 0),
        (2**53 - 1, str(2**53 - 1), "exact", 0),
        (2**53 - 1, str(2**53 - 2), "exact", 1),
    ],
)
def test_an_integer_that_float64_does_not_hold_is_not_told_from_the_next(house, value, stated, tolerance, code):
    for index in range(2):
        change_record(house, lambda record: record["measurements"].update(mean_loss=value), index, reseal=True)
    text = claim_text(select="measurements.mean_loss", quantity=None, reduce="same", stated=stated, tolerance=tolerance)
    write_claims(house, text)
    assert gate(house, "--only", "test.*") == code


def test_claims_that_differ_in_one_thing_are_each_reduced_for_themselves(house):
    change = dict(select="measurements.mean_loss", quantity=None)
    texts = [
        claim_text(id="test.a", reduce="mean", stated="0.7", **change),
        claim_text(id="test.b", reduce="sum", stated="1.4", **change),
        claim_text(id="test.c", reduce="mean", stated="70", unit="%", **change),
        claim_text(id="test.d", reduce="sum", within="count", stated="2", **change),
    ]
    write_claims(house, *texts)
    assert gate(house) == 0
