"""Networks that are spread over processes or devices are refused with what to do instead."""

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, distribute_module, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from layercurv.curvature import SquaredError, directional_curvature, gradient_directions, mean_gradients, weight_layers
from layercurv.errors import InputError
from layercurv.measure import alpha_map

BATCHES = [(torch.eye(4), torch.ones(4, 2))]


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).eval()


@pytest.fixture
def mesh():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


def refusals(model):
    whole = network()
    directions = gradient_directions(whole, SquaredError(), BATCHES, weight_layers(whole), 2)
    attempts = (
        lambda: mean_gradients(model, SquaredError(), BATCHES, weight_layers(model)),
        lambda: directional_curvature(model, SquaredError(), BATCHES, directions),
        lambda: alpha_map(model, SquaredError(), BATCHES, 2),
    )
    for attempt in attempts:
        with pytest.raises(InputError) as refusal:
            attempt()
        yield str(refusal.value)


def test_a_network_sharded_by_fsdp_says_what_to_do(mesh):
    model = network()
    fully_shard(model[0], mesh=mesh)
    fully_shard(model, mesh=mesh)
    for message in refusals(model):
        assert "is sharded by FSDP" in message and "full_state_dict=True" in message and "Processes" in message
    model.unshard()  # weights are whole now, until the next forward pass
    assert all("is sharded by FSDP" in message for message in refusals(model))


def test_its_gathered_weights_are_measured(mesh):
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    sharded, whole = network(), network()
    fully_shard(sharded, mesh=mesh)
    with torch.no_grad():
        sharded[0].weight.mul_(2)
    whole.load_state_dict(get_model_state_dict(sharded, options=StateDictOptions(full_state_dict=True)))
    assert torch.equal(whole[0].weight, 2 * network()[0].weight)
    assert len(alpha_map(whole, SquaredError(), BATCHES, 2, check=None).entries) == 2


def test_parameters_that_are_dtensors_are_refused(mesh):
    def replicate(_name, module, mesh):
        for key, parameter in list(module._parameters.items()):
            module._parameters[key] = nn.Parameter(distribute_tensor(parameter.data, mesh, [Replicate()]))

    model = distribute_module(network(), mesh, replicate)
    assert all("is a DTensor" in message for message in refusals(model))


def test_a_wrapped_network_is_refused(mesh):
    for message in refusals(DistributedDataParallel(network())):
        assert message.startswith(
            "the network: expected the network itself, got one wrapped by DistributedDataParallel"
        )


def test_weights_on_several_devices_are_refused():
    model = network()
    model[2].to("meta")
    assert all("expected all weights on one device, got them on cpu, meta" in message for message in refusals(model))
