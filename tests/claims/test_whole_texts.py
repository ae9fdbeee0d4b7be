"""Whole reports, messages and help texts, word for word."""

import json
import re

import pytest

from claimgate.claim import Status, Verdict
from claimgate.command import COMMANDS
from claimgate.command import main as package_main
from claimgate.coverage import Coverage, tell_numerals
from claimgate.load import load_claims
from claimgate.published.load import load_rows
from claimgate.report import FORMATS
from claimgate.report.table import as_table
from claimgate.typed import load_exemptions
from claimgate.verification import Verification
from layercurv.claims.command import main
from layercurv.claims.house import project
from layercurv.errors import InputError
from layercurv.results.manifest import freeze
from tests.claims.golden import assert_golden
from tests.claims.house import MEDIAN, RECORDS, claim_text, gate, write_claims, write_floor
from tests.claims.published.planted import audit, build_audit, reading, row, write_rows
from tests.claims.published.test_load import BAD_ROWS
from tests.claims.published.test_replication import plan
from tests.claims.test_coverage import BAD_NAMES
from tests.claims.test_gate import BAD_CLAIMS
from tests.claims.test_result_sets import write as write_accuracies

NUMBER = {"quantity": None, "reduce": "mean", "stated": "0.70"}
CLAIMS = [
    claim_text(id="claim.right", stated=MEDIAN, sentence="At small scale, α: rounded, as stated."),
    claim_text(id="claim.wrong", stated="9.999", within="mean"),
    claim_text(id="claim.percent", select="measurements.training.test_accuracy", unit="%", **NUMBER | {"stated": "50"}),
    claim_text(id="claim.absent", select="measurements.nothing", **NUMBER),
    claim_text(id="claim.fails", select="abs(measurements.layers)", **NUMBER),
    claim_text(id="claim.text", select="provenance.code.commit", **NUMBER),
    claim_text(id="claim.differs", select="provenance.seed", **NUMBER | {"reduce": "same"}),
    claim_text(id="claim.key", select="provenance", stated="1"),
    claim_text(id="claim.type", select="provenance.seed", stated="1"),
    claim_text(id="claim.one", select="provenance.seed", **NUMBER | {"within": "std"}),
    claim_text(id="claim.lost", records=["alpha_map/lost.small.json"], **NUMBER | {"select": "x"}),
    claim_text(id="claim.broken", records=["alpha_map/broken.small.json"], **NUMBER | {"select": "x"}),
    claim_text(id="claim.bytes", records=["alpha_map/bytes.small.json"], **NUMBER | {"select": "x"}),
]
STORED = [{"file": "summary", "select": "mean_alpha"}]
ROWS = [
    row(reading=[reading(stored=STORED)], replication=plan("replicated", reason="Said so.")),
    row("C002", stated="1.9", verdict="contradicted"),
    row("C003", reading=[reading(), reading(reduce="max")], verdict="ambiguous"),
    row("C004", reading=None, absent=["adamw"], verdict="unsupported"),
    row("C005", stated=["1.5", "2.0"], check="inside", reading=[reading(reduce="extent")]),
    row("C006", reading=[reading(stored=[{"file": "summary", "select": "wrong_mean"}], stored_agrees=False)]),
]
RIGHT_ROWS = [row(reading=[reading(stored=STORED)], replication=plan("not_replicated")), *ROWS[1:]]
CHANGED_ROWS = [
    row(reading=[reading(stored=STORED, stored_agrees=False)], replication=plan("replicated")),
    row("C002", stated="1.9", verdict="supported"),
    row("C003", reading=[reading()], verdict="supported"),
    row("C004", reading=None, absent=["synthetic"], verdict="unsupported"),
    row("C005", stated=["1.5", "2.5"], check="inside", reading=[reading(reduce="extent")], printed="other"),
    row("C007"),
]


