import numpy as np
import pytest
import torch

from layercurv.curvature import weight_layers
from layercurv.curvature.spectrum import layer_operator, spectral_density, top_eigenvalues, trace
from layercurv.errors import InputError
from tests.cases import make_case
from tests.compare import assert_close
from tests.reference.dense import layer_hessian


def operator_and_dense(name: str, layer_name: str, matrix: str = "hessian"):
    case = make_case(name)
    (layer,) = weight_layers(case.model, [layer_name])
    return layer_operator(case.model, case.loss, case.micro_batches(2), layer, matrix), layer_hessian(case, layer)


@pytest.mark.parametrize("matrix", ["hessian", "ggn"])
@pytest.mark.parametrize(
    ("name", "layer"), [("relu_mlp", "0"), ("deep_linear", "1"), ("residual_convolutions", "conv")]
)
def test_top_eigenvalues_are_those_of_the_dense_hessian(name, layer, matrix):
    operator, H = operator_and_dense(name, layer, matrix)  # piecewise affine: both matrices are one
    assert_close(top_eigenvalues(operator, 3), torch.linalg.eigvalsh(H).flip(0)[:3], 1e-8)


def test_trace_is_exact_where_the_probes_span_the_range():
    operator, H = operator_and_dense("softmax_regression", "")  # rank 8 of 12: 9 products hold 3 x 3 probes
    estimates = [trace(operator, 9, seed) for seed in range(8)]
    error = np.std(estimates) / len(estimates) ** 0.5
    assert abs(np.mean(estimates) - H.trace().item()) < 3 * error
    assert trace(operator, 9, seed=1) == trace(operator, 9, seed=1)


def test_spectral_density_holds_as_much_mass_near_zero_as_there_are_eigenvalues():
    operator, H = operator_and_dense("relu_mlp", "0")
    grid, density = spectral_density(operator, 12, n_repeats=8)
    width, eigenvalues = grid[1] - grid[0], torch.linalg.eigvalsh(H)
    assert density.sum() * width == pytest.approx(1, abs=0.1)  # bumps of width reach beyond the grid
    assert grid[0] <= eigenvalues[0] and grid[-1] >= eigenvalues[-1]
    bound = 0.3 * eigenvalues[-1].item()
    share = (eigenvalues < bound).double().mean().item()
    assert (density * (grid < bound)).sum() * width == pytest.approx(share, abs=0.1)


def test_bad_requests_are_one_clear_error():
    operator, _ = operator_and_dense("softmax_regression", "")
    with pytest.raises(InputError, match="expected 1 to 11 eigenvalues, got 12"):
        top_eigenvalues(operator, 12)
    with pytest.raises(InputError, match="unknown curvature matrix 'fisher'; expected one of: ggn, hessian"):
        operator_and_dense("softmax_regression", "", "fisher")
