import numpy as np
import pytest

from layercurv.fits import step_survival
from layercurv.fits.step_survival import STEPS

SIGMA = np.geomspace(1, 0.01, 9)
NONE = np.zeros(9, bool)


@pytest.mark.parametrize("step", STEPS)
def test_samples_that_agree_keep_all_of_any_step(step):
    assert step_survival(SIGMA, SIGMA, NONE, step) == pytest.approx(1)
    assert step_survival(SIGMA, 0.3 * SIGMA, NONE, step) == pytest.approx(0.3)


@pytest.mark.parametrize("step", STEPS)
def test_it_is_the_ratio_of_the_losses_slopes(step):
    """Against matrices: <step, G'> / <step, G>."""
    rng = np.random.default_rng(0)
    G, fresh = rng.standard_normal((5, 7)), rng.standard_normal((5, 7))
    U, sigma, Vt = np.linalg.svd(G, full_matrices=False)
    taken = U @ np.diag(STEPS[step](sigma)) @ Vt
    found = step_survival(sigma, np.diag(U.T @ fresh @ Vt.T), np.zeros(5, bool), step)
    assert found == pytest.approx((taken * fresh).sum() / (taken * G).sum())


def test_null_directions_do_not_count():
    null = np.arange(9) == 8
    assert step_survival(SIGMA, np.where(null, 1e9, SIGMA), null, "undamped") == pytest.approx(1)


def test_signal_in_the_leading_direction_alone_survives_least_undamped():
    found = [
        step_survival(SIGMA, SIGMA * (np.arange(9) == 0), NONE, step) for step in ("gradient", "orthogonal", "undamped")
    ]
    assert found == sorted(found, reverse=True)
    assert found[2] == pytest.approx(1 / 9)
