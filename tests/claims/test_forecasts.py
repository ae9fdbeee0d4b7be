"""Claims that hold measurements against predictions made beforehand."""

import json

import pytest

from claimgate.checks import FORECASTS
from claimgate.engine import judge, recompute
from claimgate.load import load_claims
from claimgate.records import SealedRecords
from layercurv.claims.house import project
from layercurv.errors import InputError
from layercurv.results.manifest import freeze
from tests.claims.house import claim_text
from tests.noise_records import measured, predicted
from tests.reference.claims import claim_is_true

RECORDS = [f"sampling_noise/net_seed{seed}.small.json" for seed in (0, 1)]
REFERENCE = [f"noise_prediction/net_seed{seed}.small.json" for seed in (0, 1)]
FORECAST = {
    "records": RECORDS,
    "reference": REFERENCE,
    "select": "measurements.layers",
    "quantity": "sampled_alpha",
    "draws": "measurements.layers[].sign_flips.alphas",
    "paired_on": "[measurements.weights_sha256, measurements.layers[].name]",
    "reduce": "forecast_rmse",
}


@pytest.fixture
def house(tmp_path):
    for folder, make in (("sampling_noise", measured), ("noise_prediction", predicted)):
        (tmp_path / "results" / folder).mkdir(parents=True)
        for seed in (0, 1):
            write(tmp_path, f"{folder}/net_seed{seed}.small.json", make(seed))
    (tmp_path / "claims").mkdir()
    return tmp_path


def write(house, name, record):
    (house / "results" / name).write_text(json.dumps(record))


def claim_of(house, **changes):
    (house / "claims" / "test.toml").write_text(claim_text(**(FORECAST | changes)))
    freeze(house / "results")
    (claim,) = load_claims(house / "claims", project())
    return claim


@pytest.mark.parametrize("forecast", sorted(FORECASTS))
def test_every_quality_is_what_the_reference_finds(house, forecast):
    claim = claim_of(house, reduce=forecast)
    records = SealedRecords(house / "results", project())
    value, values = recompute(claim, records)
    assert len(values) == 8
    documents = [[records.get(name)[0] for name in names] for names in (RECORDS, REFERENCE)]
    for moved, truth in ((0, True), (0.0015, False)):
        stated = claim_of(house, reduce=forecast, stated=f"{value + moved:.3f}")
        assert (judge(stated, records).status.value == "pass") == claim_is_true(stated, *documents) == truth


def test_a_forecast_of_another_network_is_no_forecast(house):
    write(house, REFERENCE[0], predicted(1))
    verdict = judge(claim_of(house), SealedRecords(house / "results", project()))
    assert verdict.status.value == "missing" and "is not the counterpart of" in verdict.detail


def test_a_layer_without_prediction_is_not_left_out(house):
    record = predicted(0)
    record["measurements"]["layers"][2]["sign_flips"] = None
    write(house, REFERENCE[0], record)
    verdict = judge(claim_of(house), SealedRecords(house / "results", project()))
    assert verdict.status.value == "missing" and "expected a value of each of 4 elements, number 2" in verdict.detail


def test_a_layer_without_prediction_may_not_be_filtered_away(house):
    record = predicted(0)
    record["measurements"]["layers"][2]["sign_flips"] = None
    write(house, REFERENCE[0], record)
    claim = claim_of(house, draws="measurements.layers[?sign_flips != null].sign_flips.alphas")
    verdict = judge(claim, SealedRecords(house / "results", project()))
    assert verdict.status.value == "missing" and "expected as many predictions" in verdict.detail


def test_a_draw_that_is_no_number_is_missing(house):
    record = predicted(0)
    record["measurements"]["layers"][2]["sign_flips"]["alphas"][1] = None
    write(house, REFERENCE[0], record)
    assert judge(claim_of(house), SealedRecords(house / "results", project())).status.value == "missing"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": REFERENCE[:1]}, "one reference record for each record"),
        ({"draws": None}, "`draws` and `paired_on`"),
        ({"paired_on": None}, "`draws` and `paired_on`"),
        ({"within": "mean"}, "item by item"),
        ({"reduce": "mean_difference", "within": "mean"}, "with forecast_bias"),
        ({"draws": "]["}, "JMESPath"),
    ],
)
def test_half_a_forecast_is_refused(house, changes, message):
    with pytest.raises(InputError, match=message):
        claim_of(house, **changes)
