"""Moments along directions and null gradients against gradients of single samples by autograd."""

import itertools

import pytest
import torch

from layercurv.curvature import (
    CrossEntropy,
    DirectionalMoments,
    SignFlips,
    gradient_directions,
    projection,
    separable_gaussian,
    sweep,
    weight_layers,
    with_model_labels,
)
from tests.cases import make_case
from tests.compare import assert_close

CASES = ("residual_convolutions", "relu_mlp", "grouped_convolutions")


def gradients_of_single_samples(case, layer, targets=None):
    # [N, m, n], one backward pass of autograd per sample
    found = []
    for x, y in zip(case.inputs.split(1), (case.targets if targets is None else targets).split(1), strict=True):
        with torch.enable_grad():
            (g,) = torch.autograd.grad(case.loss.sum_loss(case.model(x), y), layer.weight)
        found.append(layer.to_matrix(g))
    return torch.stack(found)


def along(g, directions):
    return torch.einsum("nij,ik,jk->nk", g, directions.left, directions.right)


@pytest.fixture(params=[True, False], ids=["by gradients", "by positions"])
def way(request, monkeypatch):
    monkeypatch.setattr(projection, "_forms_gradients", lambda *_: request.param)


@pytest.mark.parametrize("name", CASES)
def test_moments_equal_those_of_single_gradients(name, way):
    case = make_case(name)
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=3)
    moments = DirectionalMoments(layers, directions)
    sweep(case.model, case.loss, case.micro_batches(2), layers, [moments])
    for layer in layers:
        x = along(gradients_of_single_samples(case, layer), directions[layer.name])
        found = moments.result()[layer.name]
        assert_close(found.mean, x.mean(0), 1e-10, 1e-14, layer.name)
        assert_close(found.mean, directions[layer.name].singular_values, 1e-8, 1e-12, layer.name)  # sigma = u^T G v
        assert_close(found.second_moment, x.square().mean(0), 1e-10, 1e-16, layer.name)


@pytest.mark.parametrize("name", CASES)
def test_second_moment_over_all_labels_is_the_ggn(name, way):
    # The second Bartlett identity with nothing drawn: every label, weighted by its probability.
    case = make_case(name)
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=3)
    moments = DirectionalMoments(layers, directions)
    sweep(case.model, case.loss, [case.batch], layers, [moments])
    p = case.model(case.inputs).softmax(1).detach()
    for layer in layers:
        expected = 0
        for label in range(p.shape[1]):
            g = gradients_of_single_samples(case, layer, torch.full_like(case.targets, label))
            expected = expected + (p[:, [label]] * along(g, directions[layer.name]).square()).mean(0)
        assert_close(moments.result()[layer.name].ggn, expected, 1e-9, 1e-16, layer.name)


def test_sign_flips_are_signed_means_of_single_gradients():
    case = make_case("residual_convolutions")
    layers = weight_layers(case.model)
    flips = SignFlips(layers, {"empirical": 3}, seed=5)
    sweep(case.model, case.loss, case.micro_batches(2), layers, [flips])
    null = flips.result("empirical")
    fits = []
    for signs in itertools.product((-1.0, 1.0), repeat=len(case.inputs)):
        expected = {
            la.name: torch.einsum("n,nij->ij", torch.tensor(signs).double(), gradients_of_single_samples(case, la))
            / len(signs)
            for la in layers
        }
        fits.append([all(torch.allclose(null[n][r], expected[n], rtol=1e-9) for n in expected) for r in range(3)])
    # Each draw is one choice of signs, the same for all layers; and the draws differ.
    found = [[i for i, fit in enumerate(fits) if fit[r]] for r in range(3)]
    assert all(len(which) == 1 for which in found), found
    assert len({which[0] for which in found}) == 3, found


@pytest.mark.parametrize("kind", ["empirical", "ggn"])
def test_covariance_of_the_nulls_is_that_of_the_batch_gradient(kind):
    # E (u^T G* v)^2 = M / B, or GGN / B: within 4 standard errors of R draws (kurtosis of a signed sum is at most 3).
    case = make_case("residual_convolutions")
    layers, R = weight_layers(case.model), 4000
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=2)
    flips, moments = SignFlips(layers, {kind: R}, seed=1), DirectionalMoments(layers, directions)
    sweep(case.model, case.loss, case.micro_batches(2), layers, [flips, moments])
    for layer in layers:
        found = moments.result()[layer.name]
        expected = (found.second_moment if kind == "empirical" else found.ggn) / found.n_samples
        measured = along(flips.result(kind)[layer.name], directions[layer.name]).square().mean(0)
        assert ((measured / expected - 1).abs() < 4 * (2 / R) ** 0.5).all(), (layer.name, measured, expected)


def test_separable_gaussian_has_the_covariance_of_its_factors():
    generator = torch.Generator().manual_seed(0)
    A, D = (x @ x.T for x in (torch.randn(3, 4, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)))
    R, P, B = 20000, 5, 7
    G = separable_gaussian(A, D, P, B, R, generator)
    covariance = torch.einsum("rij,rkl->ikjl", G, G) / R
    expected = P / B * torch.einsum("ik,jl->ikjl", D, A)
    scale = (P / B) * (D.diag()[:, None, None, None] * D.diag()[:, None, None] * A.diag()[:, None] * A.diag()).sqrt()
    assert ((covariance - expected).abs() < 4 * (2 / R) ** 0.5 * scale).all()


def test_drawn_labels_follow_the_softmax():
    logits = torch.tensor([[0.0, 1.0, 2.0]]).expand(6000, 3)
    (_, drawn), *_ = with_model_labels(torch.nn.Identity(), CrossEntropy(), [(logits, torch.zeros(6000).long())], 3)
    p = logits[0].softmax(0)
    frequency = drawn.bincount(minlength=3) / 6000
    assert ((frequency - p).abs() < 4 * (p * (1 - p) / 6000).sqrt()).all(), frequency


def test_tokens_are_drawn_at_each_position_by_itself():
    logits = torch.tensor([[-50.0, 50.0], [50.0, -50.0]]).expand(4, 2, 2)  # [N, T, C]
    (_, drawn), *_ = with_model_labels(torch.nn.Identity(), CrossEntropy(), [(logits, torch.zeros(4, 2).long())], 0)
    assert drawn.tolist() == [[1, 0]] * 4
