"""One measurement over two and three processes is the measurement of one."""

import tempfile

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.utils.data import DataLoader

from layercurv.curvature import (
    DirectionalMoments,
    KroneckerFactors,
    directional_curvature,
    gradient_directions,
    mean_gradients,
    sweep,
    weight_layers,
)
from layercurv.errors import InputError
from layercurv.exchange import Exchange
from layercurv.files import WriteError
from layercurv.measure import Processes, alpha_map
from tests.compare import assert_close

LOSS = nn.CrossEntropyLoss()


DATA = [(torch.full((2, 6, 6), 0.1 * index), index % 5) for index in range(10)]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 8), nn.GELU(), nn.Linear(8, 5)
    ).eval()


def samples(n_batches: int = 5) -> list:
    draws = torch.Generator().manual_seed(1)
    sizes = [3 + index % 2 for index in range(n_batches)]
    return [(torch.randn(n, 2, 6, 6, generator=draws), torch.randint(5, (n,), generator=draws)) for n in sizes]


def numbers(found: dict, moments: DirectionalMoments, factors: KroneckerFactors, gradients: dict) -> dict:
    result = {f"gradient {name}": G for name, G in gradients.items()}
    for name, curvature in found.items():
        result |= {f"h {name}": curvature.curvatures, f"slopes {name}": curvature.slopes}
        result |= {f"{kind} {name}": factor for kind, factor in factors.factors(name).items()}
        result[f"M {name}"] = moments.result()[name].second_moment
    return result


def alone() -> dict:
    model, batches = network(), samples()
    layers = weight_layers(model)
    directions = gradient_directions(model, LOSS, batches, layers, top_k=3)
    moments, factors = DirectionalMoments(layers, directions), KroneckerFactors(layers)
    sweep(model, LOSS, batches, layers, [moments, factors], n_sampled=2, seed=4)
    found = directional_curvature(model, LOSS, batches, directions, slopes=True)
    return numbers(found, moments, factors, mean_gradients(model, LOSS, batches, layers))