@pytest.fixture
def wrong_house(tmp_path):
    """Everything that can be wrong at once."""
    house = build_audit(tmp_path, *ROWS)
    write_claims(house, *CLAIMS)
    write_floor(house, claims=20)
    results = house / "results" / "alpha_map"
    (results / "broken.small.json").write_text("{")
    (results / "bytes.small.json").write_bytes(b"\xff")
    (results.parent / "unknown").mkdir()
    (results.parent / "unknown" / "x.small.json").write_text("{}")
    freeze(house / "results")
    (results.parent / "unknown" / "x.small.json").write_text("[]")
    (results / "extra.small.json").write_text("{}")
    for name in (RECORDS[1], "alpha_map/net_seed2.small.json"):
        path = house / "results" / name
        record = json.loads(path.read_text())
        record["measurements"]["mean_loss"] = None
        if name == RECORDS[1]:
            del record["measurements"]["n_samples"]
        else:
            record["measurements"] |= {"n_samples": "many", "training": [], "layers": 5}
        path.write_text(json.dumps(record))
    manifest = house / "results" / "SHA256SUMS"
    manifest.write_text(manifest.read_text() + f"{'0' * 64}  alpha_map/gone.small.json\n")
    return house


@pytest.mark.parametrize("options", [(), ("-v",)])
@pytest.mark.parametrize("name", FORMATS)
def test_whole_reports(wrong_house, capsys, name, options):
    assert gate(wrong_house, "--format", name, *options) == 2
    text = re.sub(r"SHA-256 now [0-9a-f]{12}", "SHA-256 now DIGEST", capsys.readouterr().out)
    text = text.replace(str(wrong_house), "HOUSE")
    text = text.replace("><", ">\n<") if name == "junit" else text
    assert_golden(f"report{''.join(options)}.{name}.txt", re.sub(r" +\n", "\n", text))


@pytest.mark.parametrize("width", [72, 110])
def test_whole_table_in_colours_where_space_is_short(width):
    long = "A sentence that is longer than the line it is to be printed on, and has to be broken somewhere."
    found = [
        Verdict(
            "claim.with_a_name_of_more_than_thirty_letters", Status.FAIL, long, 12345.678, (1.0,) * 9, "12345.678%"
        ),
        Verdict(
            "short", Status.PASS, "as found", 1.0, (1.0, 2.0), "an entry of more than twenty letters", long, ("file",)
        ),
        Verdict("lost", Status.MISSING, "no such file"),
        Verdict("broken", Status.MALFORMED, "no text"),
    ]
    texts = [
        as_table(Verification({"claims": verdicts}), True, colour=True, width=width) for verdicts in (found, found[1:2])
    ]
    assert_golden(f"colours{width}.txt", "\n".join(texts))


def test_whole_audit(tmp_path, capsys):
    house = build_audit(tmp_path, *RIGHT_ROWS)
    capsys.readouterr()
    assert audit(house, "--format", "json", "-v") == 0
    assert_golden("audit.json.txt", capsys.readouterr().out, house)
    write_rows(house, *CHANGED_ROWS)
    (house / "paper" / "results_fits.json").write_text('{"layers": []}')
    (house / "paper" / "results_new.json").write_text("{}")
    for judge, name in ((gate, "changed_rows"), (audit, "changed_paper")):
        assert judge(house, "--format", "github", "-v") == 3
        text = re.sub(r"SHA-256 now [0-9a-f]{12}", "SHA-256 now DIGEST", capsys.readouterr().out)
        assert_golden(f"{name}.github.txt", text, house)


def test_whole_freezing(tmp_path, capsys):
    house = build_audit(tmp_path, *ROWS)
    capsys.readouterr()
    write_rows(house, row(stated="1.9", verdict="contradicted", reading=[reading(reduce="max")]), row("C008"))
    assert audit(house, "--freeze") == 0
    assert_golden("freeze.txt", capsys.readouterr().out, house)
    record = json.loads((house / "results" / "published_audit" / "spectral_asymptotics.json").read_text())
    assert set(record["provenance"]["versions"]) == {"python", "layercurv", "numpy", "scipy"}
    assert record["provenance"]["finished_utc"].endswith("+00:00")
    for part in (record["provenance"], record["measurements"]["files"]):
        part.clear()
    assert_golden("frozen.json", json.dumps(record, indent=1), house)


