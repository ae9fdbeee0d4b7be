"""Every layer of a tiny LLaMA: curvature against double backpropagation, per-sample gradients against torch.func.

Its norms and its softmax work in float32 also where the weights are float64, so second derivatives agree to some 1e-6.
"""

import pytest
import torch
import torch.nn.functional as F

from layercurv.curvature import (
    CrossEntropy,
    GGNCurvature,
    chosen_engines,
    directional_curvature,
    gradient_directions,
    sweep,
    weight_layers,
)
from layercurv.errors import InputError
from tests.compare import assert_close
from tests.models.llama import N_LAYERS, TOKENS, tiny_llama


def tiny_case(n_samples: int):
    model = tiny_llama().double()
    tokens = torch.randint(0, TOKENS, (n_samples, 8))
    return model, (tokens[:, :-1], tokens[:, 1:])


@pytest.mark.parametrize("n_samples", [1, 2, 3])
def test_auto_agrees_with_double_backpropagation_on_every_layer(n_samples):
    model, batch = tiny_case(n_samples)
    directions = gradient_directions(model, CrossEntropy(), [batch], weight_layers(model), top_k=3)
    found = directional_curvature(model, CrossEntropy(), [batch], directions)
    exact = directional_curvature(model, CrossEntropy(), [batch], directions, "double_backward")
    assert len(found) == N_LAYERS + 1
    assert set(chosen_engines(model, CrossEntropy(), batch[0], directions).values()) == {"tangent"}
    for name, curvature in found.items():
        expected = exact[name].curvatures
        assert_close(curvature.curvatures, expected, 0, 2e-5 * expected.abs().max().item(), name)
        assert ((curvature.ggn - expected).abs() > 1e-2 * expected.abs().max()).any(), name  # the network bends


class WholeGradients:
    """A visitor that forms each sample's gradient of each weight."""

    needs_root_columns = False
    needs_loss_gradient = True

    def __init__(self):
        self.found = {}

    def on_inputs(self, applied):
        self.applied = applied

    def on_loss_gradient(self, gradients):
        for name, d in gradients.items():
            outputs, inputs = self.applied[name].output_columns(d), self.applied[name].input_columns()
            self.found[name] = torch.einsum("ngpo,ngpi->noi", outputs, inputs)

    def on_batch_end(self):
        pass


@pytest.mark.parametrize("n_samples", [1, 2, 3])
def test_a_sweep_gives_the_gradient_of_every_sample_in_every_layer_of_the_blocks(n_samples):
    model, batch = tiny_case(n_samples)
    layers = [layer for layer in weight_layers(model) if layer.name != "lm_head"]
    assert len(layers) == N_LAYERS
    directions = gradient_directions(model, CrossEntropy(), [batch], layers, top_k=3)
    whole, along = WholeGradients(), GGNCurvature(layers, directions, slopes=True)
    sweep(model, CrossEntropy(), [batch], layers, [whole])
    sweep(model, CrossEntropy(), [batch], layers, [along], n_sampled=1)

    def loss(weights, inputs, targets):
        return F.cross_entropy(torch.func.functional_call(model, weights, (inputs[None],)).logits[0], targets)

    weights = {f"{layer.name}.weight": layer.weight.detach() for layer in layers}
    expected = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(weights, *batch)
    for layer in layers:
        gradients = expected[f"{layer.name}.weight"]
        scale = gradients.abs().max().item()
        assert_close(whole.found[layer.name], gradients, 0, 1e-10 * scale, layer.name)
        slopes = torch.einsum("noi,ok,ik->nk", gradients, directions[layer.name].left, directions[layer.name].right)
        assert_close(along.result()[layer.name].slopes, slopes, 0, 1e-10 * scale * 32, f"{layer.name}, slopes")


def test_a_sweep_refuses_the_output_layer_whose_weight_is_the_embedding_too():
    model, batch = tiny_case(2)
    with pytest.raises(InputError, match="lm_head: no per-sample gradients: its weight is applied more than once"):
        sweep(model, CrossEntropy(), [batch], weight_layers(model), [WholeGradients()])
