"""The benchmark's rivals measure the same numbers as the engines, or their seconds would compare nothing."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from layercurv.curvature import double_backward_curvature, gradient_directions, weight_layers
from tests.cases import make_case
from tests.compare import assert_close

rivals = pytest.importorskip("benchmarks.rivals")


@pytest.mark.parametrize("name", rivals.RIVALS)
def test_a_rival_agrees_with_the_reference(name):
    case = make_case("relu_mlp")
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, 2)
    expected = double_backward_curvature(case.model, case.loss, [case.batch], directions, layers)
    with sdpa_kernel(SDPBackend.MATH):
        measure = rivals.RIVALS[name](case.model, case.loss, case.batch)
        for layer in layers:
            d = directions[layer.name]
            D = layer.from_matrix(torch.einsum("mk,nk->kmn", d.left, d.right))
            assert_close(measure(layer, D), expected[layer.name].curvatures, 1e-8, 1e-14, f"{name}, layer {layer.name}")
