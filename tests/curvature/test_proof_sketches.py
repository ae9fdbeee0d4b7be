"""What the proof compares: directions as thin products, and derivatives by random projections of them."""

import pytest
import torch

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
