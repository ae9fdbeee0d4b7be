"""Descent against its closed form on a quadratic; the chain's start against its definition."""

import pytest
import torch
from torch import nn

from layercurv.errors import InputError
from layercurv.training.gradient_descent import gradient_descent, log_spaced_steps
from layercurv.training.matrix_chain import imbalances, product_singular_values, set_weights, start_weights
from tests.compare import assert_close

WIDTHS = [5, 4, 4, 6]


def quadratic(curvature):
    """Mean loss sum_j c_j w_j^2 / 2 of the one weight matrix, from w = 1."""
    model = nn.Linear(3, 1, bias=False).double()
    set_weights(model, [torch.ones(1, 3, dtype=torch.float64)])
    return model, lambda: 0.5 * (curvature * model.weight.square()).sum()


def test_on_a_quadratic_each_coordinate_shrinks_by_its_own_factor():
    curvature = torch.tensor([3.0, 1.0, 0.2], dtype=torch.float64)
    snapshots = gradient_descent(*quadratic(curvature), 0.1, 100, 0.0, 6)
    assert [snapshot.step for snapshot in snapshots] == sorted(log_spaced_steps(100, 6))
    for snapshot in snapshots:
        expected = (1 - 0.1 * curvature) ** snapshot.step
        assert_close(snapshot.weights[0][0], expected, 1e-12)
        assert snapshot.mean_loss == pytest.approx(0.5 * (curvature * expected**2).sum().item(), rel=1e-12)
        assert snapshot.gradient_norm == pytest.approx((curvature * expected).norm().item(), rel=1e-12)


def test_it_stops_at_the_first_step_within_tolerance_and_leaves_the_network_there():
    curvature = torch.ones(3, dtype=torch.float64)
    model, mean_loss = quadratic(curvature)
    last = gradient_descent(model, mean_loss, 0.5, 1000, 1e-3 * 3**0.5, 4)[-1]
    assert last.step == 10  # 2^-10 < 1e-3 < 2^-9
    assert torch.equal(last.weights[0], model.weight)


def test_divergence_is_one_clear_error():
    with pytest.raises(InputError, match=r"diverged at step .* lower learning_rate"):
        gradient_descent(*quadratic(torch.ones(3, dtype=torch.float64)), 1e9, 1000, 0.0, 4)
    with pytest.raises(InputError, match="steps >= 1 and snapshots >= 2, got 10 and 1"):
        log_spaced_steps(10, 1)


def start(kind="balanced", rank=None, seed=0, product_scale=0.01, widths=WIDTHS):
    return start_weights(widths, kind, product_scale, rank, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rank", [None, 2])
def test_a_balanced_start_is_balanced_and_its_product_has_the_given_scale_and_rank(rank):
    weights = start(rank=rank)
    r = rank or min(WIDTHS)
    assert max(imbalances(weights)) < 1e-15
    assert_close(product_singular_values(weights), [0.01] * r + [0.0] * (5 - r), 1e-12, 1e-15)
    for weight in weights:
        assert_close(torch.linalg.svdvals(weight)[:r], [0.01 ** (1 / 3)] * r, 1e-12)


def test_a_gaussian_start_is_not_balanced_and_keeps_the_scale_on_average():
    assert min(imbalances(start("gaussian"))) > 0.01
    drawn = torch.stack([start("gaussian", seed=seed, widths=[8, 8, 8])[0] for seed in range(50)])
    variance, n = 0.01 / 8, drawn.numel()  # g^2 = 0.01^(2/2), over 8 inputs
    assert abs(drawn.square().mean().item() - variance) < 3 * variance * (2 / n) ** 0.5
    assert_close(start("he")[0], 2**0.5 * start("gaussian")[0], 1e-14)


def test_imbalance_grows_with_the_square_of_a_single_step():
    generator = torch.Generator().manual_seed(1)
    target = torch.randn(6, 5, generator=generator, dtype=torch.float64)
    model = nn.Sequential(*[nn.Linear(m, n, bias=False).double() for m, n in ((5, 4), (4, 4), (4, 6))])
    found = []
    for step in (1e-3, 2e-3):
        set_weights(model, start(product_scale=0.5))
        gradient_descent(model, lambda: 0.5 * (model(torch.eye(5).double()) - target.T).square().sum(), step, 1, 0.0, 2)
        found.append(sum(imbalances(list(model.parameters()))))
    assert found[1] / found[0] == pytest.approx(4, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "uniform"}, "expected one of: balanced, gaussian, he"),
        ({"rank": 5}, "expected null, or 1 to 4 for a balanced start, got 5"),
        ({"kind": "gaussian", "rank": 2}, "expected null"),
        ({"product_scale": 0.0}, "product_scale: expected a positive number"),
    ],
)
def test_a_start_that_cannot_be_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        start(**change)


def test_weights_of_other_shapes_are_refused():
    with pytest.raises(InputError, match=r"expected matrices of shapes \[\(1, 3\)\], got \[\(3, 1\)\]"):
        set_weights(nn.Linear(3, 1, bias=False), [torch.ones(3, 1)])
