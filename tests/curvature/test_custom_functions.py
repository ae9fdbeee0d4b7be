"""Custom autograd functions whose second derivatives autograd does not see: told, with the size of the effect."""

import warnings

import pytest
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from layercurv.curvature import directional_curvature, gradient_directions, weight_layers
from layercurv.curvature.spectrum import curvature_matrix
from layercurv.errors import InputError


class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0].exp()


class ByNumpy(Exp):
    @staticmethod
    def backward(ctx, g):
        x = ctx.saved_tensors[0].detach()
        return torch.from_numpy(g.detach().numpy() * x.exp().numpy())


class Detached(Exp):
    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0].detach().exp()


class Kept(torch.autograd.Function):
    """x sigmoid(x), which keeps the sigmoid: autograd does not know that it depends on x."""

    @staticmethod
    def forward(ctx, x):
        s = x.sigmoid()
        ctx.save_for_backward(x, s)
        return x * s

    @staticmethod
    def backward(ctx, g):
        x, s = ctx.saved_tensors
        return g * (s + x * s * (1 - s))


class Once(Exp):
    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        return g * ctx.saved_tensors[0].exp()


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, g):
        return g


class Net(nn.Module):
    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.head, self.apply_function = nn.Linear(3, 4), nn.Linear(4, 2), function

    def forward(self, x):
        return self.head(self.apply_function(self.a(x)))


def measured(function, dtype=torch.float64):
    model = Net(function).to(dtype).eval()
    batches = [
        (torch.randn(n, 3, generator=torch.Generator().manual_seed(n)).to(dtype), torch.arange(n) % 2) for n in (5, 3)
    ]
    before = [p.detach().clone() for p in model.parameters()]
    directions = gradient_directions(model, nn.CrossEntropyLoss(), batches, weight_layers(model), 2)
    found = directional_curvature(model, nn.CrossEntropyLoss(), batches, directions)
    assert all(torch.equal(p, kept) and p.dtype == dtype for p, kept in zip(model.parameters(), before, strict=True))
    return found["a"].curvatures


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("function", [ByNumpy, Detached, Kept, StraightThrough])
def test_a_backward_that_autograd_does_not_differentiate_is_told(function, dtype):
    with pytest.warns(UserWarning, match=r"layers a: .* custom autograd.Function, .* off by"):
        measured(function.apply, dtype)


def picky(accepts):
    def apply(x):
        if not accepts(x):
            raise ValueError("not this")
        return Detached.apply(x)

    return apply


def test_all_samples_are_looked_at_where_one_alone_is_refused():
    with pytest.warns(UserWarning, match=r"custom autograd.Function, .* off by"):
        measured(picky(lambda x: len(x) > 1))


def test_a_function_that_does_not_run_in_float64_is_told(caplog):
    measured(picky(lambda x: x.dtype == torch.float32), torch.float32)
    assert "nobody knows whether double backpropagation sees all" in caplog.text


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_backward_that_is_right_is_measured_without_a_word(dtype):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*custom autograd.Function")
        found, plain = measured(Exp.apply, dtype), measured(torch.exp, dtype)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(found, plain, rtol=tolerance, atol=tolerance)


def test_a_backward_that_may_be_differentiated_once_is_one_error():
    with pytest.raises(InputError, match=r"layer a: .*OnceBackward.* once_differentiable, so it has no second"):
        measured(Once.apply)


def test_a_spectrum_tells_too():
    batches = [(torch.randn(5, 3, dtype=torch.float64), torch.arange(5) % 2)]
    with pytest.warns(UserWarning, match=r"a.weight.* custom autograd.Function"):
        curvature_matrix(Net(Detached.apply).double().eval(), nn.CrossEntropyLoss(), batches, "hessian", "*.weight")
    with pytest.raises(InputError, match="once_differentiable"):
        curvature_matrix(Net(Once.apply).double().eval(), nn.CrossEntropyLoss(), batches, "hessian")


def hooked(hook, where):
    """A network whose gradient of a hidden value, or of a weight, goes through a hook."""

    class Hooked(Net):
        def forward(self, x):
            hidden = torch.tanh(self.a(x))
            if where == "hidden" and hidden.requires_grad:
                hidden.register_hook(hook)
            return self.head(hidden)

    model = Hooked(None)
    if where == "weight":
        model.a.weight.register_hook(hook)
    return model.double().eval()


def curvatures_of(model, engine):
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(8)).double()
    batches = [(x, torch.arange(8) % 2)]
    directions = gradient_directions(model, nn.CrossEntropyLoss(), batches, weight_layers(model), 2)
    return directional_curvature(model, nn.CrossEntropyLoss(), batches, directions, engine)


@pytest.mark.parametrize("engine", ["auto", "double_backward"])
@pytest.mark.parametrize("where", ["hidden", "weight"])
@pytest.mark.parametrize("hook", [lambda g: 2 * g, lambda g: g.detach() ** 3])
def test_a_hook_that_changes_gradients_is_told_with_its_size(hook, where, engine):
    with pytest.warns(UserWarning, match=r"^layers a: their gradients pass through .* a hook, .* off by"):
        curvatures_of(hooked(hook, where), engine)


@pytest.mark.parametrize("engine", ["auto", "double_backward"])
@pytest.mark.parametrize("where", ["hidden", "weight"])
def test_a_hook_that_only_looks_changes_nothing_and_is_no_warning(where, engine, recwarn):
    seen = []
    found = curvatures_of(hooked(seen.append, where), engine)
    assert seen and not recwarn.list and torch.Tensor.register_hook.__name__ == "register_hook"
    plain = curvatures_of(hooked(None, "nowhere"), "double_backward")
    for name, curvature in plain.items():
        torch.testing.assert_close(found[name].curvatures, curvature.curvatures, rtol=1e-9, atol=1e-12)


def test_the_hessian_of_a_network_with_a_hook_is_told_too():
    model, batch = hooked(lambda g: 2 * g, "hidden"), (torch.ones(2, 3).double(), torch.tensor([0, 1]))
    with pytest.warns(UserWarning, match=r"a hook, .* off by"):
        curvature_matrix(model, nn.CrossEntropyLoss(), [batch], "hessian", ["a.weight"])
