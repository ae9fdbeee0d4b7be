"""Networks that tell autograd something else than they compute."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tests.zoo.case import Case, seeded, vectors
from tests.zoo.plain import linear, net


def two(forward):
    return net(forward, a=linear(), head=linear(4, 3))


def three(forward):
    return net(forward, a=linear(), b=linear(), head=linear(4, 3))


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return (4 * x).round() / 4

    @staticmethod
    def backward(ctx, g):
        return g


class Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return -0.7 * g


class ReversalOfTheSame(Reversal):
    @staticmethod
    def forward(ctx, x):
        return x


class ForgetsItsSecond(torch.autograd.Function):
    """A square whose derivative is right, and says nothing of its own derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.slope = 2 * x.detach()
        return x * x

    @staticmethod
    def backward(ctx, g):
        return g * ctx.slope


class Cube(torch.autograd.Function):
    """Right in every derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.exp()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return g


def without_gradients(n, x):
    z = n.a(x)
    with torch.no_grad():
        scale = n.a(x).sigmoid() + z.abs()
    return n.head(z * scale)


def commitment(n, x):
    """Of no first order, yet of second."""
    z = n.a(x).tanh()
    with torch.no_grad():
        nearest = n.a(x).tanh()
    return n.head(z + 3 * (z - nearest).square())


def data_attribute(n, x):
    z = n.a(x).tanh()
    return n.head(z * z.data + n.b(x))


def through_numpy(n, x):
    z = n.a(x)
    return n.head(z * torch.from_numpy(np.tanh(z.detach().numpy())))


def in_place_unseen(n, x):
    z = n.a(x).tanh() + 0
    with torch.no_grad():
        z.mul_(1.5)
    return n.head(z.square())


def far_samples_by_numpy(n, x):
    """Of all samples, one that the proof does not look at is hidden, where no operation is recorded."""
    seen = torch.ones(len(x), 1, dtype=x.dtype)
    seen.numpy()[x.detach().numpy()[:, 0] > 5] = 0
    return n.head((n.a(x) * seen).tanh())


def mask_by_parts(n, x):
    mask = torch.zeros(4, 2, dtype=x.dtype)
    mask[1:3, 0] = 1.5
    mask.view(-1)[5:] += x.detach().abs().max()
    return n.head((n.a(x) * mask.sum(1)).tanh())


def hooked(n, x):
    z = n.a(x)
    z.register_hook(lambda g: 0.3 * g)
    return n.head(z.tanh())


def hooked_afterwards(n, x):
    z = n.a(x)
    out = n.head(z.tanh())
    z.register_hook(lambda g: 0.3 * g)
    return out


def with_module_hook():
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3))
    model[1].register_full_backward_hook(lambda module, gi, go: (0.5 * gi[0],))
    return model


def with_weight_hook():
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3))
    model[0].weight.register_hook(lambda g: 2 * g)
    return model


def with_cut_off_gradient():
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3))
    model[0].weight.register_hook(lambda g: g.clamp(-0.02, 0.02))
    return model


def with_forward_hook():
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3))
    model[0].register_forward_hook(lambda module, args, out: out * 2 - out.detach())
    return model


TOLD = {
    "no_grad": two(without_gradients),
    "commitment": two(commitment),
    "detached_factor": two(lambda n, x: n.head(n.a(x) * n.a(x).detach())),
    "detached_maximum": two(lambda n, x: n.head((z := n.a(x)) - z.max(1, keepdim=True).values.detach()).exp()),
    "detached_input_of_a_layer": three(lambda n, x: n.head(n.b(n.a(x).tanh().detach()).tanh() + n.a(x))),
    "detached_weight": two(lambda n, x: n.head(F.linear(n.a(x).tanh(), n.a.weight.detach()).tanh())),
    "data": three(data_attribute),
    "numpy": two(through_numpy),
    "in_place_unseen": two(in_place_unseen),
    "straight_through": two(lambda n, x: n.head(StraightThrough.apply(n.a(x)).square())),
    "straight_through_by_detach": two(lambda n, x: n.head(((z := n.a(x)) + (z.round() - z).detach()).square())),
    "rounded": three(lambda n, x: n.head(n.a(x).round() + n.b(x).tanh())),
    "reversal": two(lambda n, x: n.head(Reversal.apply(n.a(x).tanh()))),
    "reversal_of_the_same": two(lambda n, x: n.head(ReversalOfTheSame.apply(n.a(x).tanh()))),
    "forgets_its_second": two(lambda n, x: n.head(ForgetsItsSecond.apply(n.a(x)))),
    "custom_and_right": two(lambda n, x: n.head(Cube.apply(n.a(x)))),
    "custom_in_front": three(lambda n, x: n.head(n.b(Cube.apply(n.a(x))).tanh())),
    "hook": two(hooked),
    "hook_afterwards": two(hooked_afterwards),
    "module_hook": seeded(with_module_hook),
    "weight_hook": seeded(with_weight_hook),
    "forward_hook": seeded(with_forward_hook),
    "inference_constant": two(lambda n, x: n.head(n.a(x).tanh() * torch.ones(4, dtype=x.dtype).cumsum(0))),
}


def one_far_away():
    ((x, y),) = vectors(n_batches=1)()
    x[1, 0] = 6.0
    return [(x, y)]


FAST = frozenset(["ggn", "tangent"])
CASES = [
    *(Case(f"told/{name}", build, vectors()) for name, build in TOLD.items()),
    Case(
        "told/once_differentiable",
        two(lambda n, x: n.head(Once.apply(n.a(x)))),
        vectors(),
        refused="marked once_differentiable",
    ),
    Case("told/cut_off_gradient", seeded(with_cut_off_gradient), vectors(n_batches=1)),  # depends on the loss's scale
    Case("told/far_samples_by_numpy", two(far_samples_by_numpy), one_far_away),
    Case("told/mask_by_parts", two(mask_by_parts), vectors(), engines=FAST),
]
