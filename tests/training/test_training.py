import os
import pickle
import signal
import subprocess
import time

import pytest
import torch

from layercurv.data import TrainingBatches, generate_images
from layercurv.errors import InputError
from layercurv.models import resnet18_cifar
from layercurv.optim import build_optimizer
from layercurv.training import Trainer, TrainingSettings, evaluate, load_checkpoint, save_checkpoint
from tests.compare import assert_close

CPU = torch.device("cpu")


class StopHereError(Exception):
    pass


def make_trainer(folder, name="sgd", epochs=2, precision="float32"):
    data = generate_images(n_train=48, n_test=16, n_classes=4, image_size=8, seed=5)
    torch.manual_seed(11)
    model = resnet18_cifar(width=2, n_classes=4)
    extra = {"momentum": 0.9, "nesterov": True} if name == "sgd" else {}
    return Trainer(
        model=model,
        optimizer=build_optimizer(model, name, 0.05, 1e-3, **extra),
        batches=TrainingBatches(data, batch_size=8, seed=2, crop_padding=1, flip=True),
        settings=TrainingSettings(epochs, warmup_epochs=0.5, label_smoothing=0.1, precision=precision, checkpoint_s=0),
        checkpoint=folder / "state.pt",
        fingerprint="a" * 64,
        evaluate=lambda: evaluate(model, [(data.normalize(data.test_images), data.test_labels)]),
        commits=["abc"],
    )


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("stop_after", [1, 6, 9])
def test_a_resumed_run_repeats_an_uninterrupted_one_bit_for_bit(tmp_path, name, stop_after, monkeypatch):
    (tmp_path / "whole").mkdir()
    whole = make_trainer(tmp_path / "whole", name)
    history = whole.run()
    first = make_trainer(tmp_path, name)
    take_step = Trainer._take_step

    def stopping(self):
        if self.step == stop_after:
            raise StopHereError
        return take_step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_take_step", stopping)
        with pytest.raises(StopHereError):
            first.run()
    second = make_trainer(tmp_path, name)
    assert second.run() == history
    assert second.step == whole.step == 12
    for key, expected in whole.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[key], expected), key


def test_weights_of_chosen_epochs_are_kept_as_they_were(tmp_path):
    trainer = make_trainer(tmp_path)
    start = {key: value.clone() for key, value in trainer.model.state_dict().items()}
    trainer.snapshots = {epoch: tmp_path / f"epoch{epoch}.pt" for epoch in (0, 2)}
    trainer.run()
    first, last = (load_checkpoint(tmp_path / f"epoch{epoch}.pt", "a" * 64, CPU)["model"] for epoch in (0, 2))
    assert all(torch.equal(first[key], start[key]) for key in start)
    assert all(torch.equal(last[key], value) for key, value in trainer.model.state_dict().items())
    assert not torch.equal(first["fc.weight"], last["fc.weight"])
    assert not (tmp_path / "epoch1.pt").exists() and len(trainer.epoch_wall_s) == 2


def test_learning_rate_rises_then_follows_half_a_cosine(tmp_path):
    trainer = make_trainer(tmp_path)
    history = trainer.run()
    # 12 steps, 3 of warm-up: after 6 steps the cosine stands at (6 - 3)/9 of its way.
    expected = 0.05 * 0.5 * (1 + torch.cos(torch.tensor(torch.pi / 3)).item())
    assert_close([entry["learning_rate"] for entry in history], [expected, 0.0], 1e-6, 1e-12)


def test_a_finished_run_is_not_repeated(tmp_path):
    make_trainer(tmp_path).run()
    again = make_trainer(tmp_path)
    again.commits = ["of today"]
    again.run()
    assert again.commits == ["abc"] and again.step == 12


def test_training_learns_the_generated_classes(tmp_path):
    trainer = make_trainer(tmp_path, epochs=15)
    history = trainer.run()
    assert history[-1]["train_mean_loss"] < 0.8 * history[0]["train_mean_loss"]
    assert not trainer.model.training


