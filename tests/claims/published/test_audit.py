"""The audit on a planted paper: verdicts follow from its data, and nothing moves unnoticed."""

import copy
import json
import os
from dataclasses import replace

import pytest

from claimgate.checks import NotEvaluable
from claimgate.published import source
from claimgate.published.evidence import agrees, derive_verdict, read
from claimgate.published.load import load_rows
from claimgate.published.source import Source
from layercurv.claims.house import project
from layercurv.errors import InputError
from layercurv.results.manifest import freeze
from tests.claims.house import claim_text, gate, write_claims
from tests.claims.published.planted import LAYERS, SUMMARY, audit, build_audit, reading, row, write_paper, write_rows

STORED = [{"file": "summary", "select": "mean_alpha"}]
EXACT = reading(**{"from": STORED})  # 1.75, with no rounding of a fit


@pytest.fixture
def house(tmp_path):
    return build_audit(tmp_path, row())


def findings_of(tmp_path, written: dict) -> tuple[str, list]:
    (tmp_path / "claims").mkdir(exist_ok=True)
    write_rows(tmp_path, written)
    (parsed,) = load_rows(tmp_path / "claims" / "published.toml", project())
    paper = tmp_path / "paper"
    files = Source(paper if paper.exists() else write_paper(paper), project().audit)
    findings = [read(entry, parsed.unit, files) for entry in parsed.readings]
    return derive_verdict(parsed, findings), findings


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "supported"),
        ({"stated": "1.74"}, "contradicted"),
        ({"stated": "1.8", "reading": [EXACT]}, "supported"),  # half a unit away, exactly
        ({"stated": "1.7", "reading": [EXACT]}, "contradicted"),  # of the two neighbours, the even one
        ({"stated": "1.8", "ties": "away from zero", "reading": [EXACT]}, "supported"),
        ({"stated": "1.7", "ties": "away from zero", "reading": [EXACT]}, "contradicted"),
        ({"stated": "1.7", "ties": "towards zero", "reading": [EXACT]}, "supported"),
        ({"stated": "1.8", "ties": "towards zero", "reading": [EXACT]}, "contradicted"),
        ({"stated": "2"}, "supported"),
        ({"stated": "1.9"}, "contradicted"),
        ({"check": "below", "stated": "1.75", "reading": [EXACT]}, "supported"),
        ({"check": "below", "stated": "1.7"}, "contradicted"),
        ({"check": "above", "stated": "1.75", "reading": [EXACT]}, "supported"),
        ({"check": "above", "stated": "1.8"}, "contradicted"),
        ({"check": "inside", "stated": ["1.5", "2.0"], "reading": [reading(reduce="extent")]}, "supported"),
        ({"check": "inside", "stated": ["1.6", "2.0"], "reading": [reading(reduce="extent")]}, "contradicted"),
        ({"check": "inside", "stated": ["1.5", "1.9"], "reading": [reading(reduce="extent")]}, "contradicted"),
        ({"check": "inside", "stated": ["1.55", "1.95"], "reading": [reading(reduce="extent")]}, "contradicted"),
        ({"stated": ["2.0", "1.5"], "reading": [reading(reduce="all")]}, "supported"),
        ({"stated": ["1.5", "2.0"], "reading": [reading(reduce="all")]}, "contradicted"),
        ({"stated": ["2.0"], "reading": [reading(reduce="all")]}, "contradicted"),
        ({"stated": "175.0", "unit": "%"}, "supported"),
        ({"reading": [reading(), reading(reduce="max")]}, "ambiguous"),
        ({"reading": [reading(reduce="min"), reading(reduce="max")]}, "contradicted"),
        ({"stated": "2", "reading": [reading(reduce="count")]}, "supported"),
    ],
)
def test_a_verdict_follows_from_the_readings(tmp_path, changes, verdict):
    assert findings_of(tmp_path, row(verdict=verdict, **changes))[0] == verdict


def test_values_are_recomputed_from_raw_lists_not_from_what_is_stored(tmp_path):
    layers = copy.deepcopy(LAYERS)
    for layer in layers:
        layer["alpha"] = 9.0
    write_paper(tmp_path / "paper", layers)
    _, (finding,) = findings_of(tmp_path, row())
    assert finding.values == pytest.approx([1.75], rel=1e-12)
    assert finding.n == 2 and finding.stored is None and finding.stored_agrees


def test_parts_of_several_files_and_of_all_files_come_together(tmp_path):
    parts = [{"file": "fits", "select": "layers[].alpha"}, {"file": "summary", "select": "mean_alpha"}]
    assert findings_of(tmp_path, row(reading=[reading(**{"from": parts, "reduce": "sum"})]))[1][0].values == (5.25,)
    every = [{"file": "*", "select": "n_layers"}]
    (finding,) = findings_of(tmp_path, row(reading=[reading(**{"from": every, "reduce": "sum"})]))[1]
    assert finding.values == (2.0,) and finding.n == 1


