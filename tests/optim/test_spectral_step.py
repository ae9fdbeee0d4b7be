import numpy as np
import pytest
import scipy.linalg
import torch

from layercurv.errors import InputError
from layercurv.optim import spectral_step
from tests.compare import assert_close

SHAPES = {"tall": (40, 7), "wide": (5, 60), "square": (12, 12), "row": (1, 9), "column": (9, 1)}
ALPHAS = (0.5, 1, 1.5, 2, 3)


def draw(m, n, seed=0, dtype=torch.float64):
    return torch.randn(m, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def with_spectrum(m, n, sigma, dtype=torch.float64):
    rank = len(sigma)
    left, right = (np.linalg.qr(draw(size, rank, seed).numpy())[0] for seed, size in ((1, m), (2, n)))
    return torch.from_numpy(left * np.asarray(sigma) @ right.T).to(dtype)


def by_svd(gradient, alpha, damping, rank=None):
    # numpy's full SVD in float64; `rank` keeps the leading directions only.
    left, sigma, right_t = np.linalg.svd(gradient.double().numpy(), full_matrices=False)
    left, sigma, right_t = left[:, :rank], sigma[:rank], right_t[:rank]
    return left * (sigma / (sigma**alpha + damping)) @ right_t


def relative_error(found, expected):
    return np.linalg.norm(found.double().numpy() - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("damping", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_full_svd_at_every_shape_scale_and_alpha(shape, alpha, damping, scale):
    gradient = scale * draw(*SHAPES[shape])
    damping *= scale**alpha
    # eps times sigma_1^2 / sigma_min^2, at most 1e4 here
    assert relative_error(spectral_step(gradient, alpha, damping), by_svd(gradient, alpha, damping)) < 1e-11


@pytest.mark.parametrize("alpha", ALPHAS)
def test_diagonal_gradient_gives_the_closed_form(alpha):
    sigma = torch.tensor([3.0, 1.0, 0.2, 0.0], dtype=torch.float64)
    expected = torch.diag(sigma / (sigma**alpha + 0.3))
    assert_close(spectral_step(torch.diag(sigma), alpha, 0.3), expected, 1e-12, 1e-15)


@pytest.mark.parametrize("shape", SHAPES)
def test_alpha_one_without_damping_is_the_polar_factor(shape):
    gradient = draw(*SHAPES[shape])
    m, n = gradient.shape
    expected, _ = scipy.linalg.polar(gradient.numpy(), side="right" if m >= n else "left")
    assert_close(spectral_step(gradient, 1, 0.0), expected, 1e-10, 1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_without_damping_the_null_directions_of_a_rank_deficient_gradient_take_no_step(alpha, dtype):
    gradient = with_spectrum(20, 30, [2.0, 1.0, 0.5], dtype)
    found = spectral_step(gradient, alpha, 0.0)
    # A float32 product of rank 3 differs from it by eps times sigma_1, turning its directions by eps sigma_1/sigma_3.
    assert relative_error(found, by_svd(gradient, alpha, 0.0, rank=3)) < (1e-5 if dtype is torch.float32 else 1e-10)
    assert torch.linalg.matrix_rank(found.double(), rtol=1e-5) == 3


@pytest.mark.parametrize(("sigma_3", "rank"), [(1e-6, 2), (1e-5, 3)])
def test_without_damping_the_rank_is_numpys(sigma_3, rank):
    gradient = with_spectrum(20, 30, [1.0, 0.5, sigma_3], torch.float32)  # eps max(m, n) is 3.6e-6
    assert np.linalg.matrix_rank(gradient.numpy()) == rank
    assert torch.linalg.matrix_rank(spectral_step(gradient, 1, 0.0)) == rank


@pytest.mark.parametrize("alpha", ALPHAS)
def test_with_damping_a_rank_deficient_gradient_equals_the_full_svd(alpha):
    gradient = with_spectrum(20, 30, [2.0, 1.0, 0.5])
    assert relative_error(spectral_step(gradient, alpha, 0.1), by_svd(gradient, alpha, 0.1)) < 1e-12


def test_alpha_two_without_damping_is_the_transposed_pseudo_inverse():
    gradient = with_spectrum(9, 6, [3.0, 1.0, 0.5])
    assert_close(spectral_step(gradient, 2, 0.0), np.linalg.pinv(gradient.numpy()).T, 1e-9, 1e-12)


@pytest.mark.parametrize("damping", [0.0, 0.1])
@pytest.mark.parametrize("alpha", [1, 2])
def test_a_zero_gradient_takes_a_zero_step(alpha, damping):
    assert torch.equal(spectral_step(torch.zeros(3, 4), alpha, damping), torch.zeros(3, 4))


@pytest.mark.parametrize("damping", [0.0, 1e-40, 1e-3])
@pytest.mark.parametrize("alpha", [1, 2])
def test_a_zero_row_takes_a_zero_step(alpha, damping):
    gradient = draw(6, 9, dtype=torch.float32)
    gradient[2] = 0
    found = spectral_step(gradient, alpha, damping)
    assert torch.linalg.vector_norm(found[2]) <= 1e-6 * torch.linalg.vector_norm(found)


@pytest.mark.parametrize("alpha", [1, 1.5, 2])
def test_huge_damping_gives_the_gradient_over_the_damping(alpha):
    gradient = draw(8, 11, dtype=torch.float32)
    assert_close(spectral_step(gradient, alpha, 1e8), gradient / 1e8, 1e-5)


def test_the_step_turns_and_transposes_with_the_gradient():
    gradient, turn = draw(7, 10), torch.linalg.qr(draw(7, 7, 5)).Q
    step = spectral_step(gradient, 1.5, 0.2)
    assert_close(spectral_step(turn @ gradient, 1.5, 0.2), turn @ step, 1e-10, 1e-12)
    assert_close(spectral_step(gradient.T, 1.5, 0.2), step.T, 1e-10, 1e-12)


@pytest.mark.parametrize("damping", [1e-2, 1.0])
def test_alpha_two_by_cholesky_continues_its_neighbours_by_eigenvalues(damping):
    gradient = draw(15, 25)
    for alpha in (2 - 1e-9, 2 + 1e-9):
        assert_close(spectral_step(gradient, alpha, damping), spectral_step(gradient, 2, damping), 1e-6, 1e-9)


SPECTRA = {
    "flat": np.ones(64),
    "power law": np.arange(1, 65) ** -1.5,
    "log-uniform": np.logspace(0, -6, 64),
}


@pytest.mark.parametrize("knee", [3.0, 0.3, 0.04, 1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("alpha", [1, 1.5, 2, 3])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_float32_is_as_accurate_as_stated(spectrum, alpha, knee):
    gradient, damping = with_spectrum(64, 200, SPECTRA[spectrum], torch.float32), knee**alpha
    error = relative_error(spectral_step(gradient, alpha, damping), by_svd(gradient, alpha, damping))
    in_float32 = alpha == 2 and float((gradient**2).sum()) <= 1e3 * damping
    assert error < (2e-5 if in_float32 else 1e-7)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e20, 1e30])
@pytest.mark.parametrize("alpha", [1, 1.5, 2])
def test_float32_neither_overflows_nor_underflows(alpha, scale):
    gradient = (scale * draw(10, 20)).float()
    for damping in (0.0, 0.3 * scale**alpha):
        step = spectral_step(gradient, alpha, damping)
        assert relative_error(step, by_svd(gradient, alpha, damping)) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("damping", [1e-9, 0.1])
@pytest.mark.parametrize("alpha", [1, 2])
def test_the_step_has_the_type_of_the_gradient(alpha, damping, dtype):
    assert spectral_step(draw(6, 9, dtype=dtype), alpha, damping).dtype is dtype


def test_alpha_two_with_the_usual_damping_needs_no_eigendecomposition(monkeypatch):
    def refuse(*_):
        raise AssertionError("called")

    gradient = draw(6, 9, dtype=torch.float32)
    expected = by_svd(gradient, 2, 0.1)
    for name in ("eigh", "svd"):
        monkeypatch.setattr(torch.linalg, name, refuse)
    assert relative_error(spectral_step(gradient, 2, 0.1), expected) < 1e-6


@pytest.mark.parametrize("shape", [(40, 3), (3, 40)])
@pytest.mark.parametrize(("alpha", "name"), [(2, "cholesky"), (1, "eigh")])
def test_only_the_smaller_gram_matrix_is_factorised(shape, alpha, name, monkeypatch):
    sides, factorise = [], getattr(torch.linalg, name)
    monkeypatch.setattr(torch.linalg, name, lambda gram: sides.append(len(gram)) or factorise(gram))
    spectral_step(draw(*shape), alpha, 0.1)
    assert sides == [3]


def test_the_gradient_is_left_as_it_was():
    gradient = draw(6, 9)
    before = gradient.clone()
    for alpha in (1, 2):
        spectral_step(gradient, alpha, 0.1)
    assert torch.equal(gradient, before)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("alpha", [0, 1, 2])
def test_a_gradient_that_is_not_finite_is_refused(value, alpha):
    gradient = draw(3, 4, dtype=torch.float32)
    gradient[1, 2] = value
    with pytest.raises(InputError, match="expected a finite gradient, got NaN, infinity"):
        spectral_step(gradient, alpha, 0.1)


def test_without_curvature_the_step_is_the_gradient_over_one_plus_the_damping():
    gradient = draw(3, 4)
    U, sigma, Vt = torch.linalg.svd(gradient, full_matrices=False)
    assert_close(spectral_step(gradient, 0, 0.1), U @ torch.diag(sigma / (sigma**0 + 0.1)) @ Vt, 1e-12, 1e-14)


def test_bad_arguments_are_named():
    gradient = draw(3, 4)
    for alpha in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="alpha: expected a number that is not negative"):
            spectral_step(gradient, alpha, 0.1)
    for damping in (-1e-9, float("nan"), float("inf")):
        with pytest.raises(InputError, match="damping: expected a number that is not negative"):
            spectral_step(gradient, 2, damping)
    for bad in (torch.ones(3), torch.ones(2, 3, 4), torch.ones(0, 3), torch.ones(2, 2, dtype=torch.bfloat16)):
        with pytest.raises(InputError, match="matrix"):
            spectral_step(bad, 2, 0.1)
