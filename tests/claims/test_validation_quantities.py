"""What a claim recomputes of hvp_validation and conv_gap records, against closed forms and the reference."""

import json
import math

import numpy as np
import pytest

from layercurv.claims.validation_quantities import GAP_TERMS, KINDS, VALIDATION_QUANTITIES
from tests.reference.validation import names
from tests.reference.validation import quantity as reference

SIGMA = np.array([4.0, 2.0, 1.0, 0.5])


def curvature_layer(h, ggn=None, is_null=(False, False, False, False)) -> dict:
    ggn = h if ggn is None else ggn
    lists = {"singular_values": SIGMA, "curvatures": h, "ggn_curvatures": ggn, "is_null": is_null}
    return {name: np.asarray(values).tolist() for name, values in lists.items()}


def frozen(root, experiment: str) -> list[dict]:
    path = root / "results" / experiment / "resnet18_cifar10_seed1.small.json"
    return json.loads(path.read_text())["measurements"]["layers"]


@pytest.mark.parametrize("name", sorted(names(VALIDATION_QUANTITIES) - {"finite_difference_error"}))
def test_every_quantity_of_frozen_layers_is_what_the_reference_finds(root, name):
    experiment = "conv_gap" if name.startswith(("chi", "gap")) else "hvp_validation"
    for layer in frozen(root, experiment):
        assert VALIDATION_QUANTITIES[name](layer) == pytest.approx(reference(name, layer), rel=1e-8, abs=1e-9)


def test_all_validation_quantities_have_a_reference():
    assert names(VALIDATION_QUANTITIES) == set(VALIDATION_QUANTITIES)


def test_r2_is_one_for_the_planted_power_alone():
    for power, other in ((2, 3), (3, 2)):
        layer = curvature_layer(5 * SIGMA**power + 1)
        assert VALIDATION_QUANTITIES[f"r2_sigma{power}"](layer) == pytest.approx(1, abs=1e-12)
        assert VALIDATION_QUANTITIES[f"r2_sigma{other}"](layer) < 0.99
    outlier = curvature_layer([100.0, 4.0, 1.0, 0.25])
    assert VALIDATION_QUANTITIES["r2_sigma2_without_first"](outlier) == pytest.approx(1, abs=1e-12)
    assert VALIDATION_QUANTITIES["r2_sigma2"](outlier) < 0.99


def test_ggn_is_compared_off_null_directions():
    h, ggn, null = [2.0, 1.0, 0.5, 1e-12], [2.0, 1.25, 0.5, 5.0], (False, False, False, True)
    layer = curvature_layer(h, ggn, null)
    assert VALIDATION_QUANTITIES["ggn_difference"](layer) == pytest.approx(0.25)
    assert VALIDATION_QUANTITIES["r2_ggn"](layer) == pytest.approx(np.corrcoef(h[:3], ggn[:3])[0, 1] ** 2)
    assert math.isnan(VALIDATION_QUANTITIES["ggn_difference"](curvature_layer(h, [math.nan, *ggn[1:]], null)))


def test_finite_difference_error_is_the_median_over_all_layers_at_the_best_step():
    layers = [{"exact": [1.0, 2.0], "found": [[1.5, 2.0], [1.1, 6.0]]}, {"exact": [4.0], "found": [[-4.0], [5.0]]}]
    # relative errors: 0.5, 0, 2 at the first step; 0.1, 2, 0.25 at the second
    assert VALIDATION_QUANTITIES["finite_difference_error"]({"layers": layers}) == pytest.approx(0.25)
    first = [{**layer, "found": layer["found"][:1]} for layer in layers]
    assert VALIDATION_QUANTITIES["finite_difference_error"]({"layers": first}) == pytest.approx(0.5)
    assert reference("finite_difference_error", {"layers": layers}) == pytest.approx(0.25)


@pytest.mark.parametrize("found", [[], [[1.0, 2.0]], [[1.0], [2.0]]])
def test_finite_differences_without_steps_or_of_other_lengths_are_refused(found):
    layers = [{"exact": [1.0], "found": [[1.0]]}, {"exact": [1.0], "found": found}]
    with pytest.raises(ValueError, match=r"zip|broadcast"):
        VALIDATION_QUANTITIES["finite_difference_error"]({"layers": layers})


def test_chi_of_a_gap_record_leaves_out_null_and_negative_directions():
    gap = {"empirical": {"kronecker": [0.05, 0.025, 0.1, 0.0, 1.0, 0.1]}}
    null = [False, False, False, False, True, False]
    entry = {"curvatures": [0.5, 2.5, -1.0, 1.0, 7.0, 0.0], "is_null": null, "gap": gap}
    assert VALIDATION_QUANTITIES["chi_median"](entry) == pytest.approx((10 + 100) / 2)
    assert VALIDATION_QUANTITIES["chi_log10_median"](entry) == pytest.approx(math.log10((10 + 100) / 2))


def test_gap_slopes_are_those_planted_and_use_the_directions_of_alpha():
    powers = {"kronecker": 1.5, "concentration": 0.25, "sud": 0.75}
    gap = {name: (3 * SIGMA**power).tolist() for name, power in powers.items()}
    layer = curvature_layer(7 * SIGMA**2.25, is_null=(False, False, False, True))
    layer["singular_values"][3] = 1e-9  # null: would bend every line
    layer["gap"] = {kind: gap for kind in KINDS}
    for term in GAP_TERMS:
        for kind in KINDS:
            found = VALIDATION_QUANTITIES[f"gap_slope_{term}_{kind}"](layer)
            assert found == pytest.approx((powers | {"chi": 0.75})[term], abs=1e-12)