@pytest.mark.parametrize(
    ("stored", "agrees", "kept"),
    [
        ([{"file": "summary", "select": "mean_alpha"}], True, (1.75,)),
        ([{"file": "summary", "select": "wrong_mean"}], False, (1.8,)),
        ([{"file": "fits", "select": "layers[].alpha"}], True, (1.75,)),
    ],
)
def test_what_the_paper_stores_is_held_against_the_raw_values(tmp_path, stored, agrees, kept):
    _, (finding,) = findings_of(tmp_path, row(reading=[reading(stored=stored)]))
    assert finding.stored_agrees is agrees and finding.stored == kept


def test_percent_multiplies_what_is_stored_too(tmp_path):
    percent = row(stated="175", unit="%", reading=[reading(stored=STORED)])
    assert findings_of(tmp_path, percent)[1][0].stored == (175.0,)


@pytest.mark.parametrize("stated", [["1.50", "1.745"], ["1.755", "2.00"]])
def test_the_ends_of_a_range_are_widened_by_half_a_unit_and_belong_to_it(tmp_path, stated):
    stated = [stated[0], "1.74"] if stated[0] == "1.50" else ["1.76", stated[1]]
    parts = [{"file": "ends", "select": "value"}]
    written = row(check="inside", stated=stated, reading=[reading(**{"from": parts, "reduce": "extent"})])
    write_paper(tmp_path / "paper")
    for value, verdict in ((1.745 if stated[1] == "1.74" else 1.755, "supported"), (1.7475, "contradicted")):
        (tmp_path / "paper" / "results_ends.json").write_text(json.dumps({"value": value}))
        assert findings_of(tmp_path, written)[0] == verdict


def test_an_unknown_check_is_refused(tmp_path):
    (tmp_path / "claims").mkdir()
    write_rows(tmp_path, row())
    (parsed,) = load_rows(tmp_path / "claims" / "published.toml", project())
    with pytest.raises(InputError, match=r"^C001: unknown check 'roughly'$"):
        agrees(replace(parsed, check="roughly"), (1.0,))


def test_all_files_that_hold_a_key_count(tmp_path):
    write_paper(tmp_path / "paper")
    (tmp_path / "paper" / "results_more.json").write_text(json.dumps({"n_layers": 5}))
    every = [{"file": "*", "select": "n_layers"}]
    (finding,) = findings_of(tmp_path, row(reading=[reading(**{"from": every, "reduce": "sum"})]))[1]
    assert finding.values == (7.0,) and finding.n == 2


def test_a_quantity_of_a_list_takes_all_that_is_selected(tmp_path):
    parts = [{"file": "fits", "select": "layers", "quantity": "alpha_difference"}]
    (finding,) = findings_of(tmp_path, row(reading=[reading(**{"from": parts})]))[1]
    assert finding.values == pytest.approx([-0.5]) and finding.n == 1


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"file": "nowhere", "select": "x"}, "nowhere: no such file"),
        ({"file": "fits", "select": "layers[].name", "quantity": "alpha"}, "fits: alpha cannot be computed: "),
        ({"file": "fits", "select": "layers", "quantity": "width_ratio"}, "fits: width_ratio cannot be computed: "),
        ({"file": "*", "select": "nothing"}, "the selector finds nothing"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, part, message):
    with pytest.raises(NotEvaluable) as error:
        findings_of(tmp_path, row(reading=[reading(**{"from": [part]})]))
    assert str(error.value).startswith(message)


def test_a_wrong_verdict_comes_with_its_value(house, capsys):
    for changes in ({"verdict": "contradicted"}, {"reading": [reading(stored_agrees=False)]}):
        write_rows(house, row(**changes))
        assert gate(house, "--format", "json") == 1
        found = json.loads(capsys.readouterr().out)["other"]["published"]["C001"]
        assert found["value"] == pytest.approx(1.75) and found["n"] == 1 and found["stated"] == "1.75"
    layers = copy.deepcopy(LAYERS)
    layers[1]["h_exact"][0] *= 1.5
    write_rows(house, row())
    write_paper(house / "paper", layers)
    audit(house, "--format", "json")
    found = json.loads(capsys.readouterr().out)["other"]["published"]["C001"]
    assert found["value"] == pytest.approx(1.75) and found["detail"].startswith("reading 1: frozen [1.7")


def test_more_readings_than_frozen_are_seen(house, capsys):
    write_rows(house, row(reading=[reading(), reading()]))
    assert audit(house) == 1
    assert "1 readings frozen, 2 recomputed" in " ".join(capsys.readouterr().out.split())


