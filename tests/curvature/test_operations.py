"""Every operation with a rule has an oracle: the dense Hessian of a small network around it, by torch's own means."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from layercurv.curvature import CrossEntropy, directional_curvature, gradient_directions, weight_layers
from layercurv.curvature.attention import fuse_attention
from layercurv.curvature.fusion import fuse_elementwise
from layercurv.curvature.recording import record
from layercurv.curvature.rules import RULES
from layercurv.curvature.second_derivatives import derivatives, random_directions
from tests.cases import Case
from tests.compare import assert_close
from tests.reference.dense import directional_curvatures


class Around(nn.Module):
    """A convolution and a linear layer in front of the operation, a head behind it."""

    def __init__(self, operation, shape):
        super().__init__()
        self.operation, self.shape = operation, shape
        self.conv, self.first = nn.Conv2d(2, 2, 3, padding=1), nn.Linear(32, 16)
        with torch.no_grad():
            n = self.operation(torch.zeros(2, *shape) + 0.1, torch.zeros(2, *shape) + 0.2).reshape(2, -1).shape[1]
        self.head = nn.Linear(n, 3)

    def forward(self, x):
        moved = self.conv(x)
        z = self.first(moved.flatten(1))
        z = z + 0.1 * moved.flatten(1)[:, :16]
        z = z.reshape(-1, *self.shape)
        return self.head(self.operation(z, 0.5 * z.flip(-1)).flatten(1))


MASK = torch.arange(16).reshape(4, 4) % 3 == 0
INDEX = torch.tensor([2, 0, 1])
SQUARE, VECTOR, IMAGE = (4, 4), (16,), (4, 2, 2)
KERNELS = torch.linspace(-1, 1, 48).reshape(3, 4, 2, 2).double()
SCALE = torch.linspace(0.5, 1.5, 4).double()
POSITIVE = SCALE + 3
MATRIX = torch.linspace(-1, 1, 64).reshape(16, 4).double()


def channels_last(image):
    return image.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


# Name of the operation -> shape of a sample, and a function of two dependent tensors of that shape.
OPERATIONS = {
    "_adaptive_avg_pool2d": (IMAGE, lambda a, b: F.adaptive_avg_pool2d(a, (2, 1)) * b[..., :1]),
    "_log_softmax": (SQUARE, lambda a, b: F.log_softmax(3 * a, 1)),
    "_native_batch_norm_legit_no_training": (IMAGE, lambda a, b: F.batch_norm(a, -SCALE, SCALE, SCALE, SCALE).tanh()),
    "_prelu_kernel": (SQUARE, lambda a, b: F.prelu(a, torch.tensor([0.2]).double()) * b),
    "_safe_softmax": (SQUARE, lambda a, b: F.scaled_dot_product_attention(3 * a, 2 * b, a)),
    "_softmax": (SQUARE, lambda a, b: (3 * a).softmax(1)),
    "_to_copy": (SQUARE, lambda a, b: a.to(torch.float64, copy=True) * b),
    "_unsafe_index": (SQUARE, lambda a, b: torch.ops.aten._unsafe_index(a, [None, INDEX]).tanh()),
    "_unsafe_view": (SQUARE, lambda a, b: (a @ MATRIX[:4]).tanh()),
    "abs": (SQUARE, lambda a, b: a.abs() * b),
    "add": (SQUARE, lambda a, b: torch.add(a, b[:, :1], alpha=2).tanh() + a),
    "addmm": (VECTOR, lambda a, b: torch.addmm(SCALE, a, MATRIX).tanh()
              + torch.addmm(b[:, :1], a, MATRIX, beta=0.5, alpha=2).tanh()
              + torch.addmm(b[0, :4], torch.ones_like(a), MATRIX).tanh()),
    "alias": (IMAGE, lambda a, b: F.adaptive_avg_pool2d(channels_last(a), 1).tanh()),
    "attention": ((16, 1), lambda a, b: F.scaled_dot_product_attention(3 * a, 2 * b, a + b, is_causal=True)),
    "avg_pool2d": (IMAGE, lambda a, b: F.avg_pool2d(a, 2) * b[..., :1, :1]),
    "avg_pool3d": (IMAGE, lambda a, b: F.avg_pool3d(a.unsqueeze(1), 2).squeeze(1) * b[:, :2, :1, :1]),
    "baddbmm": (SQUARE, lambda a, b: torch.baddbmm(SCALE, a, b).tanh()
                + torch.baddbmm(a[:, :1], a, b, beta=0.5, alpha=-2).tanh()),
    "bmm": (SQUARE, lambda a, b: torch.bmm(a, b)),
    "cat": (SQUARE, lambda a, b: torch.cat([a, torch.ones_like(a), b], 1).square()),
    "chain": (SQUARE, lambda a, b: 0.5 * a * (1 + torch.tanh(0.8 * (a + 0.04 * a.pow(3))))),
    "clamp": (SQUARE, lambda a, b: a.clamp(-0.1, 0.2) * b),
    "clamp_max": (SQUARE, lambda a, b: a.clamp_max(0.1) * b),
    "clamp_min": (SQUARE, lambda a, b: a.clamp_min(0.1) * b),
    "clone": (SQUARE, lambda a, b: a.clone() * b),
    "constant_pad_nd": (SQUARE, lambda a, b: F.pad(a, (1, 0, 0, 2), value=3.0).tanh()),
    "convolution": (IMAGE, lambda a, b: F.conv2d(a, KERNELS, padding=1).tanh()),
    "cos": (SQUARE, lambda a, b: a.cos()),
    "cumsum": (SQUARE, lambda a, b: a.cumsum(1) * b),
    "diagonal": (SQUARE, lambda a, b: a.diagonal(dim1=1, dim2=2) * b[:, 0]),
    "div": (SQUARE, lambda a, b: a / (2 + b.square()) + b / 3 + 1 / (3 + a)),
    "elu": (SQUARE, lambda a, b: F.elu(a)),
    "erf": (SQUARE, lambda a, b: a.erf()),
    "exp": (SQUARE, lambda a, b: a.exp()),
    "expand": (SQUARE, lambda a, b: a[:, :1].expand(-1, 4, 4) * b),
    "flip": (SQUARE, lambda a, b: a.flip(1) * b),
    "gather": (SQUARE, lambda a, b: a.gather(1, torch.ones(len(a), 1, 4, dtype=torch.long)) * b),
    "gelu": (SQUARE, lambda a, b: F.gelu(a) + F.gelu(b, approximate="tanh")),
    "hardswish": (SQUARE, lambda a, b: F.hardswish(a)),
    "hardtanh": (SQUARE, lambda a, b: F.hardtanh(a, -0.1, 0.1) * b),
    "index": (SQUARE, lambda a, b: a[:, INDEX] * b[:, :3]),
    "index_select": (SQUARE, lambda a, b: a.index_select(1, INDEX) * b[:, :3]),
    "leaky_relu": (SQUARE, lambda a, b: F.leaky_relu(a, 0.1) * b),
    "log": (SQUARE, lambda a, b: (a + POSITIVE).log()),
    "masked_fill": (SQUARE, lambda a, b: a.masked_fill(MASK, float("-inf")).softmax(2)),
    "max_pool2d_with_indices": (IMAGE, lambda a, b: F.max_pool2d(a, 2) * b[..., :1, :1]),
    "mean": (SQUARE, lambda a, b: a.mean(1, keepdim=True) * b),
    "mish": (SQUARE, lambda a, b: F.mish(a)),
    "mm": (VECTOR, lambda a, b: (a @ MATRIX).tanh()),
    "mul": (SQUARE, lambda a, b: a * b + 2 * a * SCALE + a * b[:, 0, :1].unsqueeze(2)),
    "native_group_norm": (IMAGE, lambda a, b: F.group_norm(a, 2, SCALE, SCALE) + F.group_norm(b, 1)),
    "native_layer_norm": (SQUARE, lambda a, b: F.layer_norm(a, (4,), SCALE, SCALE) + F.layer_norm(b, (4, 4))),
    "neg": (SQUARE, lambda a, b: -a * b),
    "permute": (IMAGE, lambda a, b: a.permute(0, 2, 3, 1).tanh()),
    "pixel_shuffle": (IMAGE, lambda a, b: F.pixel_shuffle(a, 2).tanh()),
    "pow": (SQUARE, lambda a, b: a.pow(3) + b**2 + a.pow(0) * b),
    "reciprocal": (SQUARE, lambda a, b: (a + POSITIVE).reciprocal()),
    "reflection_pad1d": (SQUARE, lambda a, b: F.pad(a, (1, 1), mode="reflect").tanh()),
    "reflection_pad2d": (IMAGE, lambda a, b: F.pad(a, (1, 1, 1, 1), mode="reflect").tanh()),
    "relu": (SQUARE, lambda a, b: F.relu(a) * b + F.relu(a.clone(), inplace=True)),
    "repeat": (SQUARE, lambda a, b: a.repeat(1, 2, 1).tanh()),
    "replication_pad1d": (SQUARE, lambda a, b: F.pad(a, (1, 1), mode="replicate").tanh()),
    "replication_pad2d": (IMAGE, lambda a, b: F.pad(a, (1, 1, 1, 1), mode="replicate").tanh()),
    "roll": (SQUARE, lambda a, b: a.roll(1, 1) * b),
    "rsqrt": (SQUARE, lambda a, b: (a + POSITIVE).rsqrt()),
    "rsub": (SQUARE, lambda a, b: (1 - a) * torch.rsub(b, a, alpha=2)),
    "select": (SQUARE, lambda a, b: a[:, 1] * b[:, 2]),
    "sigmoid": (SQUARE, lambda a, b: a.sigmoid() * b),
    "silu": (SQUARE, lambda a, b: F.silu(a)),
    "sin": (SQUARE, lambda a, b: a.sin()),
    "slice": (SQUARE, lambda a, b: a[:, 1:3] * b[:, :2]),
    "softplus": (SQUARE, lambda a, b: F.softplus(a)),
    "split": (SQUARE, lambda a, b: torch.stack([x * y for x, y in zip(a.split(2, 1), b.split(2, 1), strict=True)])
              .transpose(0, 1)),
    "split_with_sizes": (SQUARE, lambda a, b: torch.cat([x.tanh() for x in a.split([1, 3], 1)], 1)),
    "sqrt": (SQUARE, lambda a, b: (a + POSITIVE).sqrt()),
    "squeeze": (SQUARE, lambda a, b: a[:, :1].squeeze(1) * b[:, 0]),
    "stack": (SQUARE, lambda a, b: torch.stack([a, b, torch.ones_like(a)], 1).square()),
    "sub": (SQUARE, lambda a, b: torch.sub(a, b, alpha=3).tanh() - b[:, :1]),
    "sum": (SQUARE, lambda a, b: a.sum(1, keepdim=True) * b),
    "t": (VECTOR, lambda a, b: (a.t() * b.t()).t()),
    "tanh": (SQUARE, lambda a, b: a.tanh()),
    "threshold": (SQUARE, lambda a, b: F.threshold(a, 0.1, 2.0) * b),
    "transpose": (SQUARE, lambda a, b: a.transpose(1, 2) * b),
    "tril": (SQUARE, lambda a, b: a.tril() * b),
    "triu": (SQUARE, lambda a, b: a.triu() * b),
    "unbind": (SQUARE, lambda a, b: a.unbind(1)[0] * b.unbind(1)[1]),
    "unsqueeze": (SQUARE, lambda a, b: a.unsqueeze(1).tanh()),
    "upsample_bicubic2d": (IMAGE, lambda a, b: F.interpolate(a, scale_factor=2, mode="bicubic").tanh()),
    "upsample_bilinear2d": (IMAGE, lambda a, b: F.interpolate(a, scale_factor=2, mode="bilinear").tanh()),
    "upsample_linear1d": (SQUARE, lambda a, b: F.interpolate(a, scale_factor=2, mode="linear").tanh()),
    "upsample_trilinear3d": (IMAGE, lambda a, b: F.interpolate(a[:, None], scale_factor=2, mode="trilinear").tanh()),
    "view": (SQUARE, lambda a, b: a.view(-1, 2, 8).tanh()),
    "where": (SQUARE, lambda a, b: torch.where(MASK, a, 2 * b) * torch.where(MASK, a, -1.0)),
}  # fmt: skip
# Operations that this torch executes under another name on a CPU, or that no forward pass of ours leads to.
ELSEWHERE = {
    "native_batch_norm": "older torch",
    "cudnn_batch_norm": "CUDA",
    "embedding": "its weight moves only if tied: test_supported_networks",
}


def case_of(name: str) -> Case:
    torch.manual_seed(5)
    shape, operation = OPERATIONS[name]
    torch.set_default_dtype(torch.float64)
    try:
        model = Around(operation, shape).eval()
    finally:
        torch.set_default_dtype(torch.float32)
    images = torch.randn(3, 2, 4, 4).double()
    return Case(name, model, CrossEntropy(), images, torch.randint(0, 3, (3,)))


def test_every_rule_has_an_oracle():
    assert OPERATIONS.keys() | ELSEWHERE.keys() == RULES.keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_tangents_through_an_operation_agree_with_the_dense_hessian(name):
    case = case_of(name)
    executed = {
        operation.name for operation in fuse_elementwise(fuse_attention(record(case.model, case.inputs))).operations
    }
    assert name in executed, f"the case executes {sorted(executed)}"
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=3)
    found = directional_curvature(case.model, case.loss, [case.batch], directions, "tangent")
    for layer in layers:
        expected = directional_curvatures(case, layer, directions[layer.name])
        scale = expected.abs().max().item()
        assert_close(found[layer.name].curvatures, expected, 1e-8, 1e-12 * scale, f"{name}, layer {layer.name}")
        if name == "t" and layer.name != "head":  # samples stand in the second axis where it bends
            assert found[layer.name].per_sample is None
        else:
            assert_close(found[layer.name].per_sample.mean(0), expected, 1e-8, 1e-12 * scale, f"{name}, samples")
        assert_close(found[layer.name].slopes.mean(0), directions[layer.name].singular_values, 1e-8, 1e-12)


def test_a_weight_given_twice_is_seen_at_both_places():
    w = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    one, unused, other = random_directions([w, w, w])
    found = derivatives((w**3).sum(), [w, None, w], [one, unused, other])
    moved = one.tensor(w.dtype) + other.tensor(w.dtype)  # the product is with the sum of both directions
    for gradient, product in (found[0], found[2]):
        torch.testing.assert_close(gradient, 3 * w.detach() ** 2)
        torch.testing.assert_close(product, 6 * w.detach() * moved)
    assert not found[1][0].any() and not found[1][1].any()
