"""Directions of every kind, and the state a call finds and leaves."""

import copy
import logging

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layercurv.curvature import (
    BatchLoss,
    CrossEntropy,
    Directions,
    JointDirections,
    OutputLoss,
    TensorDirections,
    directional_curvature,
    gradient_directions,
    mean_gradients,
    parameters,
    weight_layers,
)
from layercurv.errors import InputError
from tests.compare import assert_close


def case():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double().eval()
    return model, [(torch.randn(6, 4).double(), torch.randint(0, 3, (6,))) for _ in range(2)]


def plain(model, batches, weights, D):
    loss = sum(F.cross_entropy(model(x), y) for x, y in batches) / len(batches)
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    slope = sum((g * d).sum() for g, d in zip(gradients, D, strict=True))
    return sum((p * d).sum() for p, d in zip(torch.autograd.grad(slope, weights), D, strict=True))


def test_tensors_and_pairs_are_directions():
    model, batches = case()
    D = torch.randn(3, 5, 4).double()
    expected = torch.stack([plain(model, batches, [model[0].weight], [d]) for d in D])
    for given in (D, TensorDirections(D)):
        found = directional_curvature(model, CrossEntropy(), batches, {"0": given})["0"]
        assert found.engine == "tangent"
        assert_close(found.curvatures, expected, 1e-9)
        assert_close(found.per_sample.mean(0), expected, 1e-9)
    u, v = torch.randn(5).double(), torch.randn(4).double()
    one = directional_curvature(model, CrossEntropy(), batches, {"0": (u, v), "2": torch.ones(3, 5).double()})
    assert_close(one["0"].curvatures, plain(model, batches, [model[0].weight], [torch.outer(u, v)])[None], 1e-9)
    assert one["2"].curvatures.shape == (1,)


def test_directions_made_without_a_gradient():
    model, batches = case()
    layer = weight_layers(model, "0")[0]
    for given, count in (
        (Directions.random(layer, 4), 4),
        (Directions.neurons(layer), 5),
        (Directions.neurons(layer, [1]), 1),
    ):
        found = directional_curvature(model, CrossEntropy(), batches, {"0": given})["0"]
        D = [given.tensor(k, layer) for k in range(count)]
        expected = torch.stack([plain(model, batches, [layer.weight], [d]) for d in D])
        assert_close(found.curvatures, expected, 1e-9)
        assert_close(torch.stack([d.norm() for d in D]), torch.ones(count), 1e-9)


def test_weights_that_move_together_have_the_blocks_between_them():
    model, batches = case()
    weights = dict(model.named_parameters())
    D = {name: torch.randn(2, *weight.shape).double() for name, weight in weights.items()}
    given = {"whole": JointDirections(D), "0": D["0.weight"]}
    found = directional_curvature(model, CrossEntropy(), batches, given)
    for k in range(2):
        expected = plain(model, batches, list(weights.values()), [d[k] for d in D.values()])
        assert_close(found["whole"].curvatures[k], expected, 1e-9)
    alone = sum(
        directional_curvature(model, CrossEntropy(), batches, {name: D[name]})[name].curvatures for name in weights
    )
    assert ((alone - found["whole"].curvatures).abs() > 1e-3).all()
    with pytest.raises(InputError, match="the same number of directions for every weight"):
        directional_curvature(
            model, CrossEntropy(), batches, {"x": JointDirections({"0": D["0.weight"], "2": D["2.weight"][:1]})}
        )


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_contexts_without_gradients_change_nothing(context):
    model, batches = case()
    layers = weight_layers(model)
    expected = directional_curvature(
        model, CrossEntropy(), batches, gradient_directions(model, CrossEntropy(), batches, layers, 2)
    )
    with context():
        inside = [(x.clone(), y.clone()) for x, y in batches]  # tensors of inference mode
        directions = gradient_directions(model, CrossEntropy(), inside, layers, 2)
        for engine in ("auto", "double_backward"):
            found = directional_curvature(model, CrossEntropy(), inside, directions, engine)
            for name in found:
                assert_close(found[name].curvatures, expected[name].curvatures, 1e-9)


