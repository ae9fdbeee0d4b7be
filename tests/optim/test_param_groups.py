import numpy as np
import pytest
import torch
from torch import nn

from layercurv.errors import InputError
from layercurv.models.transformers_import import transformers
from layercurv.optim import scaled_groups, spectral_groups
from tests.compare import assert_close
from tests.optim.networks import backward, convolutional

NAMES = ["0", "3", "5"]  # of the convolutional network's weight layers


class Text(nn.Module):
    """Embedding, transformers' Conv1D, attention with a packed projection, and a head tied to the embedding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.projection = transformers.pytorch_utils.Conv1D(nf=5, nx=4)
        self.attention = nn.MultiheadAttention(4, 2)
        self.upsampling = nn.ConvTranspose1d(2, 2, 3)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embedding.weight
        self.copy = nn.Linear(4, 7)
        self.copy.weight = self.embedding.weight


def ids(groups):
    return [id(parameter) for group in groups for parameter in group["params"]]


def test_every_layer_has_its_group_and_all_the_rest_one_more():
    model = convolutional()
    *layers, rest = spectral_groups(model, 1.5, adamw={"lr": 1e-3, "betas": (0.8, 0.9)}, damping=0.2, momentum=0.9)
    assert [group["name"] for group in layers] == NAMES
    for group, name in zip(layers, NAMES, strict=True):
        assert group["params"][0] is model.get_submodule(name).weight and len(group["params"]) == 1
        assert (group["spectral"], group["alpha"], group["damping"], group["momentum"]) == (True, 1.5, 0.2, 0.9)
    assert [tuple(p.shape) for p in rest["params"]] == [(4,), (4,), (3,), (3,)]
    assert (rest["spectral"], rest["lr"], rest["betas"]) == (False, 1e-3, (0.8, 0.9))
    assert "damping" not in rest


@pytest.mark.parametrize("build", [convolutional, Text])
def test_every_parameter_is_in_one_group(build):
    model = build()
    exponents = {name: 1.0 for name, _ in model.named_modules()}
    for groups in (spectral_groups(model, 2), scaled_groups(model, exponents, 1, "direct", 0.1, 0)):
        assert sorted(ids(groups)) == sorted(id(parameter) for parameter in model.parameters())


def test_transformers_layers_are_transposed_and_tied_weights_listed_once():
    *layers, rest = spectral_groups(Text(), 2)
    found = {group["name"]: group["is_transposed"] for group in layers}
    assert found == {"projection": True, "attention.out_proj": False, "head": False}
    assert [tuple(p.shape) for p in rest["params"]][:2] == [(5,), (12, 4)]  # a bias, the packed projection


def test_each_layer_takes_its_own_alpha_by_name():
    groups = spectral_groups(convolutional(), {"5": 1.0, "0": 2.0, "3": 1.7, "elsewhere": 9.0})
    assert [group.get("alpha") for group in groups] == [2.0, 1.7, 1.0, None]


def test_a_network_of_weights_only_has_no_group_for_the_rest():
    assert len(spectral_groups(nn.Linear(2, 3, bias=False), 2)) == 1


def test_a_missing_alpha_and_unknown_options_are_named():
    with pytest.raises(InputError, match="alpha: expected a value for layer '3', got only: 0, 5"):
        spectral_groups(convolutional(), {"0": 2.0, "5": 1.0})
    with pytest.raises(InputError, match="unknown option 'learning_rate'; expected one of: damping, lr"):
        spectral_groups(convolutional(), 2, learning_rate=0.1)
    with pytest.raises(InputError, match="unknown option 'damping'; expected one of: betas, eps"):
        spectral_groups(convolutional(), 2, adamw={"damping": 0.1})
    with pytest.raises(InputError, match="expected at least one"):
        spectral_groups(nn.Sequential(nn.BatchNorm2d(3)), 2)


EXPONENTS = {"0": 1.0, "3": 2.0, "5": 6.0}  # mean 3


def rates(control, beta=2.0, seed=0):
    return [group["lr"] for group in scaled_groups(convolutional(), EXPONENTS, beta, control, 0.1, seed)]


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_rates_follow_the_power_law_and_its_inverse(beta):
    direct = [0.1 * (s / 3) ** beta for s in EXPONENTS.values()]
    assert_close(rates("direct", beta), [*direct, 0.1], 1e-14)
    assert_close(rates("inverse", beta), [*(0.01 / rate for rate in direct), 0.1], 1e-14)


def test_random_rates_are_the_direct_ones_in_another_order_given_by_the_seed():
    found = {seed: rates("random", seed=seed) for seed in range(20)}
    for values in found.values():
        assert_close(sorted(values[:-1]), sorted(rates("direct")[:-1]), 1e-14)
        assert values[-1] == pytest.approx(0.1)
    assert found[3] == rates("random", seed=3)
    assert len({tuple(values) for values in found.values()}) == 6  # all orders of three occur


def test_beta_zero_is_plain_adam_bit_for_bit():
    models = [convolutional(), convolutional()]
    groups = scaled_groups(models[0], EXPONENTS, 0.0, "direct", 0.01, 0)
    optimizers = [torch.optim.Adam(groups), torch.optim.Adam(models[1].parameters(), lr=0.01)]
    for step in range(3):
        for model, optimizer in zip(models, optimizers, strict=True):
            backward(model, step)
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(*(model.parameters() for model in models), strict=True))


def test_bad_exponents_and_controls_are_named():
    def scale(exponents, control="direct"):
        return scaled_groups(convolutional(), exponents, 1.0, control, 0.1, 0)

    with pytest.raises(InputError, match="exponents: expected a value for layer '5', got only: 0, 3"):
        scale({"0": 1.0, "3": 2.0})
    for bad in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="positive number for layer '3'"):
            scale(EXPONENTS | {"3": bad})
    with pytest.raises(InputError, match="unknown control 'reverse'; expected one of: direct, inverse, random"):
        scale(EXPONENTS, "reverse")
