"""Training by several processes: the gradient of the whole batch, the same bits after a stop, and what is refused."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from layercurv.errors import InputError
from layercurv.exchange import Exchange
from layercurv.training import Trainer, TrainingSettings, evaluate, load_checkpoint
from layercurv.training.data_parallel import data_parallel, my_part
from tests.compare import assert_close

N_STEPS, BATCH = 8, 12


class Draws:
    steps_per_epoch = N_STEPS // 2

    def batch(self, step):
        draws = torch.Generator().manual_seed(step)
        inputs = torch.randn(BATCH, 2, 6, 6, generator=draws, dtype=torch.float64)
        return inputs, torch.randint(5, (BATCH,), generator=draws)


def network(batch_norm=False):
    torch.manual_seed(0)
    norm = [nn.BatchNorm2d(4)] if batch_norm else []
    return nn.Sequential(nn.Conv2d(2, 4, 3), *norm, nn.ReLU(), nn.Flatten(), nn.Linear(64, 5)).double()


def trainer(folder, exchange, batch_norm=False):
    model = network(batch_norm)
    for parameter in model.parameters():  # as if every process had been started with a seed of its own
        parameter.data += exchange.rank
    model = model if exchange.size > 1 else network(batch_norm)
    return Trainer(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
        batches=Draws(),
        settings=TrainingSettings(2, warmup_epochs=0.5, label_smoothing=0.0, precision="float32", checkpoint_s=0),
        checkpoint=folder / "state.pt",
        fingerprint="a" * 64,
        evaluate=lambda: evaluate(model, [Draws().batch(100)]),
        commits=["abc"],
        exchange=exchange,
    )


def run(exchange, folder, batch_norm=False):
    made = trainer(folder, exchange, batch_norm)
    return {"history": made.run(), "weights": made.model.state_dict(), "mark": made.fingerprint}


def gradients(exchange, folder):
    model = network()
    inputs, labels = my_part(Draws().batch(0), exchange)
    wrapped = data_parallel(model, exchange) if exchange.size > 1 else model  # held until after the backward pass
    nn.functional.cross_entropy(wrapped(inputs), labels).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


class StopHereError(Exception):
    pass


def stopped_and_resumed(exchange, folder):
    first = trainer(folder, exchange, batch_norm=True)
    take_step = first._take_step

    def stopping():
        if first.step == 3:
            raise StopHereError
        return take_step()

    first._take_step = stopping
    with pytest.raises(StopHereError):
        first.run()
    dist.barrier()
    return run(exchange, folder, batch_norm=True)


def refusals(exchange, folder):
    batch = Draws().batch(0)
    attempts = (
        lambda: data_parallel(nn.Sequential(nn.Linear(2, 2), nn.SyncBatchNorm(2)), exchange),
        lambda: my_part((batch[0][:5], batch[1][:5]), exchange),
    )
    messages = []
    for attempt in attempts:
        with pytest.raises(InputError) as refusal:
            attempt()
        messages.append(str(refusal.value))
    return messages


def work(rank, size, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    exchange, found = Exchange(), {}
    tasks = {
        "gradients": gradients,
        "plain": run,
        "normalized": run,
        "resumed": stopped_and_resumed,
        "refused": refusals,
    }
    for name, task in tasks.items():
        place = folder / name
        place.mkdir(exist_ok=True)
        options = {"batch_norm": True} if name == "normalized" else {}
        found[name] = task(exchange, place, **options)
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module", params=[2, 3])
def found(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"of{request.param}")
    mp.start_processes(work, (request.param, folder), nprocs=request.param, start_method="fork")
    return folder, [torch.load(folder / f"{rank}.pt") for rank in range(request.param)]


def test_the_gradient_of_the_parts_is_that_of_the_whole_batch(found):
    expected = gradients(Exchange.of_one(), None)
    for of_rank in found[1]:
        for key, value in expected.items():
            assert_close(of_rank["gradients"][key].numpy(), value.numpy(), 1e-12, what=key)


def test_parts_of_a_batch_train_as_the_whole_batch_the_loss_in_float32(found, tmp_path):
    expected = run(Exchange.of_one(), tmp_path)
    for of_rank in found[1]:
        for key, value in expected["weights"].items():
            assert_close(of_rank["plain"]["weights"][key].numpy(), value.numpy(), 1e-5, 1e-6, what=key)
        for one, other in zip(of_rank["plain"]["history"], expected["history"], strict=True):
            assert_close(list(one.values()), list(other.values()), 1e-5, 1e-6)


def test_batch_norm_sees_its_part_alone(found, tmp_path):
    """Normalised by each part's statistics, training is another: to rounding only would mean that they were shared."""
    together, alone = found[1][0]["normalized"]["weights"], run(Exchange.of_one(), tmp_path, True)["weights"]
    assert (together["0.weight"] - alone["0.weight"]).abs().max() > 1e-6


def test_all_processes_end_with_the_same_bits_running_statistics_too(found):
    first, *others = (of_rank["normalized"]["weights"] for of_rank in found[1])
    assert all(torch.equal(other[key], first[key]) for other in others for key in first)


def test_a_resumed_run_has_the_bits_of_an_undisturbed_one(found):
    for of_rank in found[1]:
        assert of_rank["resumed"]["history"] == of_rank["normalized"]["history"]
        for key, value in of_rank["normalized"]["weights"].items():
            assert torch.equal(of_rank["resumed"]["weights"][key], value), key


def test_another_number_of_processes_does_not_go_on_from_the_checkpoint(found):
    folder, per_rank = found
    assert len({of_rank["plain"]["mark"] for of_rank in per_rank}) == 1
    with pytest.raises(InputError, match="another configuration"):
        run(Exchange.of_one(), folder / "plain")
    assert load_checkpoint(folder / "plain" / "state.pt", per_rank[0]["plain"]["mark"], torch.device("cpu"))


def test_what_cannot_be_split_is_refused(found):
    for of_rank in found[1]:
        sync, parts = of_rank["refused"]
        assert "SyncBatchNorm is not supported" in sync and sync.startswith("layer 1")
        assert parts.startswith("training.batch_size: expected a multiple of the number of processes")