def test_whole_coverage(tmp_path):
    lines = []
    for found in (
        Coverage(20, 7, 0, {"formula": 3, "rule": 0, "name": 2}, [], ""),
        Coverage(0, 0, 5, {"formula": 0}, ["one", "two", *"abcdefghij"], "only in the paper: '5'"),
        tell_numerals("⟦1⟧ of ⟨5⟩ and ⦃12⦄, ⦃2⦄ or 50,000 " + "x" * 40, re.compile(r"(?!)"), "differs"),
    ):
        lines += [f"{verdict.subject}: {verdict.status.name}: {verdict.detail}" for verdict in found.verdicts()]
    path = tmp_path / "numerals.toml"
    for text in BAD_NAMES:
        path.write_text(text)
        with pytest.raises(InputError) as error:
            load_exemptions(path)
        lines.append(str(error.value))
    for text in ("⟦1 of them", "so many 1⟧ of them"):
        with pytest.raises(InputError) as error:
            tell_numerals(text, re.compile(r"(?!)"))
        lines.append(str(error.value))
    assert_golden("coverage.txt", "\n".join(lines), tmp_path)


def test_whole_comparison(tmp_path, capsys):
    a, b = tmp_path / "a", tmp_path / "b"
    for folder, shift in ((a, 0.0), (b, 0.001)):
        write_accuracies(folder, "same", (0.90, 0.91, 0.92))
        write_accuracies(folder, "one_seed", [0.5 + shift])
        write_accuracies(folder, "shifted", [0.5 + 100 * shift + 0.001 * i for i in range(4)])
    write_accuracies(a, "first_only", (0.5, 0.6))
    write_accuracies(b, "second_only", [0.123456789])
    (a / "other").mkdir()
    (a / "other" / "x.small.json").write_text("no record of an experiment with headlines")
    for options in ((), ("--partial",)):
        assert main(["diff", str(a), str(b), *options]) == 3
        assert_golden(f"diff{''.join(options)}.txt", re.sub(r" +\n", "\n", capsys.readouterr().out))


def test_whole_messages_of_malformed_claims(house):
    messages = []
    for changes in BAD_CLAIMS:
        write_claims(house, claim_text(**({"stated": MEDIAN} | changes)))
        with pytest.raises(InputError) as error:
            load_claims(house / "claims", project())
        messages.append(f"{changes}: {error.value}")
    assert_golden("bad_claims.txt", "\n".join(messages), house)


def test_whole_messages_of_malformed_rows(tmp_path):
    (tmp_path / "claims").mkdir()
    messages = []
    for changes in BAD_ROWS:
        write_rows(tmp_path, row(), row(**{"id": "C002"} | changes))
        with pytest.raises(InputError) as error:
            load_rows(tmp_path / "claims" / "published.toml", project())
        messages.append(f"{changes}: {error.value}")
    assert_golden("bad_rows.txt", "\n".join(messages), tmp_path)


@pytest.mark.parametrize("command", [(), ("diff",), ("coverage",), ("sentences",), ("report",)])
def test_whole_help(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "160")
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    assert_golden(f"help{'_'.join(('', *command))}.txt", re.sub(r"[ \n]+", " ", capsys.readouterr().out))


def test_whole_help_of_the_package(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    for command in ((), *((name,) for name in COMMANDS)):
        with pytest.raises(SystemExit) as stop:
            package_main([*command, "--help"])
        assert stop.value.code == 0
    assert_golden("help_claimgate.txt", re.sub(r"[ \n]+", " ", capsys.readouterr().out).replace(" usage:", "\nusage:"))