def test_frozen_weights_and_gradients_at_hand_are_left_alone():
    model, batches = case()
    model.requires_grad_(False)
    model[0].weight.grad = torch.ones(5, 4).double()
    held = model[0].weight.grad
    directions = gradient_directions(model, CrossEntropy(), batches, weight_layers(model), 2)
    directional_curvature(model, CrossEntropy(), batches, directions)
    assert not any(p.requires_grad for p in model.parameters())
    assert model[0].weight.grad is held and bool((held == 1).all())


def test_what_fails_leaves_the_network_alone():
    model, batches = case()
    before = copy.deepcopy(model.state_dict())
    half = model.half()

    def fails(network, batch):
        network.extra = 1
        raise RuntimeError("no\nsecond line")

    with pytest.raises(InputError, match=r"RuntimeError: no$"):
        directional_curvature(half, BatchLoss(fails, "mean"), batches, {"0": torch.ones(5, 4)})
    assert not hasattr(half, "extra") and half[0].weight.dtype == torch.float16
    assert all(torch.equal(half.state_dict()[name], value.half()) for name, value in before.items())


def test_a_slower_engine_is_told_in_one_line(caplog):
    class Bent(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.head(torch.linalg.cross(self.first(x)[:, :3], x[:, :3]) @ torch.ones(3, 4).to(x))

    model, (_, batches) = Bent().double(), case()
    directions = gradient_directions(model, CrossEntropy(), batches, weight_layers(model), 2)
    with caplog.at_level(logging.WARNING, "layercurv"):
        directional_curvature(model, CrossEntropy(), batches, directions)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "first" in line and "double_backward" in line and "linalg_cross" in line and "2 directions" in line


def test_precision_that_is_not_enough_is_told_with_its_size():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).eval()
    batch = torch.randn(3, 4), torch.tensor([0, 1, 2])

    def loss(network, b):
        return ((network[0](b[0]) + 3e7) - 3e7).square().mean()  # float32 keeps even numbers only

    with pytest.warns(UserWarning, match=r"float32 is off by about .*% from float64"):
        directional_curvature(
            model, BatchLoss(lambda m, b: loss(m, b) * loss(m, b), "mean"), [batch], {"0": torch.ones(5, 4)}
        )


class Imprecise(nn.Module):
    """Loses digits in float32; refuses some inputs."""

    def __init__(self, accepts):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.head, self.accepts = nn.Linear(4, 5), nn.Linear(5, 3), accepts

    def forward(self, x):
        if not self.accepts(x):
            raise ValueError("not this")
        z = self.a(x).tanh()
        return self.head((z.square() + 3e5) - 3e5)  # float32 keeps multiples of 1/32


def measure_imprecisely(accepts):
    model = Imprecise(accepts).eval()
    given = {layer.name: Directions.random(layer, 1) for layer in weight_layers(model)}
    return directional_curvature(model, CrossEntropy(), [(torch.randn(5, 4), torch.arange(5) % 3)], given)


def test_precision_is_looked_at_on_all_samples_where_the_first_alone_is_refused():
    with pytest.warns(UserWarning, match=r"float32 is off by about .*% from float64"):
        measure_imprecisely(lambda x: len(x) == 5)


def test_precision_is_looked_at_where_only_the_loss_can_count_samples():
    model = Imprecise(lambda x: True).eval()
    batch = {"x": torch.randn(5, 4), "labels": torch.arange(5) % 3, "weights": torch.ones(3)}  # lengths 5, 5 and 3

    def loss(network, b):
        return nn.functional.cross_entropy(network(b["x"]), b["labels"], b["weights"])

    given = {layer.name: Directions.random(layer, 1) for layer in weight_layers(model)}
    with pytest.warns(UserWarning, match=r"float32 is off by about .*% from float64"):
        directional_curvature(model, BatchLoss(loss, "mean", lambda b: len(b["x"])), [batch], given)


