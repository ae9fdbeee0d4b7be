"""What the proof compares: directions as thin products, and derivatives by random projections of them."""

import pytest
import torch
from torch import nn

from layercurv.curvature import directional_curvature, gradient_directions, weight_layers
from layercurv.curvature.rounding import Distance, sketch
from layercurv.curvature.second_derivatives import random_directions

SHAPES = [(), (1,), (7,), (0, 5), (1, 300), (300, 1), (6, 40), (5, 3, 4, 4), (200, 300)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_random_direction_is_the_tensor_that_it_stands_for(shape, dtype):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=dtype)
    (direction,) = random_directions([weight])
    D = direction.tensor(dtype)
    assert D.shape == weight.shape and D.dtype == dtype
    torch.testing.assert_close(direction.along(weight), (D * weight).sum(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(direction.tensor(dtype, 3.0), 3 * D)
    if weight.numel():
        assert D.norm().item() == pytest.approx(1, abs=1e-5)


def test_a_random_direction_has_rank_two():
    (direction,) = random_directions([torch.empty(6, 40)])
    assert torch.linalg.matrix_rank(direction.tensor(torch.float64)) == 2


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if 0 not in shape])
@pytest.mark.parametrize("rank", [1, 4, None])
def test_a_sketch_tells_lengths_to_a_quarter(shape, rank):
    generator, errors = torch.Generator().manual_seed(2), []
    for _ in range(20):
        tensor = torch.randn(shape, generator=generator, dtype=torch.float64)
        if rank is not None and tensor.dim() > 1:
            left, right = (torch.randn(n, rank, generator=generator).double() for n in tensor.flatten(1).shape)
            tensor = (left @ right.T).reshape(shape)
        errors.append(float(sketch(tensor).norm() / tensor.norm()) - 1)
        assert abs(errors[-1]) < 0.6
    assert sum(e * e for e in errors) / len(errors) < 0.25**2


def test_what_differs_in_one_entry_has_another_sketch():
    tensor = torch.randn(300, 300, generator=torch.Generator().manual_seed(3))
    other = tensor.clone()
    other[17, 4] += 3.0
    found = Distance.of(sketch(tensor), sketch(other))
    assert found.difference == pytest.approx(3.0, rel=0.5)
    assert Distance.of(sketch(tensor), sketch(tensor.double())).difference < 1e-4


class Compressed(nn.Module):
    """Keeps what one layer needs for its gradient in sixteen bits, as memory savers do: no output shows it."""

    def __init__(self, dtype, first_time_too=True):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = nn.Linear(6, 5), nn.Linear(5, 5), nn.Linear(5, 3)
        self.dtype, self.first_time_too = dtype, first_time_too

    def forward(self, x):
        asked = set()

        def unpack(kept):
            is_first = id(kept) not in asked
            asked.add(id(kept))
            return kept if is_first and not self.first_time_too else kept.to(self.dtype).to(x.dtype)

        hidden = torch.tanh(self.a(x))
        with torch.autograd.graph.saved_tensors_hooks(torch.Tensor.clone, unpack):
            hidden = torch.tanh(self.b(hidden))
        return self.c(hidden)


def curvatures_of(model, engine="auto"):
    x = torch.randn(12, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    batches, layers = [(x, torch.arange(12) % 3)], weight_layers(model)
    directions = gradient_directions(model, nn.CrossEntropyLoss(), batches, layers, 3)
    return directional_curvature(model, nn.CrossEntropyLoss(), batches, directions, engine)


@pytest.mark.parametrize(
    ("model", "replaced"),
    [
        (Compressed(torch.bfloat16), "abc"),
        (Compressed(torch.bfloat16, first_time_too=False), "ab"),  # the gradient is the same
        (Compressed(torch.float64), ""),
    ],
)
def test_where_only_the_derivatives_of_the_users_code_differ_they_count(model, replaced, caplog):
    model = model.double().eval()
    found, exact = curvatures_of(model), curvatures_of(model, "double_backward")
    assert {name for name, curvature in found.items() if curvature.engine == "double_backward"} == set(replaced)
    assert ("gives other derivatives than the recorded operations" in caplog.text) == bool(replaced)
    for name, curvature in found.items():
        torch.testing.assert_close(curvature.curvatures, exact[name].curvatures, rtol=1e-9, atol=1e-12)
