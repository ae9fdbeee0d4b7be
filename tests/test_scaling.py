"""The formulas of the page of costs are what torch counts on small networks, and what visitors really hold."""

import pytest
import torch
from torch import nn

from benchmarks.extrapolate import GIB, LARGE, breaks_first
from benchmarks.scaling import (
    by_columns,
    by_tangents,
    counted,
    factors,
    gradient,
    memory,
    sent,
    shape_of,
)
from layercurv.curvature import (
    CrossEntropy,
    KroneckerFactors,
    directional_curvature,
    gradient_directions,
    mean_gradients,
    sweep,
    weight_layers,
)
from layercurv.models.transformers_import import transformers

LOSS, K = CrossEntropy(), 5


def images():
    torch.manual_seed(0)
    convolutions = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, padding=1, stride=2), nn.ReLU()
    model = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(1024, 32), nn.ReLU(), nn.Linear(32, 10)).eval()
    return model, torch.randn(32, 3, 16, 16), torch.randint(10, (32,))


def text():
    torch.manual_seed(0)
    sizes = {"vocab_size": 50, "n_positions": 16, "n_embd": 32, "n_layer": 2, "n_head": 2}
    config = transformers.GPT2Config(
        **sizes,
        use_cache=False,
        attn_implementation="eager",
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    tokens = torch.randint(50, (8, 17))
    return transformers.GPT2LMHeadModel(config).eval(), tokens[:, :-1], tokens[:, 1:]


def llama():
    torch.manual_seed(0)
    sizes = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 96, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "max_position_embeddings": 16, "bos_token_id": None, "eos_token_id": None}
    config = transformers.LlamaConfig(**sizes, **heads, use_cache=False, attn_implementation="eager")
    tokens = torch.randint(50, (8, 17))
    return transformers.LlamaForCausalLM(config).eval(), tokens[:, :-1], tokens[:, 1:]


def per_sample(work, x, y):
    """What half a micro-batch more adds; what a micro-batch costs whatever its size, such as the proof, drops out."""

    def of_one_more(n):
        batch = x[:n], y[:n]
        return counted(lambda: work([batch] * 2)) - counted(lambda: work([batch]))

    return (of_one_more(len(x)) - of_one_more(len(x) // 2)) / (len(x) - len(x) // 2)


@pytest.mark.parametrize("network", [images, text])
def test_the_forward_pass_is_that_counted(network):
    model, x, _ = network()
    with torch.no_grad():
        assert shape_of(model, x[:1]).forward == counted(lambda: model(x[:1]))


def test_entries_are_what_all_operations_make_views_left_out():
    model, x, _ = images()
    shape = shape_of(model, x[:1])
    assert shape.n_entries == 2 * (8 * 256 + 16 * 64 + 32) + 10 and shape.n_outputs == 10


def test_attention_is_four_squares_of_the_length_times_the_width():
    model, x, _ = text()
    assert shape_of(model, x[:1]).others == 2 * 4 * 16**2 * 32


@pytest.mark.parametrize("network", [images, text])
def test_the_gradient_is_that_counted(network):
    model, x, y = network()
    found = per_sample(lambda batches: mean_gradients(model, LOSS, batches, weight_layers(model)), x, y)
    assert found == pytest.approx(gradient(shape_of(model, x[:1])), rel=0.03)


@pytest.mark.parametrize(
    ("network", "engine", "formula", "rel"),
    [
        (images, "ggn", lambda shape: by_columns(shape, 10, K), 0.1),
        (images, "tangent", lambda shape: by_tangents(shape, K), 1e-12),
        (text, "tangent", lambda shape: by_tangents(shape, K), 0.02),  # LayerNorm's means are products too
        (llama, "tangent", lambda shape: by_tangents(shape, K), 0.1),  # no layer feeds all of its own attention
    ],
)
def test_an_engine_costs_what_the_formula_says(network, engine, formula, rel):
    model, x, y = network()
    directions = gradient_directions(model, LOSS, [(x, y)], weight_layers(model), K)
    found = per_sample(lambda b: directional_curvature(model, LOSS, b, directions, engine, slopes=True), x, y)
    assert found == pytest.approx(formula(shape_of(model, x[:1], is_smooth=network is not images)), rel=rel)


def test_kronecker_factors_of_random_columns_cost_what_the_formula_says():
    model, x, y = text()
    layers = weight_layers(model)
    found = per_sample(lambda b: sweep(model, LOSS, b, layers, [KroneckerFactors(layers)], n_sampled=4), x, y)
    assert found == pytest.approx(factors(shape_of(model, x[:1]), 4), rel=0.1)


def test_kronecker_factors_cost_what_the_formula_says_and_hold_what_it_says():
    model, x, y = images()
    layers = weight_layers(model)
    found = per_sample(lambda batches: sweep(model, LOSS, batches, layers, [KroneckerFactors(layers)]), x, y)
    shape = shape_of(model, x[:1])
    assert found == pytest.approx(factors(shape, 10), rel=0.1)
    held = memory(shape, 1, with_factors=True)
    sums = KroneckerFactors(layers).state_dict()["sums"].values()
    assert held["factors"] == sum(factor.nbytes for of_layer in sums for factor in of_layer.values())
    assert held["gradients"] == sum(G.nbytes for G in mean_gradients(model, LOSS, [(x, y)], layers).values())
    assert held["weights"] == sum(p.nbytes for p in model.parameters())


def test_one_process_sends_nothing_and_two_send_each_sum_once():
    shape = shape_of(*images()[:1], images()[1][:1])
    held = memory(shape, 1, with_factors=True)
    told = 8 * K * sum(layer.m + layer.n for layer in shape.layers) + 16 * 100 * K * len(shape.layers)
    assert sent(shape, 100, K, 1, True) == 0
    assert sent(shape, 100, K, 2, True) == held["gradients"] + held["factors"] + told // 2


@pytest.mark.parametrize(("large", "parameters"), list(zip(LARGE, (25.6e6, 124.4e6, 6.74e9), strict=True)))
def test_the_large_networks_are_as_large_as_they_say(large, parameters):
    assert large.shape().n_parameters == pytest.approx(parameters, rel=0.005)


def test_what_breaks_first():
    held = {"weights": 10 * GIB, "check": 20 * GIB, "activations": 5 * GIB, "factors": 100 * GIB}
    expected = {20: "comparison with float64", 33: "Kronecker factors", 112: "all of it together", 200: "nothing"}
    for capacity, words in expected.items():
        assert breaks_first(held, capacity * GIB, 1.0).startswith(words)
    both = breaks_first(held | {"activations": 90 * GIB}, 80 * GIB, 100.0)
    assert both == "activations, Kronecker factors, time"
    assert breaks_first(held, 200 * GIB, 100.0) == "time"