def test_a_network_that_does_not_run_in_float64_is_told(caplog):
    with caplog.at_level(logging.WARNING, "layercurv"):
        measure_imprecisely(lambda x: x.dtype == torch.float32)
    assert "does not run in float64" in caplog.text


def test_autocast_inside_a_network_is_told_with_its_size():
    from tests.zoo.hostile import inner_autocast
    from tests.zoo.told import two

    model = two(inner_autocast)().float().eval()
    directions = {layer.name: Directions.random(layer, 2) for layer in weight_layers(model)}
    torch.manual_seed(0)
    batch = torch.randn(6, 4), torch.randint(0, 3, (6,))
    with pytest.warns(UserWarning, match=r"float32 is off by about .*% from float64"):
        found = directional_curvature(model, CrossEntropy(), [batch], directions)
    # A cast of weights that autocast has kept from an earlier pass would be missing from the record.
    assert {curvature.engine for curvature in found.values()} == {"tangent"}


class Reversed(nn.Module):
    def forward(self, z):
        z = z.tanh()
        z.register_hook(lambda g: -g)
        return z


class Coarse(nn.Module):
    def forward(self, z):
        return (z.tanh() + 3e5) - 3e5


@pytest.mark.parametrize(
    ("bend", "engine", "is_seen"),
    [(nn.Tanh, "tangent", True), (Reversed, "double_backward", False), (Coarse, "tangent", False)],
)
def test_float64_is_looked_at_while_proving(bend, engine, is_seen, monkeypatch):
    """Where that settles nothing, the proof is as ever and the precision is looked at by itself."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), bend(), nn.Linear(5, 3)).eval()
    x, y = torch.randn(20, 4), torch.randint(0, 3, (20,))
    D, looked = {"0": Directions.random(weight_layers(model)[0], 2)}, []
    monkeypatch.setattr("layercurv.curvature.directional.warn_if_imprecise", lambda *given: looked.append(given))
    found = directional_curvature(model, CrossEntropy(), [(x, y)], D)["0"]
    assert (found.engine, not looked) == (engine, is_seen)
    exact = directional_curvature(model.double(), CrossEntropy(), [(x.double(), y)], D, "double_backward")["0"]
    assert_close(found.curvatures, exact.curvatures, 0.2 if bend is Coarse else 1e-4)


def test_a_loss_that_refuses_two_samples_is_measured_by_the_reference():
    """Labels that are places in the batch: the proof's two samples have no third place."""
    model, (batch, _) = case()
    x, y = batch[0], torch.arange(6).flip(0)

    def contrastive(outputs, places):
        return F.cross_entropy(outputs @ outputs.T, places)

    D = {"0": torch.randn(1, 5, 4, dtype=torch.float64)}
    found = directional_curvature(model, OutputLoss(contrastive, "mean"), [(x, y)], D)["0"]
    own = BatchLoss(lambda m, b: contrastive(m(b[0]), b[1]), "mean")
    exact = directional_curvature(model, own, [(x, y)], D, "double_backward")["0"]
    assert found.engine == "double_backward"
    assert_close(found.curvatures, exact.curvatures, 1e-12)


def test_a_parameter_has_a_gradient_too():
    model, batches = case()
    (bias,) = parameters(model, "0.bias")
    found = mean_gradients(model, CrossEntropy(), batches, [bias])["0.bias"]
    loss = sum(F.cross_entropy(model(x), y) for x, y in batches) / 2
    assert_close(found[:, 0], torch.autograd.grad(loss, model[0].bias)[0], 1e-12)
    with pytest.raises(InputError, match=r"no parameter '0.bais'; the network has: 0.weight, 0.bias"):
        parameters(model, "0.bais")
