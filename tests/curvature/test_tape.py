import torch
from torch import nn

from layercurv.curvature.fusion import fuse_elementwise
from layercurv.curvature.recording import record
from tests.cases import make_case


class Tricky(nn.Module):
    """In-place writes, views, a tensor made in Python, two outputs of one operation."""

    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(4, 6), nn.Linear(3, 2)
        self.register_buffer("offset", torch.ones(6))

    def forward(self, x):
        z = self.first(x)
        z += self.offset
        z.relu_()
        a, b = z.view(-1, 2, 3).unbind(1)
        return self.head(a * torch.tensor([1.0, 2.0, 3.0]) + b.sort(1).values)


def test_a_replay_on_other_inputs_is_the_network():
    torch.manual_seed(0)
    model, x, y = Tricky().eval(), torch.randn(3, 4), torch.randn(3, 4)
    tape = record(model, x)
    for inputs in (x, y):
        assert torch.equal(tape.replay(inputs)[tape.network_output], model(inputs))
    names = [operation.name for operation in tape.operations]
    assert "relu" in names and not any(name.endswith("_") for name in names)


def test_recording_leaves_the_network_alone():
    model = Tricky().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    record(model, torch.randn(3, 4))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_gradients_from_a_replay_are_those_of_the_network():
    case = make_case("residual_convolutions")
    tape = record(case.model, case.inputs)
    outputs = {}
    case.model.conv.register_forward_hook(lambda _m, _a, output: outputs.update(z=output))
    torch.autograd.grad(case.model(case.inputs).sum(), outputs["z"])
    expected = torch.autograd.grad(case.model(case.inputs).square().sum(), outputs["z"])[0]
    conv = next(o for o in tape.operations if o.name == "convolution" and o.args[3] == [2, 2])
    values = tape.replay(case.inputs, [conv.outputs[0]], [conv.outputs[0]])
    (found,) = torch.autograd.grad(values[tape.network_output].square().sum(), values[conv.outputs[0]])
    assert torch.equal(found, expected)


def test_values_are_freed_after_their_last_use():
    tape = record(Tricky().eval(), torch.randn(3, 4))
    assert tape.replay(torch.randn(3, 4)).keys() == {tape.network_output}


class Activation(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)

    def forward(self, x):
        z = self.first(x)
        return 0.5 * z * (1.0 + torch.tanh(0.8 * (z + 0.04 * torch.pow(z, 3.0)))) + x


def test_a_chain_of_elementwise_operations_becomes_one():
    model, x = Activation().eval(), torch.randn(3, 4)
    tape = record(model, x)
    fused = fuse_elementwise(tape)
    assert [o.name for o in fused.operations] == ["t", "addmm", "chain", "add"]
    assert len(tape.operations) > 8
    assert torch.equal(fused.replay(x)[fused.network_output], model(x))


class Transformed(nn.Module):
    """Uses transforms of functions, which refuse that autograd keeps nothing."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        slopes = torch.func.vmap(torch.func.grad(lambda v: (v**3).sum()))(x)
        return self.last(torch.tanh(torch.func.vmap(torch.square)(self.first(x))) + slopes)


def test_a_network_that_differentiates_in_its_own_forward_pass_is_recorded():
    torch.manual_seed(0)
    model, x = Transformed().double().eval(), torch.randn(6, 5, dtype=torch.float64)
    tape = record(model, x)
    torch.testing.assert_close(tape.replay(x)[tape.network_output], model(x), rtol=0, atol=0)
