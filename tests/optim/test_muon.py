import pytest
import torch
from torch import nn
from torch.optim import AdamW, Muon
from torch.optim.lr_scheduler import LambdaLR

from layercurv.errors import InputError
from layercurv.models.transformers_import import transformers
from layercurv.optim import MuonWithAdamW
from tests.compare import assert_close
from tests.optim.networks import assert_same_parameters, backward, convolutional, linear, take_steps

MUON = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}
ADAMW = {"lr": 0.01, "betas": (0.8, 0.95), "weight_decay": 0.2}


def muon(model, muon_options=MUON, adamw_options=ADAMW):
    return MuonWithAdamW(model, muon_options, adamw_options)


@pytest.mark.parametrize("options", [MUON, {"lr": 0.1, "nesterov": False, "adjust_lr_fn": "match_rms_adamw"}])
def test_equals_muon_bit_for_bit_on_a_network_of_linear_layers(options):
    ours, theirs = linear(), linear()
    take_steps(ours, muon(ours, options), range(5))
    take_steps(theirs, Muon(theirs.parameters(), **options), range(5))
    assert_same_parameters(ours, theirs)


def test_kernels_equal_muon_on_their_matrices_and_the_rest_adamw_bit_for_bit():
    model = convolutional()
    optimizer = muon(model)
    weights = [model[0].weight, model[3].weight, model[5].weight]
    others = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    matrices = [nn.Parameter(weight.detach().clone().flatten(1)) for weight in weights]
    copies = [nn.Parameter(other.detach().clone()) for other in others]
    references = [Muon(matrices, **MUON), AdamW(copies, **ADAMW)]
    for step in range(4):
        backward(model, step)
        for reference, source in zip(matrices + copies, weights + others, strict=True):
            reference.grad = source.grad.clone().reshape(reference.shape)
        for each in [optimizer, *references]:
            each.step()
    for found, expected in zip(weights + others, matrices + copies, strict=True):
        assert torch.equal(found.reshape(expected.shape), expected)


def test_a_transposed_layer_equals_muon_on_its_linear_twin():
    torch.manual_seed(0)
    # 3 inputs, 12 outputs: Muon scales the rate by sqrt(outputs / inputs) if above 1, so the orientation counts.
    twin, held = nn.Linear(3, 12), transformers.pytorch_utils.Conv1D(nf=12, nx=3)
    held.weight.data, held.bias.data = twin.weight.detach().T.contiguous(), twin.bias.detach().clone()
    inputs = torch.randn(8, 3)
    for module in (twin, held):
        optimizer = muon(module)
        for _ in range(3):
            optimizer.zero_grad()
            module(inputs).square().sum().backward()
            optimizer.step()
    assert_close(held.weight.T, twin.weight, 1e-2, 1e-3)  # Muon iterates in bfloat16


def test_channels_last_kernels_move_like_contiguous_ones():
    contiguous, channels_last = convolutional(), convolutional().to(memory_format=torch.channels_last)
    for model in (contiguous, channels_last):
        take_steps(model, muon(model), range(1))
    for found, expected in zip(channels_last.parameters(), contiguous.parameters(), strict=True):
        assert_close(found, expected, 1e-2, 1e-3)
    assert channels_last[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_weights_moved_to_other_storage_are_still_stepped():
    moved, expected = convolutional(), convolutional()
    optimizer = muon(moved)
    for parameter in moved.parameters():
        parameter.data = parameter.data.clone()
    take_steps(moved, optimizer, range(2))
    take_steps(expected, muon(expected), range(2))
    assert_same_parameters(moved, expected)


@pytest.mark.parametrize("stop_after", [0, 1, 4])
def test_a_run_resumed_from_a_file_repeats_an_uninterrupted_one_bit_for_bit(stop_after, tmp_path):
    whole = convolutional()
    take_steps(whole, muon(whole), range(6))
    first = convolutional()
    optimizer = muon(first)
    take_steps(first, optimizer, range(stop_after))
    torch.save({"model": first.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    second = convolutional(seed=1)
    resumed = muon(second, {"lr": 7.0}, {"lr": 7.0})
    second.load_state_dict(state["model"])
    resumed.load_state_dict(state["optimizer"])
    take_steps(second, resumed, range(stop_after, 6))
    assert_same_parameters(second, whole)


def test_a_schedule_scales_the_rate_of_both_kinds_of_groups_and_survives_loading():
    scheduled, by_hand = convolutional(), convolutional()
    optimizer = muon(scheduled)
    scheduler = LambdaLR(optimizer, lambda step: 1 / (step + 1))
    take_steps(scheduled, optimizer, range(2), scheduler)
    optimizer.load_state_dict(optimizer.state_dict())
    take_steps(scheduled, optimizer, range(2, 4), scheduler)
    optimizer = muon(by_hand)
    for step in range(4):
        for group in optimizer.param_groups:
            group["lr"] = (MUON if group["muon"] else ADAMW)["lr"] * (1 / (step + 1))
        take_steps(by_hand, optimizer, [step])
    assert_same_parameters(scheduled, by_hand)


def test_a_closure_is_evaluated_with_gradients_and_its_loss_returned():
    ours, expected = convolutional(), convolutional()
    assert muon(ours).step(lambda: backward(ours, 3)) == backward(expected, 3)
    muon(expected).step()
    assert_same_parameters(ours, expected)


def test_parameters_without_gradient_stay():
    model = linear()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    muon(model).step()
    model[0].weight.requires_grad_(False)
    take_steps(model, muon(model), [0])
    assert torch.equal(model[0].weight, before[0]) and not torch.equal(model[2].weight, before[1])


def test_options_are_checked_by_torch_and_a_network_without_layers_is_refused():
    with pytest.raises(ValueError, match="momentum should be >= 0"):
        muon(linear(), {"momentum": -1})
    with pytest.raises(InputError, match="expected at least one"):
        muon(nn.Sequential(nn.BatchNorm2d(3)))
