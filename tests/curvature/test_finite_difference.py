import pytest
import torch
from torch import nn

from layercurv.curvature import CrossEntropy, SquaredError, directional_curvature, gradient_directions, weight_layers
from layercurv.curvature.finite_difference import finite_difference_curvature
from layercurv.errors import InputError


def network(dtype=torch.float64):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 3)).to(dtype).eval()
    x, y = torch.randn(20, 4, dtype=dtype), torch.randint(0, 3, (20,))
    return model, [(x[:12], y[:12]), (x[12:], y[12:])]


@pytest.mark.parametrize("form", ["loss", "gradient"])
@pytest.mark.parametrize("position", [0, 1])
def test_both_forms_approach_the_exact_value_quadratically_in_the_step(form, position):
    model, batches = network()
    layers = weight_layers(model)
    directions = gradient_directions(model, CrossEntropy(), batches, layers, 3)
    layer = layers[position]
    exact = directional_curvature(model, CrossEntropy(), batches, directions)[layer.name].curvatures
    errors = [
        (finite_difference_curvature(model, CrossEntropy(), batches, layer, directions[layer.name], e, form) - exact)
        .abs()
        .max()
        for e in (0.1, 0.01)
    ]
    assert errors[1] < errors[0] / 50  # 100 but for higher orders


def test_on_a_quadratic_loss_any_step_is_exact():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2, bias=False)).double().eval()
    x, y = torch.randn(10, 3, dtype=torch.float64), torch.randn(10, 2, dtype=torch.float64)
    (layer,) = weight_layers(model)
    directions = gradient_directions(model, SquaredError(), [(x, y)], [layer], 2)[layer.name]
    expected = ((x @ directions.right) ** 2).mean(0)  # h_k = v_k^T E[x x^T] v_k
    for form in ("loss", "gradient"):
        found = finite_difference_curvature(model, SquaredError(), [(x, y)], layer, directions, 0.7, form)
        assert torch.allclose(found, expected, rtol=1e-10)


def test_the_weights_are_left_as_they_were_even_after_an_error():
    model, batches = network(torch.float32)
    layer = weight_layers(model)[0]
    directions = gradient_directions(model, CrossEntropy(), batches, [layer], 2)[layer.name]
    before = layer.weight.detach().clone()
    finite_difference_curvature(model, CrossEntropy(), batches, layer, directions, 1e-3)
    broken = [(torch.zeros(2, 7), batches[0][1][:2])]
    with pytest.raises(RuntimeError):
        finite_difference_curvature(model, CrossEntropy(), [batches[0], *broken], layer, directions, 1e-3)
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize(
    ("changes", "message"), [({"step": 0.0}, "step: expected a positive"), ({"form": "magic"}, "gradient, loss")]
)
def test_bad_input_is_one_clear_error(changes, message):
    model, batches = network()
    layer = weight_layers(model)[0]
    directions = gradient_directions(model, CrossEntropy(), batches, [layer], 2)[layer.name]
    with pytest.raises(InputError, match=message):
        finite_difference_curvature(model, CrossEntropy(), batches, layer, directions, **({"step": 1e-3} | changes))
