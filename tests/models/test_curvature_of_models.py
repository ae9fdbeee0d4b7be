"""Every builder at a tiny size, in float64: what `auto` measures against double backpropagation."""

import pytest
import torch

from layercurv.curvature import CrossEntropy, directional_curvature, gradient_directions, weight_layers
from tests.cases import Case
from tests.compare import assert_close
from tests.models.networks import TINY


def case_of(name: str) -> Case:
    torch.manual_seed(1)
    tiny = TINY[name]
    model = tiny.build().double().eval()
    for parameter in model.parameters():  # none zero; attention not flat
        scale = 0.1 if parameter.dim() == 1 else parameter[0].numel() ** -0.5
        parameter.data += tiny.spread * scale * torch.randn_like(parameter)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    inputs = tiny.draw_inputs(3)
    return Case(name, model, CrossEntropy(), inputs if tiny.takes_tokens else inputs.double(), tiny.draw_targets(3))


# mobilenet_v2 differs from mobilenet_v2_small_images in one stride, and takes three seconds
@pytest.mark.parametrize("name", [name for name in TINY if name != "mobilenet_v2"])
def test_auto_agrees_with_double_backpropagation_on_every_layer(name):
    case = case_of(name)
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=3)
    found = directional_curvature(case.model, case.loss, [case.batch], directions)
    exact = directional_curvature(case.model, case.loss, [case.batch], directions, "double_backward")
    assert len(found) == TINY[name].n_layers
    for layer, curvature in found.items():
        expected, scale = exact[layer].curvatures, exact[layer].curvatures.abs().max().item()
        assert_close(curvature.curvatures, expected, 1e-8, 1e-11 * scale, f"{name}, {layer} by {curvature.engine}")
    engines = {curvature.engine for curvature in found.values()}
    assert engines <= ({"ggn", "tangent"} if TINY[name].is_piecewise_linear else {"tangent"})
