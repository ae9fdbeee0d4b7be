"""What a claim recomputes of the records on sampling noise, against the reference and against the audit."""

import pytest

from claimgate.published.load import load_rows
from layercurv.claims.house import project
from layercurv.claims.noise_quantities import NOISE_QUANTITIES, PRINTED, PUBLISHED_ALPHA
from tests.noise_records import measured, predicted
from tests.reference.noise import quantity as reference

OF_RECORDS = {
    "median_noise_level": measured(),
    "median_signal_ratio": measured(),
    "median_moment_share": measured(),
    "crossover_batch": predicted(),
}


@pytest.mark.parametrize("name", sorted(set(NOISE_QUANTITIES) - {*OF_RECORDS, "mean_of_draws", "ggn_share"}))
def test_every_quantity_of_a_layer_is_what_the_reference_finds(name):
    for seed in (0, 1):
        for layer in measured(seed)["measurements"]["layers"]:
            assert NOISE_QUANTITIES[name](layer) == pytest.approx(reference(name, layer), rel=1e-8, abs=1e-9)


def test_share_of_the_gauss_newton_value_skips_null_directions():
    layer = measured()["measurements"]["layers"][0]
    assert NOISE_QUANTITIES["ggn_share"](layer) == pytest.approx(1 / 1.1)
    layer["curvatures"][-1] = 1e9  # a null direction
    assert NOISE_QUANTITIES["ggn_share"](layer) == pytest.approx(reference("ggn_share", layer))


@pytest.mark.parametrize("name", sorted(OF_RECORDS))
def test_every_quantity_of_a_record_is_what_the_reference_finds(name):
    assert NOISE_QUANTITIES[name](OF_RECORDS[name]) == pytest.approx(reference(name, OF_RECORDS[name]))


def test_a_pool_without_signal_has_an_infinite_crossover():
    record = predicted()
    for layer in record["measurements"]["layers"]:
        layer["pool_squared_norm"] = 0.0
    assert NOISE_QUANTITIES["crossover_batch"](record) == float("inf")


def test_the_rival_is_what_the_source_paper_prints(root):
    stated = {row.id: row.stated for row in load_rows(root / "claims" / "published.toml", project())}
    assert sorted(PRINTED) == sorted({row for rows in PUBLISHED_ALPHA.values() for row in rows})
    for row, value in PRINTED.items():
        assert [float(text) for text in stated[row]] == [value], row