def together(rank: int, size: int, folder: str, what: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/{what}", rank=rank, world_size=size)
    try:
        torch.save(globals()[what](rank), f"{folder}/{what}-{rank}.pt")
    finally:
        dist.destroy_process_group()


def measured(rank: int) -> dict:
    model = network()
    layers, group = weight_layers(model), Processes(model, LOSS, samples())
    directions = group.gradient_directions(layers, top_k=3)
    moments, factors = DirectionalMoments(layers, directions), KroneckerFactors(layers)
    group.sweep(layers, [moments, factors], n_sampled=2, seed=4)
    found = group.directional_curvature(directions, slopes=True)
    by_layers = group.directional_curvature(directions, by_layers=True, engine="tangent")
    whole = directional_curvature(model, LOSS, samples(), directions, engine="tangent")
    assert list(by_layers) == list(whole)
    for name, curvature in whole.items():  # each layer is measured by one process: the same bits
        assert torch.equal(by_layers[name].curvatures, curvature.curvatures)
        assert torch.equal(by_layers[name].per_sample, curvature.per_sample)
    return numbers(found, moments, factors, group.mean_gradients(layers))


def message(attempt) -> str:
    try:
        attempt()
    except InputError as error:
        return str(error)
    return ""


def no_room():
    raise WriteError("no room")


def refused(rank: int) -> list[str]:
    model, batches = network(), samples()
    layers = weight_layers(model)
    batches[-1] = (batches[-1][0] * float("nan"), batches[-1][1])  # the last process alone sees it
    messages = [message(lambda: Processes(model, LOSS, batches).mean_gradients(layers))]
    messages.append(message(lambda: Processes(model, LOSS, samples(1))))
    with pytest.raises(WriteError, match="process 1 of 2: no room"):  # stays an error of the disk in every process
        Exchange().together(lambda: no_room() if rank else None)
    with pytest.raises(WriteError, match="no room"):
        Exchange().from_first(no_room)
    model[0].weight.data += 0.1 * rank
    return [*messages, message(lambda: Processes(model, LOSS, samples()))]


def unlike(rank: int) -> list[str]:
    model, batches = network(), samples()
    lone = dist.new_group([0])
    whole = [(inputs[:3], labels[:3]) for inputs, labels in batches[:4]]
    given = {
        "shards": (LOSS, whole[2 * rank : 2 * rank + 2]),  # as a DistributedSampler would have it
        "labels": (LOSS, [*batches[:-1], (batches[-1][0], batches[-1][1].clone().fill_(rank))]),
        "loss": (nn.CrossEntropyLoss(weight=torch.ones(5) + rank * torch.arange(5)), batches),
        "generator": (LOSS, (batch for batch in batches)),
    }
    messages = [message(lambda one=one: Processes(model, *one)) for one in given.values()]
    messages.append(message(lambda: alpha_map(model, *given["shards"], top_k=2, exchange=Exchange())))
    return [*messages, message(lambda: Processes(model, LOSS, batches, lone))]


def asked(rank: int) -> list[str]:
    model, batches = network(), samples()
    group, layers = Processes(model, LOSS, batches), weight_layers(model)
    directions = group.gradient_directions(layers, top_k=2)
    attempts = [
        lambda: group.gradient_directions(layers, top_k=2 + rank),
        lambda: group.mean_gradients(layers[rank:]),
        lambda: group.directional_curvature(dict(list(directions.items())[rank:])),
        lambda: alpha_map(model, LOSS, batches, top_k=2 + rank, exchange=Exchange()),
        lambda: alpha_map(model, LOSS, batches, top_k=2, layers="0" if rank else "*", exchange=Exchange()),
    ]
    return [message(attempt) for attempt in attempts]


def sharded(rank: int) -> list[str]:
    model = network()
    fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
    file = tempfile.mkdtemp() + "/kept.pt"
    attempts = [
        lambda: Processes(model, LOSS, samples()),
        lambda: alpha_map(model, LOSS, samples(), top_k=2, checkpoint=file),
    ]
    return [message(attempt) for attempt in attempts]


def loaded(rank: int) -> dict:
    group = Processes(network(), LOSS, DataLoader(DATA, batch_size=4))
    return group.mean_gradients(weight_layers(group.model))


def of_processes(folder, size: int, what: str) -> list:
    mp.start_processes(together, (size, str(folder), what), nprocs=size, start_method="fork")
    return [torch.load(folder / f"{what}-{rank}.pt") for rank in range(size)]


@pytest.mark.parametrize("size", [2, 3])
def test_it_is_the_measurement_of_one_process_and_the_same_bits_in_each(tmp_path, size):
    expected, (first, *others) = alone(), of_processes(tmp_path, size, "measured")
    assert first.keys() == expected.keys()
    for name, value in expected.items():
        assert_close(first[name].numpy(), value.numpy(), 1e-11, what=name)
        assert all(torch.equal(other[name], first[name]) for other in others)


def test_an_error_of_one_process_is_told_by_all_and_nobody_waits(tmp_path):
    for nan, few, unequal in of_processes(tmp_path, 2, "refused"):
        assert nan.startswith("process 1 of 2: the loss is NaN or infinite")
        assert few == "processes: expected a micro-batch for each of 2 processes, got 1"
        assert unequal.startswith("processes: expected equal weights")


def test_processes_that_were_given_different_things_are_told(tmp_path):
    for rank, (*messages, outside) in enumerate(of_processes(tmp_path, 2, "unlike")):
        shards, labels, loss, generator, in_map = messages
        for told in (shards, labels, in_map):
            assert told.startswith("processes: expected the same micro-batches in every process, process 1 has others")
            assert "the whole list" in told
        assert loss.startswith("processes: expected the same loss in every process, process 1 has another")
        assert "a generator can be read only once" in generator
        assert outside == (
            "" if rank == 0 else "processes: this process does not belong to the group; only its members call"
        )


def test_processes_that_ask_for_different_things_are_told(tmp_path):
    for top_k, layers, directions, top_k_of_map, layers_of_map in of_processes(tmp_path, 2, "asked"):
        for told in (top_k, top_k_of_map):
            assert told == "top_k: expected the same in every process, process 1 has 3, process 0 has 2"
        for told in (layers, directions, layers_of_map):
            assert told.startswith("layers: expected the same in every process, process 1 has [")


def test_a_sharded_network_is_refused_before_its_weights_are_read(tmp_path):
    for messages in of_processes(tmp_path, 2, "sharded"):
        assert all("the network is sharded by FSDP" in told for told in messages)


def test_a_data_loader_is_shared_out_too(tmp_path):
    model = network()
    expected = mean_gradients(model, LOSS, DataLoader(DATA, batch_size=4), weight_layers(model))
    for found in of_processes(tmp_path, 2, "loaded"):
        for name, gradient in expected.items():
            assert_close(found[name].numpy(), gradient.numpy(), 1e-11, what=name)


def test_without_a_process_group_it_says_so():
    assert "init_process_group" in message(lambda: Processes(network(), LOSS, samples()))
