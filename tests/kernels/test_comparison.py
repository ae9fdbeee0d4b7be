"""The float64 reference is right, and what torch computes is held against it."""

import itertools

import numpy as np
import pytest
import torch

from layercurv.kernels.comparison import largest_errors, tolerance
from layercurv.kernels.operation import KINDS, Operation
from layercurv.kernels.reference import reduction_lengths, reference

CPU = torch.device("cpu")
# Channels in and out, groups, kernel, stride, padding, dilation.
CONVOLUTIONS = {
    "pointwise": (4, 6, 1, (1, 1), (2, 2), (0, 0), (1, 1)),
    "square": (3, 4, 1, (3, 3), (1, 1), (1, 1), (1, 1)),
    "uneven": (2, 4, 2, (2, 3), (3, 2), (1, 2), (2, 1)),
    "depthwise": (4, 4, 4, (3, 3), (2, 2), (1, 1), (1, 1)),
    "line": (2, 3, 1, (4,), (2,), (3,), (2,)),
    "volume": (2, 3, 1, (2, 1, 2), (1, 2, 1), (1, 0, 1), (1, 1, 2)),
}


def operation(case, dtype="float32", channels_last=False) -> Operation:
    c_in, c_out, groups, kernel, stride, padding, dilation = case
    shapes = ((3, c_in, *(9, 8, 7)[: len(kernel)]), (c_out, c_in // groups, *kernel))
    layout = torch.channels_last if channels_last else torch.contiguous_format
    strides = tuple(torch.empty(shape, device="meta").to(memory_format=layout).stride() for shape in shapes)
    settings = (stride, padding, dilation, False, (0,) * len(kernel), groups)
    return Operation("convolution", shapes, strides, (dtype, dtype), settings)


def product(m: int, k: int, n: int, dtype: str) -> Operation:
    return Operation("product", ((m, k), (k, n)), ((k, 1), (1, k)), (dtype, dtype), ())


def by_definition(x, W, stride, padding, dilation, groups):
    # One output at a time: y[n, o, p] = sum over c, t of W[o, c, t] x[n, c, p * stride + t * dilation - padding].
    axes = range(len(stride))
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    size = [(x.shape[a + 2] - (W.shape[a + 2] - 1) * dilation[a] - 1) // stride[a] + 1 for a in axes]
    y = np.zeros((len(x), len(W), *size))
    per_group = len(W) // groups
    for n, o, *p in itertools.product(*map(range, y.shape)):
        for c, *t in itertools.product(*map(range, W.shape[1:])):
            pixel = [p[a] * stride[a] + t[a] * dilation[a] for a in axes]
            y[n, o, *p] += W[o, c, *t] * x[n, o // per_group * W.shape[1] + c, *pixel]
    return y


@pytest.mark.parametrize("case", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_the_reference_is_the_definition_and_its_gradients_are_adjoint_to_it(case):
    """The output is linear in x and in W, so <g, y(x', W)> = <dx, x'> and <g, y(x, W')> = <dW, W'> for any x', W'."""
    found, rng = operation(case), np.random.default_rng(0)
    x, W, other_x, other_W = (rng.standard_normal(shape) for shape in found.shapes * 2)
    stride, padding, dilation, _, _, groups = found.settings
    rest = stride, padding, dilation, groups
    y = by_definition(x, W, *rest)
    g = rng.standard_normal(y.shape)
    parts = reference("convolution", x, W, g, found.settings)
    assert parts["output"] == pytest.approx(y, rel=1e-12, abs=1e-12)
    assert np.sum(parts["input gradient"] * other_x) == pytest.approx(np.sum(g * by_definition(other_x, W, *rest)))
    assert np.sum(parts["weight gradient"] * other_W) == pytest.approx(np.sum(g * by_definition(x, other_W, *rest)))


def test_numbers_of_summed_products_are_those_of_sums_of_ones():
    """With ones everywhere each number of a part is its count of products; padding only lowers some."""
    for found in [*map(operation, CONVOLUTIONS.values()), product(5, 4, 3, "float64")]:
        x, W = (torch.ones(shape, dtype=torch.float64) for shape in found.shapes)
        g = torch.ones_like(KINDS[found.kind](x, W, *found.settings))
        parts = reference(found.kind, x.numpy(), W.numpy(), g.numpy(), found.settings)
        lengths = reduction_lengths(found.kind, *found.shapes, tuple(g.shape), found.settings)
        assert all(values.max() <= lengths[part] for part, values in parts.items()), found
        assert parts["output"].max() == lengths["output"]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("case", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolutions_are_right_up_to_rounding(case, dtype):
    for part, found in largest_errors(operation(case, dtype), CPU).items():
        assert found["error"] <= found["tolerance"], part


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_products_and_embeddings_are_right_up_to_rounding(dtype):
    shapes, strides = ((4, 6), (11, 5)), ((6, 1), (5, 1))
    embedding = Operation("embedding", shapes, strides, ("int64", dtype), ())
    for found in (product(2000, 300, 20, dtype), embedding):
        for part, numbers in largest_errors(found, CPU).items():
            assert numbers["error"] <= numbers["tolerance"], (found.kind, part)


def test_tensors_are_drawn_in_the_layout_that_was_noted(monkeypatch):
    seen, right = [], KINDS["convolution"]
    monkeypatch.setitem(KINDS, "convolution", lambda x, W, *s: seen.append(x.stride()) or right(x, W, *s))
    noted = operation(CONVOLUTIONS["square"], channels_last=True)
    largest_errors(noted, CPU)
    assert seen[0] == noted.strides[0] == (216, 1, 24, 3)
    assert noted.layout == "channels_last" and operation(CONVOLUTIONS["square"]).layout == "contiguous"


def test_an_error_of_one_percent_is_outside_and_an_expanded_input_is_drawn(monkeypatch):
    right = KINDS["product"]

    def slightly_wrong(x, W):
        # The output is right, the weight gradient 1 % too large.
        return right(x, W + 0.01 * (W - W.detach()))

    expanded = Operation("product", ((6, 4), (4, 5)), ((0, 1), (1, 4)), ("float32", "float32"), ())
    assert all(found["error"] <= found["tolerance"] for found in largest_errors(expanded, CPU).values())
    monkeypatch.setitem(KINDS, "product", slightly_wrong)
    found = largest_errors(product(100_000, 4, 5, "float32"), CPU)
    assert {part for part in found if found[part]["error"] > found[part]["tolerance"]} == {"weight gradient"}
    assert found["weight gradient"]["error"] == pytest.approx(0.03, rel=0.5)  # 1 % of the largest of 20 numbers
    assert tolerance(torch.float32, 20_000_000) < 0.01
    monkeypatch.setitem(KINDS, "product", lambda x, W: right(x, W) * float("nan"))
    assert largest_errors(product(3, 4, 5, "float32"), CPU)["output"]["error"] == float("inf")