def test_evaluation_counts_right_answers_and_restores_the_mode():
    model = torch.nn.Sequential(torch.nn.Identity())
    model.train()
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    found = evaluate(model, [(logits[:2], torch.tensor([0, 1])), (logits[2:], torch.tensor([1]))])
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 1])).item()
    assert found["accuracy"] == pytest.approx(2 / 3) and found["n"] == 3 and model.training
    assert_close(found["mean_loss"], expected, 1e-6)


def test_weight_decay_spares_biases_and_normalisation():
    model = resnet18_cifar(width=2, n_classes=4)
    matrices, vectors = build_optimizer(model, "adamw", 1e-3, 0.1).param_groups
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, 0.0)
    assert all(p.ndim >= 2 for p in matrices["params"]) and all(p.ndim < 2 for p in vectors["params"])
    assert len(matrices["params"]) == 21


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path):
    save_checkpoint(tmp_path / "c.pt", {"x": torch.ones(1)}, "a" * 64)
    with pytest.raises(InputError, match="another configuration"):
        load_checkpoint(tmp_path / "c.pt", "b" * 64, CPU)


class Payload:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"fingerprint": "a" * 64, "state": Payload()}, tmp_path / "c.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Payload()))
    with pytest.raises(InputError, match="delete it to start again"):
        load_checkpoint(tmp_path / "c.pt", "a" * 64, CPU)
    assert load_checkpoint(tmp_path / "raw.pt", "a" * 64, CPU) is None  # put aside unread
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("n_bytes", [0, 500, -1])
def test_a_truncated_checkpoint_is_put_aside_with_a_message(tmp_path, n_bytes, capsys):
    save_checkpoint(tmp_path / "c.pt", {"x": torch.ones(1000)}, "a" * 64)
    left = (tmp_path / "c.pt").read_bytes()[:n_bytes]
    (tmp_path / "c.pt").write_bytes(left)
    assert load_checkpoint(tmp_path / "c.pt", "a" * 64, CPU) is None
    assert "damaged" in capsys.readouterr().out and not (tmp_path / "c.pt").exists()
    assert (tmp_path / "c.pt.damaged").read_bytes() == left
    assert load_checkpoint(tmp_path / "c.pt", "a" * 64, CPU) is None


def test_no_flipped_bit_goes_unseen(tmp_path, capsys):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"x": torch.arange(4.0), "step": 3}, "a" * 64)
    whole = path.read_bytes()
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        assert load_checkpoint(path, "a" * 64, CPU) is None, position


def test_a_checkpoint_from_before_there_were_digests_is_read(tmp_path):
    torch.save({"fingerprint": "a" * 64, "state": {"step": 3}}, tmp_path / "c.pt")
    assert load_checkpoint(tmp_path / "c.pt", "a" * 64, CPU) == {"step": 3}


def test_divergence_and_bad_settings_are_named(tmp_path):
    trainer = make_trainer(tmp_path)
    with torch.no_grad():
        trainer.model.fc.weight.fill_(float("nan"))
    with pytest.raises(InputError, match="training diverged: loss nan at step 1 of 12"):
        trainer.run()
    with pytest.raises(
        InputError,
        match="unknown optimizer 'magic'; expected one of: adam, adamw, muon, scaled_adam, sgd, spectral_newton",
    ):
        make_trainer(tmp_path, "magic")
    with pytest.raises(InputError, match="bfloat16, float32"):
        make_trainer(tmp_path, precision="int4")


def test_kill_9_while_writing_leaves_a_whole_checkpoint(tmp_path, python, root):
    code = (
        "import torch, sys; sys.path.insert(0, '.')\n"
        "from layercurv.training import save_checkpoint\n"
        "n = 0\n"
        "while True:\n"
        f"    save_checkpoint('{tmp_path}/c.pt', {{'x': torch.full((300_000,), float(n))}}, 'a'); n += 1\n"
        "    print(n, flush=True)\n"
    )
    process = subprocess.Popen([python, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        process.stdout.readline()
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    state = load_checkpoint(tmp_path / "c.pt", "a", CPU)
    assert state["x"].unique().numel() == 1 and state["x"].numel() == 300_000
