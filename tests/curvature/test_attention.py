"""Attention as one operation: against torch's own, its finite differences and the dense Hessian; and what it keeps."""

import contextlib
import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from layercurv.curvature import CrossEntropy, attention, directional_curvature, gradient_directions, weight_layers
from layercurv.curvature.attention import Attention, AttentionRule, fuse_attention
from layercurv.curvature.derivatives import Point
from layercurv.curvature.recompute import RecomputedAttention, recomputed
from layercurv.curvature.recording import record
from layercurv.curvature.tape import Operation, Value
from layercurv.curvature.traced import TracedNetwork
from tests.cases import Case
from tests.compare import assert_close
from tests.reference.dense import directional_curvatures

N, H, ROWS, J, D, E = 2, 3, 5, 7, 2, 4  # samples, heads, rows, columns, sizes of keys and values
LEAST = torch.finfo(torch.float64).min
MASKS = {
    "none": None,
    "columns": torch.linspace(-1, 1, J),
    "causal": torch.full((ROWS, J), -torch.inf).triu(1),
    "a row by the least number": torch.zeros(ROWS, J, dtype=torch.float64).index_fill(0, torch.tensor([1]), LEAST),
    "by sample": torch.linspace(-2, 2, N * ROWS * J).reshape(N, 1, ROWS, J),
    "by head": torch.linspace(-2, 2, H * J).reshape(1, H, 1, J),
    "everywhere": torch.sin(torch.arange(N * H * ROWS * J)).reshape(N, H, ROWS, J),
}
PAIRS = {"one block": 2**20, "some heads": 2 * ROWS * J, "some rows": 2 * J, "row by row": 1}


def drawn(*shapes):
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def of_case(mask):
    steps = (0.6,) if mask is None else (0.6, torch.Size([N, H]))
    return Attention(steps, torch.ops.aten._safe_softmax.default, ()), [] if mask is None else [mask.double()]


def plain(a, b, v, mask):
    scores = 0.6 * (a @ b)
    if mask is not None:
        scores = scores + mask.expand(N, H, ROWS, J).reshape(N * H, ROWS, J)
    return scores.softmax(-1) @ v


@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("name", MASKS)
def test_blocks_give_what_the_formula_gives_and_finite_differences(name, pairs, monkeypatch):
    monkeypatch.setattr(attention, "_PAIRS", PAIRS[pairs])
    mask = MASKS[name]
    attend, masks = of_case(mask)
    given = [x.requires_grad_() for x in drawn((N * H, ROWS, D), (N * H, D, J), (N * H, J, E))]
    assert_close(attend(*given, *masks), plain(*given, mask), 1e-12, 1e-14)
    if name in ("by head", "everywhere"):  # finite differences take long
        assert gradcheck(lambda *x: attend(*x, *masks), given)
        assert gradgradcheck(lambda *x: attend(*x, *masks), given, fast_mode=True)


@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("mask", MASKS)
def test_tangents_and_bends_are_forward_derivatives_of_the_formula(mask, pairs, monkeypatch):
    monkeypatch.setattr(attention, "_PAIRS", PAIRS[pairs])
    mask, K = MASKS[mask], 3
    attend, masks = of_case(mask)
    shapes = [(N * H, ROWS, D), (N * H, D, J), (N * H, J, E)]
    given, adjoint = drawn(*shapes), drawn((N * H, ROWS, E), (N * H, ROWS, E))[1]
    tangents = [x.reshape(K, *shape) for x, shape in zip(drawn(*((K, *s) for s in shapes)), shapes, strict=True)]
    operation = Operation("attention", attend, tuple(map(Value, range(3 + len(masks)))), {}, (9,))
    for moving in (set(some) for size in (1, 2, 3) for some in itertools.combinations(range(3), size)):
        bent = adjoint if not AttentionRule().is_affine(frozenset(moving)) else None
        at = Point(operation, (*given, *masks), {}, [], [None], frozenset(moving), bent, N)
        some = [t if i in moving else None for i, t in enumerate(tangents)]
        (moved,), bends = AttentionRule().push(at)([*some, *[None] * len(masks)])
        for k in range(K):
            along = [torch.zeros_like(x) if t is None else t[k] for x, t in zip(given, some, strict=True)]

            def at_step(step, along=along):
                return plain(*(x + step * t for x, t in zip(given, along, strict=True)), mask)

            zero = torch.zeros((), dtype=torch.float64)
            first = torch.func.jacfwd(at_step)
            assert_close(moved[k], first(zero), 1e-10, 1e-12)
            second = (adjoint * torch.func.jacfwd(first)(zero)).reshape(N, -1).sum(1)
            assert_close(torch.zeros(N).double() if bends is None else bends[k], second, 1e-10, 1e-11)


