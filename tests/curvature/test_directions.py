import pytest
import torch

from layercurv.curvature import (
    CrossEntropy,
    gradient_directions,
    mean_gradients,
    top_singular_directions,
    weight_layers,
)
from layercurv.errors import InputError
from tests.cases import make_case
from tests.compare import assert_close

EPS32, EPS64 = torch.finfo(torch.float32).eps, torch.finfo(torch.float64).eps


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (12, 12)])
def test_top_directions_agree_with_a_full_svd(shape):
    torch.manual_seed(0)
    G = torch.randn(shape, dtype=torch.float64)
    found = top_singular_directions(G, 5, EPS64)
    U, S, Vt = torch.linalg.svd(G)
    assert_close(found.singular_values, S[:5], 1e-12)
    assert_close((found.left * U[:, :5]).sum(0).abs(), torch.ones(5), 1e-10)
    assert_close((found.right * Vt[:5].T).sum(0).abs(), torch.ones(5), 1e-10)
    assert not found.is_null.any()


def test_small_singular_values_keep_their_digits():
    # sigma_5 = 1e-6 sigma_1: its square is 1e-12 of the Gram matrix's largest eigenvalue, four digits above rounding.
    torch.manual_seed(0)
    U, V = (torch.linalg.qr(torch.randn(30, 5, dtype=torch.float64)).Q for _ in range(2))
    sigma = torch.tensor([1.0, 1e-1, 1e-3, 1e-4, 1e-6], dtype=torch.float64)
    found = top_singular_directions(U * sigma @ V.T, 5, EPS64)
    assert_close(found.singular_values, sigma, 1e-9)


def test_each_pair_reproduces_its_singular_value():
    torch.manual_seed(1)
    G = torch.randn(7, 19, dtype=torch.float64)
    found = top_singular_directions(G, 7, EPS64)
    assert_close(torch.einsum("mk,mn,nk->k", found.left, G, found.right), found.singular_values, 1e-12)


def test_the_null_direction_of_a_softmax_head_is_flagged():
    # Rows of the head's gradient sum to zero because those of p - y do: rank is one less than the classes.
    case = make_case("softmax_regression")
    model, inputs = case.model.float(), case.inputs.float()
    found = gradient_directions(model, CrossEntropy(), [(inputs, case.targets)], weight_layers(model), top_k=3)[""]
    assert found.is_null.tolist() == [False, False, True]


def test_mean_gradient_is_that_of_the_mean_loss():
    case = make_case("residual_convolutions")
    layers = weight_layers(case.model)
    found = mean_gradients(case.model, case.loss, case.micro_batches(2), layers)
    loss = torch.nn.functional.cross_entropy(case.model(case.inputs), case.targets)
    for layer, expected in zip(layers, torch.autograd.grad(loss, [la.weight for la in layers]), strict=True):
        assert_close(found[layer.name], expected.reshape(layer.shape), 1e-10, 1e-14, layer.name)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="top_k: expected a positive integer, got 0"):
        top_singular_directions(torch.eye(3, dtype=torch.float64), 0, EPS64)
    with pytest.raises(InputError, match="not zero"):
        top_singular_directions(torch.zeros(3, 3, dtype=torch.float64), 1, EPS64)
