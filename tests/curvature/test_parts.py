"""A micro-batch measured in parts gives what it gives at once, or is not measured in parts."""

import pytest
import torch
from torch import nn

from layercurv.curvature import CrossEntropy, directional_curvature, gradient_directions, tangent, weight_layers
from layercurv.curvature.losses import OutputLoss
from layercurv.models.transformers_import import transformers


class Mixed(nn.Module):
    """Between two layers, something that may mix the samples."""

    def __init__(self, mix):
        super().__init__()
        self.first, self.last, self.mix = nn.Linear(6, 8), nn.Linear(8, 4), mix

    def forward(self, x):
        return self.last(nn.functional.gelu(self.mix(self.first(x))))


@pytest.fixture
def sizes(monkeypatch):
    """Numbers of samples that are linearised, with every micro-batch large enough for parts."""
    seen, init = [], tangent.Linearization.__init__

    def noted(self, traced, *args, **kwargs):
        seen.append(traced.n_samples)
        init(self, traced, *args, **kwargs)

    monkeypatch.setattr(tangent, "_SMALL_BYTES", 0)
    monkeypatch.setattr(tangent.Linearization, "__init__", noted)
    return seen


def measured(model, loss, batch, engine):
    layers = weight_layers(model)
    directions = gradient_directions(model, loss, [batch], layers, top_k=4)
    return directional_curvature(model, loss, [batch], directions, engine)


def assert_right(model, loss, batch):
    found, exact = (measured(model, loss, batch, engine) for engine in ("tangent", "double_backward"))
    for name in exact:
        torch.testing.assert_close(found[name].curvatures, exact[name].curvatures, rtol=1e-9, atol=1e-13)
    return found


def data(n=12):
    torch.manual_seed(0)
    return torch.randn(n, 6, dtype=torch.float64), torch.randint(4, (n,))


def test_parts_give_the_whole_in_the_order_of_the_samples(sizes):
    torch.manual_seed(1)
    model = Mixed(lambda x: x).double().eval()
    inputs, targets = data(13)
    found = assert_right(model, CrossEntropy(), (inputs, targets))
    assert sizes[1:] == [4, 3, 3, 3]
    assert found["first"].n_samples == 13
    few = directional_curvature(
        model,
        CrossEntropy(),
        [(inputs[[7]], targets[[7]])],
        gradient_directions(model, CrossEntropy(), [(inputs, targets)], weight_layers(model), top_k=4),
        "double_backward",
    )
    torch.testing.assert_close(found["first"].per_sample[7], few["first"].curvatures, rtol=1e-9, atol=1e-13)


def test_a_language_model_with_tied_embedding_is_measured_in_parts(sizes):
    torch.manual_seed(2)
    config = transformers.GPT2Config(
        vocab_size=16,
        n_positions=6,
        n_embd=8,
        n_layer=2,
        n_head=2,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = transformers.GPT2LMHeadModel(config).double().eval()
    assert model.lm_head.weight is model.transformer.wte.weight
    tokens = torch.randint(16, (9, 7))
    assert_right(model, CrossEntropy(), (tokens[:, :-1], tokens[:, 1:]))
    assert sizes[1:] == [3, 2, 2, 2]


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: x - x.mean(0),
        lambda x: x - x.mean(0) + x.mean(0).detach(),  # which no value shows
        lambda x: x + 0.1 * x.roll(1, 0),
        lambda x: x + 0.1 * x.roll(5, 0),
        lambda x: x + (x[0] - x[0].detach()) if len(x) > 5 else x + (x[1] - x[1].detach()),
        lambda x: x * (1 + 0.1 * x[0].sum()),
        lambda x: x / x.square().sum().sqrt(),
    ],
)
def test_samples_that_are_mixed_are_measured_together(sizes, mix):
    torch.manual_seed(3)
    assert_right(Mixed(mix).double().eval(), CrossEntropy(), data())
    assert sizes[-1] == 12


def test_a_loss_of_the_whole_micro_batch_is_measured_together(sizes):
    torch.manual_seed(4)
    weights = torch.tensor([0.1, 1.0, 3.0, 9.0], dtype=torch.float64)
    loss = OutputLoss(lambda f, y: nn.functional.cross_entropy(f, y, weights), "mean")
    assert_right(Mixed(lambda x: x).double().eval(), loss, data())
    assert sizes[-1] == 12


def test_a_small_micro_batch_is_measured_at_once(sizes, monkeypatch):
    monkeypatch.setattr(tangent, "_SMALL_BYTES", 2**20)
    assert_right(Mixed(lambda x: x).double().eval(), CrossEntropy(), data())
    assert sizes[-1] == 12