class SelfAttention(nn.Module):
    """Two layers around an attention of the given form, pairs in the majority."""

    def __init__(self, attend, length=12, width=2):
        super().__init__()
        self.attend, self.first, self.head = attend, nn.Linear(3, 3 * width), nn.Linear(width, 2)
        self.bias = nn.Parameter(torch.linspace(-1, 1, length * length).reshape(length, length))

    def forward(self, x):
        return self.head(self.attend(*self.first(x).unflatten(2, (3, -1)).unbind(2), self.bias)).mean(1)


def weights(q, k):
    return (q @ k.mT / 2).softmax(-1)


PADDED = torch.zeros(3, 1, 12, dtype=torch.float64).index_fill(2, torch.tensor([10, 11]), -1e9)
# Of the last of three samples, which is none of the two that the proof looks at.
UNSEEN = F.pad(torch.full((1, 5, 12), LEAST, dtype=torch.float64), (0, 0, 0, 7, 2, 0))
FUSED = {
    "torch's own": lambda q, k, v, _: F.scaled_dot_product_attention(q, k, v),
    "torch's own, causal": lambda q, k, v, _: F.scaled_dot_product_attention(q, k, v, is_causal=True),
    "written out": lambda q, k, v, _: weights(q, k) @ v,
    "padded": lambda q, k, v, _: (PADDED.to(q) + q @ k.mT * 0.7).softmax(2) @ v,
    "padded from the left": lambda q, k, v, _: (q @ k.mT + UNSEEN.to(q)).softmax(-1) @ v,
    "rows hidden altogether": lambda q, k, v, _: F.scaled_dot_product_attention(q, k, v, UNSEEN == 0),
    "scaled after the mask": lambda q, k, v, _: ((q @ k.mT + PADDED.to(q)) * 0.5).softmax(-1) @ v,
}
NOT_FUSED = {
    "a mask that is a weight": lambda q, k, v, bias: (q @ k.mT + bias).softmax(-1) @ v,
    "weights read twice": lambda q, k, v, _: (p := weights(q, k)) @ v + p.square().mean((1, 2), keepdim=True),
    "the other axis": lambda q, k, v, _: (q @ k.mT).softmax(1) @ v,
    "weights on the right": lambda q, k, v, _: (v.mT @ weights(q, k)).mT,
    "scores squared": lambda q, k, v, _: (q @ k.mT).square().softmax(-1) @ v,
    "scores scaled by themselves": lambda q, k, v, _: ((s := q @ k.mT) * s.mean((1, 2), keepdim=True)).softmax(-1) @ v,
    "scores added to themselves": lambda q, k, v, _: ((s := q @ k.mT) + s).softmax(-1) @ v,
    "transposed between": lambda q, k, v, _: (q @ k.mT).mT.softmax(-1) @ v,
    "softmax twice as precise": lambda q, k, v, _: (q @ k.mT).softmax(-1, dtype=torch.float64).to(q) @ v,
}  # fmt: skip


def case_of(attend, dtype=torch.float64):
    torch.manual_seed(2)
    model = SelfAttention(attend).to(dtype).eval()
    return Case("attention", model, CrossEntropy(), torch.randn(3, 12, 3).to(dtype), torch.tensor([0, 1, 1]))


@pytest.mark.parametrize("form", FUSED | NOT_FUSED)
def test_curvature_behind_any_form_of_attention_is_the_dense_hessians(form):
    attend = (FUSED | NOT_FUSED)[form]
    case = case_of(attend)
    names = [o.name for o in TracedNetwork(case.model, weight_layers(case.model)).at(case.inputs).tape.operations]
    is_whole = "attention" in names and "bmm" not in names
    assert is_whole == (form in FUSED or form == "softmax twice as precise")  # which float64 is
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=2)
    found = directional_curvature(case.model, case.loss, [case.batch], directions)
    for layer in layers:
        expected = directional_curvatures(case, layer, directions[layer.name])
        assert_close(found[layer.name].curvatures, expected, 1e-8, 1e-12 * expected.abs().max().item(), form)
        assert found[layer.name].per_sample is not None


