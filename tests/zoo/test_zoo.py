"""Every case of the zoo: right to rounding, or the one error expected. Counts are printed by engine at the end."""

from collections import Counter

import pytest
import torch

from layercurv.curvature import Directions, directional_curvature, parameters, weight_layers
from layercurv.curvature.layers import WeightLayer
from layercurv.errors import InputError
from tests.zoo import brought, counted, hostile, moved, plain, published, sequences, tasks, told, vision
from tests.zoo.case import Case
from tests.zoo.oracle import by_finite_differences, curvatures

PARTS = (plain, sequences, vision, published, tasks, brought, counted, moved, told, hostile)
CASES = [case for part in PARTS for case in part.CASES]
RIGHT: Counter = Counter()
K = 2


@pytest.fixture(scope="module", autouse=True)
def count():
    yield
    total = sum(RIGHT.values())
    print(f"\nzoo: {len(CASES)} cases; {total} weights right: {dict(sorted(RIGHT.items()))}")


def layers_of(case: Case, model) -> list[WeightLayer]:
    layers = [] if case.layers == [] else weight_layers(model, case.layers)
    return layers + (parameters(model, case.parameters) if case.parameters else [])


def directions_of(layers: list[WeightLayer]) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    found = {}
    for layer in layers:
        u, v = (torch.randn(K, size, generator=generator, dtype=torch.float64) for size in layer.shape)
        found[layer.name] = torch.einsum("km,kn->kmn", u / u.norm(dim=1, keepdim=True), v / v.norm(dim=1, keepdim=True))
    return found


def first_length(batch) -> int:
    values = list(batch.values()) if hasattr(batch, "values") else batch
    values = list(vars(batch).values()) if hasattr(batch, "__dataclass_fields__") else values
    first = values[0] if not isinstance(values, torch.Tensor) else values
    return first_length(first) if isinstance(first, dict | tuple | list) else len(first)


def own_cross_entropy(model, batch):
    outputs = model(*batch[:-1])  # a tuple of inputs, and targets last
    outputs = getattr(outputs, "logits", outputs)
    return torch.nn.functional.cross_entropy(outputs.flatten(0, -2), batch[-1].flatten())


def marked(case: Case):
    return pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else [])


@pytest.mark.parametrize("case", map(marked, CASES))
def test_curvature_is_that_of_plain_double_backpropagation(case):
    model, batches = case.build().to(case.dtype).eval(), case.batches()
    batches = cast(batches, case.dtype) if case.dtype != torch.float64 else batches
    layers = layers_of(case, model)
    D = directions_of(layers)
    directions = {layer.name: rank_one(layer, D[layer.name]) for layer in layers}
    before = state(model)
    if case.refused:
        with pytest.raises(InputError, match=case.refused):
            directional_curvature(model, case.loss, batches, directions)
        assert state(model) == before
        return
    found = directional_curvature(model, case.loss, batches, directions)
    assert state(model) == before, "the network was changed"
    check(case, model, batches, layers, D, found)


def rank_one(layer: WeightLayer, D: torch.Tensor):
    U, S, Vh = torch.linalg.svd(D)
    return Directions.from_vectors((U[:, :, 0] * S[:, :1]).T, Vh[:, 0].T)


def check(case: Case, model, batches, layers, D, found):
    double = case.build().double().eval()
    if case.dtype != torch.float64:
        double.load_state_dict({name: value.double() for name, value in model.state_dict().items()})
    double = case.bake(double) if case.bake else double
    own = case.own or own_cross_entropy
    batches = cast(batches, torch.float64)
    counts = [(case.n_samples or first_length)(batch) for batch in batches]
    expected = {}
    for layer, twin in zip(layers, layers_of(case, double), strict=True):
        twin.weight.requires_grad_(True)
        shaped = twin.from_matrix(D[layer.name])
        expected[layer.name] = curvatures(double, own, batches, counts, [twin.weight], [shaped])
    largest = max(float(h.abs().max()) for h in expected.values())
    for name, h in expected.items():
        got, size = found[name].curvatures, max(float(h.abs().max()), 1e-6 * largest, 1e-12)
        error = float((got - h).abs().max()) / size
        assert error <= case.tolerance, f"{name} by {found[name].engine}: {got.tolist()}, expected {h.tolist()}"
        assert found[name].n_samples == sum(counts)
        if found[name].per_sample is not None:
            mean = found[name].per_sample.mean(0)
            assert float((mean - got).abs().max()) <= case.tolerance * size, f"{name}: contributions of samples"
        assert case.engines is None or found[name].engine in case.engines, f"{name} by {found[name].engine}"
        RIGHT[found[name].engine] += 1


def cast(batches, dtype):
    return [
        tuple(x.to(dtype) if x.is_floating_point() else x for x in batch)
        if type(batch) is tuple and all(isinstance(x, torch.Tensor) for x in batch)
        else batch
        for batch in batches
    ]


def state(model) -> list:
    values = [(name, value.clone()) for name, value in model.state_dict().items()]
    flags = [(p.requires_grad, p.grad is None, p.dtype) for p in model.parameters()]
    modes = [(module.training, type(module), len(module._forward_hooks)) for module in model.modules()]
    names = [sorted(vars(module)) for module in model.modules()]
    return [[(n, v.dtype, v.nan_to_num().tolist()) for n, v in values], flags, modes, names]


SMOOTH = ["plain/activation/tanh", "plain/activation/gelu", "plain/norm/layer_norm", "plain/sequence/lstm"]


@pytest.mark.parametrize("name", SMOOTH)
def test_finite_differences_of_the_gradient_agree_with_the_oracle(name):
    case = next(case for case in CASES if case.name == name)
    model, batches = case.build().double().eval(), case.batches()
    layers = layers_of(case, model)
    D = directions_of(layers)
    counts = [first_length(batch) for batch in batches]
    for layer in layers:
        shaped = layer.from_matrix(D[layer.name])
        h = curvatures(model, own_cross_entropy, batches, counts, [layer.weight], [shaped])
        estimate = by_finite_differences(model, own_cross_entropy, batches, counts, layer.weight, shaped)
        # Truncation ~ step^2, rounding ~ eps / step: both below 1e-6 of a curvature of order one.
        assert (estimate - h).abs().max() <= 1e-5 * h.abs().max() + 1e-9, layer.name


def test_there_are_enough_cases():
    assert len(CASES) >= 250
    assert len({case.name for case in CASES}) == len(CASES)