def test_stored_values_agree_up_to_the_rounding_of_a_fit(tmp_path):
    for factor, same in ((1 + 5e-7, True), (1 + 2e-6, False)):
        write_paper(tmp_path / "paper", summary=SUMMARY | {"mean_alpha": 1.75 * factor})
        written = row(reading=[reading(stored=STORED, stored_agrees=same)])
        assert findings_of(tmp_path, written)[1][0].stored_agrees is same


def test_the_audit_stands_with_and_without_the_papers_files(house, capsys):
    assert gate(house) == 0
    assert "published: 1 pass; replication: 1 pass; files" in capsys.readouterr().out
    assert audit(house) == 0
    assert "published files: 2 pass" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "contradicted"},
        {"verdict": "ambiguous"},
        {"stated": "1.76"},
        {"stated": "1.8"},  # still true, and not what was audited
        {"printed": "1.8"},
        {"rests_on": "neither"},
        {"check": "below"},
        {"unit": "%"},
        {"reading": [reading(), reading()]},
        {"reading": [reading(stored_agrees=False)]},
    ],
)
@pytest.mark.parametrize("judge", [gate, audit])
def test_a_row_that_is_not_as_audited_exits_1_and_is_named(house, capsys, changes, judge):
    write_rows(house, row(**changes))
    assert judge(house) == 1
    assert "C001" in capsys.readouterr().out


def test_a_changed_reading_is_seen_with_the_papers_files(house):
    write_rows(house, row(reading=[reading(reduce="max")]))
    assert audit(house) == 1


def test_one_changed_value_of_the_paper_exits_1_and_names_row_and_file(house, capsys):
    layers = copy.deepcopy(LAYERS)
    layers[1]["h_exact"][0] *= 1 + 1e-7
    write_paper(house / "paper", layers)
    assert audit(house) == 1
    out = capsys.readouterr().out
    assert "C001" in out and "results_fits.json" in out and "results_summary" not in out


@pytest.mark.parametrize("name", ["results_fits.json", "results_summary.json"])
def test_a_missing_file_of_the_paper_exits_3(house, capsys, name):
    (house / "paper" / name).unlink()
    assert audit(house, "--format", "github") == 3
    assert f"title=MISSING {name}::a published file of the frozen audit that is not there\n" in capsys.readouterr().out


def test_a_file_the_audit_does_not_know_exits_1(house):
    (house / "paper" / "results_new.json").write_text("{}")
    assert audit(house) == 1


def test_without_any_file_of_the_paper_the_gate_exits_2(house, capsys):
    assert gate(house, "--published", f"{house}/nowhere") == 2
    assert "results_*.json" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", '{"a": 1, "a": 2}', ""])
def test_a_damaged_file_of_the_paper_exits_2(house, text):
    (house / "paper" / "results_fits.json").write_text(text)
    assert audit(house) == 2


def test_a_pipe_among_the_papers_files_is_not_waited_for(house):
    os.mkfifo(house / "paper" / "results_pipe.json")
    assert audit(house) == 2


def test_a_file_of_the_paper_is_read_up_to_a_size(house, monkeypatch):
    size = max(path.stat().st_size for path in (house / "paper").iterdir())
    monkeypatch.setattr(source, "MAX_BYTES", size)
    assert audit(house) == 0
    monkeypatch.setattr(source, "MAX_BYTES", size - 1)
    assert audit(house) == 2


def test_bytes_that_are_no_text_exit_2(house):
    (house / "paper" / "results_fits.json").write_bytes(b"\xff\xfe")
    assert audit(house) == 2


def test_a_raw_value_that_is_no_number_exits_3(house):
    for bad in (float("nan"), None, "x"):
        layers = copy.deepcopy(LAYERS)
        layers[0]["sigma"][2] = bad
        write_paper(house / "paper", layers)
        assert audit(house) == 3


def test_a_lost_row_exits_3_and_so_does_the_lost_audit_file(house, capsys):
    write_rows(house, row("C002"))
    assert gate(house) == 3
    assert "C001" in capsys.readouterr().out
    (house / "claims" / "published.toml").unlink()
    assert gate(house) == 3


def test_a_row_that_was_never_frozen_exits_3(house, capsys):
    write_rows(house, row(), row("C002"))
    assert gate(house) == 3
    assert "not in the frozen audit" in " ".join(capsys.readouterr().out.split())


def test_a_changed_frozen_value_exits_1_even_when_sealed_anew(house):
    path = house / "results" / "published_audit" / "spectral_asymptotics.json"
    record = json.loads(path.read_text())
    record["measurements"]["rows"]["C001"]["readings"][0]["values"] = [1.9]
    path.write_text(json.dumps(record))
    assert gate(house) == 1
    freeze(house / "results")
    assert gate(house) == 1