def test_attention_that_checkpoints_run_again_is_proven_too():
    def attend(*qkv):
        return checkpoint(F.scaled_dot_product_attention, *(x[:, None] for x in qkv), use_reentrant=False)[:, 0]

    case = case_of(lambda q, k, v, _: attend(q, k, v))
    directions = gradient_directions(case.model, case.loss, [case.batch], weight_layers(case.model), top_k=2)
    found = directional_curvature(case.model, case.loss, [case.batch], directions, "tangent")
    expected = directional_curvature(case.model, case.loss, [case.batch], directions, "double_backward")
    for name in found:
        assert_close(found[name].curvatures, expected[name].curvatures, 1e-8, 1e-12, name)


def test_weights_that_are_returned_or_of_another_precision_are_left_alone():
    for form in ("a mask that is a weight", "the other axis", "softmax twice as precise"):
        case = case_of(NOT_FUSED[form], torch.float32)
        tape = record(case.model, case.inputs)
        assert "attention" not in {o.name for o in fuse_attention(tape).operations}, form


def largest_kept(call) -> int:
    sizes = [0]
    with saved_tensors_hooks(lambda x: sizes.append(x.numel()) or x, lambda x: x):
        call()
    return max(sizes)


def test_no_backward_pass_keeps_pairs_of_tokens(monkeypatch):
    T, d = 64, 2
    monkeypatch.setattr(attention, "_PAIRS", 8 * T)
    q, k, v = (x.requires_grad_() for x in drawn((4, T, d), (4, T, d), (4, T, d)))
    attend = Attention((0.5,), torch.ops.aten._softmax.default, (False,))

    def twice(forward):
        (gradient,) = torch.autograd.grad(forward().square().sum(), q, create_graph=True)
        torch.autograd.grad(gradient.square().sum(), [q, k, v])

    with sdpa_kernel(SDPBackend.MATH), RecomputedAttention():
        own = largest_kept(lambda: twice(lambda: F.scaled_dot_product_attention(*(x[None] for x in (q, k, v)))[0]))
    ours = largest_kept(lambda: twice(lambda: attend(q, k.mT, v)))
    assert own <= T * T  # of one head, while it is worked out
    assert ours <= max(8 * T, q.numel())


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("mask", ["none", "causal", "by sample", "by head", "hidden"])
def test_torchs_attention_recomputed_has_the_same_two_derivatives(mask, is_causal):
    if mask == "hidden":
        mask = torch.arange(9)[None, None, None, :] % 4 != 1
    elif mask != "none":
        shape = {"causal": (9, 9), "by sample": (N, 1, 9, 9), "by head": (1, H, 1, 9)}[mask]
        mask = torch.linspace(-1, 1, torch.Size(shape).numel(), dtype=torch.float64).reshape(shape).requires_grad_()
    if is_causal and isinstance(mask, torch.Tensor):
        pytest.skip("torch takes one of the two")
    inputs = [x.requires_grad_() for x in drawn((N, H, 9, 2), (N, H, 9, 2), (N, H, 9, 2))]
    mask = None if isinstance(mask, str) else mask
    moving = [*inputs, *([mask] if mask is not None and mask.requires_grad else [])]

    def derivatives(mode):
        with sdpa_kernel(SDPBackend.MATH):
            with mode:
                output = F.scaled_dot_product_attention(*inputs, attn_mask=mask, is_causal=is_causal)
            first = torch.autograd.grad(output.pow(3).sum(), moving, create_graph=True)
            slope = sum((g * g.detach().sin()).sum() for g in first)
            return [output, *first, *torch.autograd.grad(slope, moving)]

    pairs = zip(derivatives(RecomputedAttention()), derivatives(contextlib.nullcontext()), strict=True)
    for found, expected in pairs:
        assert_close(found.detach(), expected.detach(), 1e-10, 1e-12)


def test_a_recomputed_function_needs_no_gradient_in_all_of_its_arguments():
    x, y, index = *drawn((4, 3), (3, 2)), torch.tensor([2, 0])
    x.requires_grad_()
    assert gradgradcheck(lambda x: recomputed(lambda x, y, i: (x.sin() @ y)[i], x, y, index), [x])
    assert not recomputed(torch.mul, y, y).requires_grad
