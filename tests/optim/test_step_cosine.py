import numpy as np
import pytest
import torch

from layercurv.errors import InputError
from layercurv.optim import spectral_step, step_cosine
from tests.compare import assert_close


def draw(m, n):
    return torch.randn(m, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("alpha", [1, 1.5, 2, 3])
@pytest.mark.parametrize("shape", [(12, 5), (5, 12)])
def test_equals_the_formula_on_singular_values(shape, alpha):
    gradient = draw(*shape)
    sigma = np.linalg.svd(gradient.numpy(), compute_uv=False)
    T = sigma / (sigma**alpha + 0.1)
    expected = (sigma @ T) / (np.linalg.norm(sigma) * np.linalg.norm(T))
    assert_close(step_cosine(gradient, alpha, 0.1), expected, 1e-10)


def test_equals_the_cosine_of_the_two_steps():
    gradient = draw(6, 9)
    step = spectral_step(gradient, 1.5, 0.2)
    expected = torch.nn.functional.cosine_similarity(step.flatten(), gradient.flatten(), dim=0)
    assert_close(step_cosine(gradient, 1.5, 0.2), expected, 1e-12)


def test_is_one_for_equal_singular_values_and_at_huge_damping():
    turn = torch.linalg.qr(draw(7, 7)).Q
    assert_close(step_cosine(3 * turn, 2, 0.1), 1.0, 1e-12)
    assert_close(step_cosine(draw(4, 9), 2, 1e8), 1.0, 1e-12)
    assert step_cosine(draw(4, 9), 2, 0.1) < 0.9


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_does_not_depend_on_scale_when_the_damping_follows(scale):
    gradient = draw(5, 8)
    expected = step_cosine(gradient, 1, 0.3)
    assert_close(step_cosine((scale * gradient).float(), 1, 0.3 * scale), expected, 1e-5)


def test_a_zero_gradient_has_no_cosine():
    with pytest.raises(InputError, match=r"not zero, got zeros of shape \(2, 3\)"):
        step_cosine(torch.zeros(2, 3), 2, 0.1)