def test_a_changed_frozen_verdict_exits_1_even_when_sealed_anew(house, capsys):
    path = house / "results" / "published_audit" / "spectral_asymptotics.json"
    record = json.loads(path.read_text())
    record["measurements"]["rows"]["C001"]["verdict"] = "contradicted"
    path.write_text(json.dumps(record))
    freeze(house / "results")
    assert gate(house) == 1
    assert "frozen as contradicted, which its values do not add up to" in " ".join(capsys.readouterr().out.split())


def test_a_claim_may_count_the_audit(house):
    audited = claim_text(
        records=["published_audit/spectral_asymptotics.json"],
        sentence="The audit supports this many.",
        select="length(measurements.rows.* | [?verdict=='supported'])",
        quantity=None,
        reduce="same",
        stated="1",
    )
    write_claims(house, audited)
    assert gate(house) == 0
    write_claims(house, audited.replace('stated = "1"', 'stated = "2"'))
    assert gate(house) == 1


@pytest.mark.parametrize("damage", [{"rows": {"C001": {}}, "files": {}}, {"rows": []}, [], None])
def test_a_frozen_audit_that_is_not_laid_out_as_expected_exits_2(house, damage):
    path = house / "results" / "published_audit" / "spectral_asymptotics.json"
    record = json.loads(path.read_text())
    record["measurements"] = damage
    path.write_text(json.dumps(record))
    assert gate(house) == 2


def test_unsupported_means_that_no_file_mentions_it(tmp_path):
    absent = row(verdict="unsupported", reading=None, absent=["adamw"])
    house = build_audit(tmp_path, absent)
    assert audit(house) == 0
    write_rows(house, row(verdict="unsupported", reading=None, absent=["SYNTHETIC"]))  # a text of the summary
    assert audit(house) == 3
    for word in ("mean_alpha", "summary"):  # a key, a file name
        write_rows(house, row(verdict="unsupported", reading=None, absent=[word]))
        assert audit(house) == 3
    write_rows(house, absent)
    write_paper(house / "paper", summary=SUMMARY | {"AdamW_accuracy": 92.7})
    assert audit(house) == 3


def test_values_that_must_agree_and_do_not_exit_1_and_are_shown(tmp_path, capsys):
    one = [{"file": "fits", "select": "layers[0]", "quantity": "alpha"}]
    house = build_audit(tmp_path, row(stated="2.0", reading=[reading(**{"from": one, "reduce": "same"})]))
    write_rows(house, row(stated="2.0", reading=[reading(reduce="same")]))
    assert audit(house, "--format", "github") == 1
    told = capsys.readouterr().out
    assert "title=FAIL C001::stated 1.75: expected one value throughout, found 1.5 to 2\n" in told


def test_a_stored_value_that_no_longer_agrees_is_told(tmp_path, capsys):
    wrong = [{"file": "summary", "select": "wrong_mean"}]
    house = build_audit(tmp_path, row(reading=[reading(stored=wrong, stored_agrees=False)]))
    write_rows(house, row(reading=[reading(stored=wrong)]))
    assert gate(house, "--format", "github") == 1
    assert "the stored value does not agree with the recomputed one, recorded otherwise" in capsys.readouterr().out


def test_freezing_shows_what_changes_and_needs_the_paper(house, capsys):
    assert gate(house, "--freeze") == 2
    assert "--published DIR" in capsys.readouterr().err
    assert audit(house, "--freeze") == 0
    assert "C001" not in capsys.readouterr().out  # nothing changed
    write_rows(house, row(reading=[reading(reduce="max")], verdict="contradicted"), row("C002"))
    assert audit(house, "--freeze") == 0
    out = capsys.readouterr().out
    assert "C001: 1.75 -> 2\n" in out and "C002: absent -> 1.75" in out and "changed published_audit/" in out
    assert audit(house) == 0


def test_freezing_replaces_a_record_that_is_laid_out_otherwise(house, capsys):
    path = house / "results" / "published_audit" / "spectral_asymptotics.json"
    path.write_text(path.read_text().replace('"verdict"', '"result"'))
    assert audit(house) == 2
    assert audit(house, "--freeze") == 0
    assert "C001: absent -> 1.75" in capsys.readouterr().out
    assert audit(house) == 0


def test_freezing_what_cannot_be_evaluated_changes_nothing(house, capsys):
    path = house / "results" / "published_audit" / "spectral_asymptotics.json"
    before = path.read_bytes()
    broken = reading(**{"from": [{"file": "fits", "select": "nothing"}]})
    write_rows(house, row(reading=[broken]))
    assert audit(house, "--freeze") == 2
    assert "C001" in capsys.readouterr().err and path.read_bytes() == before


def test_the_evidence_names_file_selector_and_meaning(house, capsys):
    audit(house, "-v")
    out = " ".join(capsys.readouterr().out.split())
    assert "results_fits.json: layers | alpha | mean" in out and "supported: 1.75" in out
