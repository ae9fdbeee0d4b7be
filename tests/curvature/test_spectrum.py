"""Spectra of Hessian, GGN and both Fisher matrices against dense matrices from reverse-mode derivatives alone."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.func import functional_call, jacrev
from torch.nn.attention import SDPBackend, sdpa_kernel

from layercurv.curvature import CrossEntropy, SquaredError
from layercurv.curvature.spectrum import MATRICES, curvature_matrix
from layercurv.errors import InputError
from tests.cases import Case, make_case
from tests.compare import assert_close
from tests.models.networks import TINY


def transformer(name):
    torch.manual_seed(0)
    tiny = TINY[name]
    return Case(name, tiny.build().double().eval(), CrossEntropy(), tiny.draw_inputs(5), tiny.draw_targets(5))


def make(name):
    if name in ("vit_layer", "gpt2_layer"):
        case = transformer(name)
        return replace(case, inputs=case.inputs.double()) if case.inputs.is_floating_point() else case
    return make_case(name)


# Case and parameters: one layer, several jointly, the whole network; the last two hold attention and tied embeddings.
PARAMETERS = [
    ("relu_mlp", "[02].*"),
    ("deep_linear", "*"),
    ("residual_convolutions", "*"),
    ("vit_layer", "*layers.0.attention.q_proj.bias"),
    ("gpt2_layer", "*h.0.ln_1.*"),
]


def flat_outputs(case, pattern):
    """The chosen parameters laid end to end, and outputs as a function of them."""
    from fnmatch import fnmatchcase

    named = {name: x.detach() for name, x in case.model.named_parameters() if fnmatchcase(name, pattern)}
    flat = torch.cat([x.flatten() for x in named.values()])

    def outputs(vector):
        parts = vector.split([x.numel() for x in named.values()])
        values = {name: part.reshape(x.shape) for (name, x), part in zip(named.items(), parts, strict=True)}
        found = functional_call(case.model, values, (case.inputs,))
        return getattr(found, "logits", found)

    return flat, outputs


def dense(case, pattern, matrix):
    flat, outputs = flat_outputs(case, pattern)
    n = len(case.inputs)
    with sdpa_kernel(SDPBackend.MATH):
        if matrix == "hessian":
            return jacrev(jacrev(lambda vector: case.loss.sum_loss(outputs(vector), case.targets) / n))(flat).detach()
        f, J = outputs(flat).detach(), jacrev(outputs)(flat).detach()  # [n, ..., C], [n, ..., C, D]
    if matrix == "empirical_fisher":
        g = case.loss.output_gradient(f, case.targets).flatten(1).unsqueeze(1) @ J.flatten(1, -2)
        return (g.mT @ g).mean(0)
    T = math.prod(f.shape[1:-1])
    if isinstance(case.loss, SquaredError):
        return torch.einsum("n...d,n...e->de", J, J) / n
    p = f.softmax(-1)
    centred = J - (p.unsqueeze(-1) * J).sum(-2, keepdim=True)
    by_labels = torch.einsum("...c,...cd,...ce->de", p, centred, centred) / n  # sum over labels of p (y - p)(y - p)^T
    return by_labels / T**2 if matrix == "fisher" else by_labels / T


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize(("name", "pattern"), PARAMETERS)
def test_products_eigenpairs_and_trace_are_those_of_the_dense_matrix(name, pattern, matrix):
    case = make(name)
    expected = dense(case, pattern, matrix)
    found = curvature_matrix(case.model, case.loss, case.micro_batches(2), matrix, pattern)
    assert found.size == len(expected)
    scale = float(expected.abs().max())
    vectors = torch.randn(found.size, 3, dtype=torch.float64)
    assert_close(found @ vectors, expected @ vectors, 1e-8, 1e-10 * scale)
    eigenvalues = torch.linalg.eigvalsh(expected)
    for pairs, values in ((found.top(2), eigenvalues.flip(0)[:2]), (found.bottom(2), eigenvalues[:2])):
        assert_close(pairs.values, values, 1e-8, 1e-10 * scale)
        assert_close(expected @ pairs.vectors, pairs.vectors * pairs.values, 1e-6, 1e-8 * scale)
        assert pairs.residuals.max() < 1e-8 * scale
    assert found.trace(3 * found.size) == pytest.approx(float(expected.trace()), rel=1e-8, abs=1e-10 * scale)


@pytest.mark.parametrize("matrix", ["hessian", "ggn"])
def test_lanczos_and_a_full_decomposition_agree(matrix, monkeypatch):
    case = make("relu_mlp")
    found = curvature_matrix(case.model, case.loss, [case.batch], matrix, "0.*")
    expected = found.top(3), found.bottom(1)
    monkeypatch.setattr("layercurv.curvature.spectrum.SMALLEST", 0)
    top, bottom = found.top(3), found.bottom(1)
    assert_close(top.values, expected[0].values, 1e-8)
    assert_close(bottom.values, expected[1].values, 1e-8, 1e-9 * float(top.values[0]))
    assert_close((top.vectors * expected[0].vectors).sum(0).abs(), torch.ones(3), 1e-6)
    assert max(top.residuals.max(), bottom.residuals.max()) < 1e-8 * top.values[0]


def test_the_network_is_left_as_it_was():
    case = make("relu_mlp")
    case.model.requires_grad_(False)
    before = {name: x.clone() for name, x in case.model.state_dict().items()}
    curvature_matrix(case.model, case.loss, [case.batch]).top(1)
    assert not any(x.requires_grad or x.grad is not None for x in case.model.parameters())
    assert all(torch.equal(before[name], x) for name, x in case.model.state_dict().items())


def test_vectors_are_cut_into_parameters():
    case = make("relu_mlp")
    found = curvature_matrix(case.model, case.loss, [case.batch], parameters=["2.weight", "4.bias"])
    parts = found.split(found.top(3).vectors)
    assert {name: tuple(part.shape) for name, part in parts.items()} == {"2.weight": (3, 5, 6), "4.bias": (3, 3)}
    whole = torch.cat([part.flatten(1) for part in parts.values()], 1)
    assert_close(whole @ whole.T, torch.eye(3).double(), 1e-10, 1e-10)


def test_the_estimated_trace_is_unbiased():
    case = make("softmax_regression")
    found = curvature_matrix(case.model, case.loss, [case.batch], parameters="weight")
    estimates = [found.trace(9, seed) for seed in range(8)]
    error = np.std(estimates) / len(estimates) ** 0.5
    assert abs(np.mean(estimates) - float(dense(case, "weight", "hessian").trace())) < 3 * error
    assert found.trace(9, seed=1) == found.trace(9, seed=1)


def test_spectral_density_holds_as_much_mass_near_zero_as_there_are_eigenvalues():
    case = make("relu_mlp")
    eigenvalues = torch.linalg.eigvalsh(dense(case, "0.weight", "hessian"))
    matrix = curvature_matrix(case.model, case.loss, case.micro_batches(2), parameters="0.weight")
    grid, density = matrix.density(12, n_repeats=8)
    width = grid[1] - grid[0]
    assert density.sum() * width == pytest.approx(1, abs=0.1)  # bumps of width reach beyond the grid
    assert grid[0] <= eigenvalues[0] and grid[-1] >= eigenvalues[-1]
    bound = 0.3 * eigenvalues[-1].item()
    share = (eigenvalues < bound).double().mean().item()
    assert (density * (grid < bound)).sum() * width == pytest.approx(share, abs=0.1)


def test_bad_requests_are_one_clear_error():
    case = make("softmax_regression")
    found = curvature_matrix(case.model, case.loss, [case.batch], parameters="weight")
    with pytest.raises(InputError, match="expected 1 to 11 eigenvalues, got 12"):
        found.top(12)
    with pytest.raises(InputError, match="n_products: expected a positive multiple of 3, got 4"):
        found.trace(4)
    with pytest.raises(InputError, match="expected one of: empirical_fisher, fisher, ggn, hessian"):
        curvature_matrix(case.model, case.loss, [case.batch], "kfac")
    with pytest.raises(InputError, match=r"none fits 'head\.\*'; the network has: weight, bias"):
        curvature_matrix(case.model, case.loss, [case.batch], parameters="head.*")


def test_a_loss_whose_labels_cannot_be_drawn_has_no_fisher_matrix():
    case, own = make("deep_linear"), type("Own", (SquaredError,), {})()
    with pytest.raises(InputError, match="use empirical_fisher or ggn"):
        curvature_matrix(case.model, own, [case.batch], "fisher")


def test_micro_batches_weigh_by_their_outputs_where_inputs_hold_time_first():
    class ByTime(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.head = torch.nn.Linear(4, 3).double(), torch.nn.Linear(3, 2).double()

        def forward(self, x):
            return self.head(self.a(x).tanh().mean(0))

    model = ByTime().eval()
    sizes = (10, 5, 3)
    x, y = torch.randn(5, sum(sizes), 4, dtype=torch.float64), torch.arange(sum(sizes)) % 2
    parts = list(zip(x.split(sizes, dim=1), y.split(sizes), strict=True))
    found = curvature_matrix(model, CrossEntropy(), parts, "hessian").top(3)
    flat, outputs = flat_outputs(Case("by_time", model, CrossEntropy(), x, y), "*")
    hessian = jacrev(jacrev(lambda v: torch.nn.functional.cross_entropy(outputs(v), y)))(flat)
    assert_close(found.values, torch.linalg.eigvalsh(hessian).flip(0)[:3], 1e-8)
    with pytest.raises(InputError, match="cannot tell the number of samples"):
        curvature_matrix(model, CrossEntropy(), [(x[:1, :6], y[:6]), (x[:1, :3], y[:3])], "hessian")
