"""The experiment as its users run it: composed from configuration, interrupted, repeated, misused."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from experiments._main import CONFIGS
from experiments._runner import run_one
from experiments.alpha_map import measure
from layercurv.claims.quantities import QUANTITIES
from layercurv.errors import InputError
from layercurv.results import schema
from layercurv.training import Trainer


def composed(folder, *overrides):
    places = [f"place.results={folder}/results", f"place.checkpoints={folder}/checkpoints"]
    with initialize_config_dir(CONFIGS, version_base="1.3"):
        return compose("alpha_map", ["scale=smoke", *places, *overrides])


def run_smoke(folder, *overrides, variant="net"):
    return run_one("alpha_map", measure, composed(folder, *overrides), variant, list(overrides))


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    return folder, run_smoke(folder)


def test_a_smoke_record_meets_its_schema_and_names_no_place(smoke):
    folder, path = smoke
    record = json.loads(path.read_text())
    assert path == folder / "results" / "alpha_map" / "net.smoke.json"
    assert not schema.violations(record, "alpha_map")
    assert len(record["measurements"]["layers"]) == 21
    assert str(folder) not in path.read_text()


def test_everything_stored_can_be_recomputed_from_the_raw_lists(smoke):
    layers = json.loads(smoke[1].read_text())["measurements"]["layers"]
    for layer in layers:
        assert QUANTITIES["stored_fit_difference"](layer) == 0, layer["name"]
        assert QUANTITIES["stored_slope_difference"](layer) == 0, layer["name"]
        assert QUANTITIES["slope_sum_residual"](layer) < 1e-9, layer["name"]
        assert QUANTITIES["engine_difference"](layer) < 1e-4, layer["name"]


def measurements(path):
    return json.loads(path.read_text())["measurements"]


def test_the_same_command_gives_the_same_numbers(smoke, tmp_path):
    assert measurements(run_smoke(tmp_path)) == measurements(smoke[1])


def test_another_seed_gives_other_numbers(smoke, tmp_path):
    other = measurements(run_smoke(tmp_path, "seed=1"))
    assert other["layers"][0]["curvatures"] != measurements(smoke[1])["layers"][0]["curvatures"]


def test_an_existing_record_is_kept_and_one_of_other_settings_is_an_error(smoke, capsys):
    folder, path = smoke
    before = path.stat().st_mtime_ns
    run_smoke(folder)
    assert "kept" in capsys.readouterr().out and path.stat().st_mtime_ns == before
    with pytest.raises(InputError, match=r"other settings \(different: curvature\)"):
        run_smoke(folder, "curvature.top_k=4")
    assert path.stat().st_mtime_ns == before


def test_a_second_measurement_reuses_the_trained_network(smoke, monkeypatch):
    monkeypatch.setattr(Trainer, "_take_step", lambda self: pytest.fail("trained again"))
    path = run_smoke(smoke[0], "curvature.top_k=4", variant="top4")
    assert len(measurements(path)["layers"][-1]["singular_values"]) == 4


def test_the_reference_engine_gives_the_same_curvatures(smoke):
    found = measurements(run_smoke(smoke[0], "curvature.engine=double_backward", variant="reference"))
    for layer, expected in zip(found["layers"], measurements(smoke[1])["layers"], strict=True):
        assert layer["curvatures"] == pytest.approx(expected["curvatures"], rel=1e-4, abs=1e-9), layer["name"]
        assert layer["curvature_standard_errors"] is None


@pytest.mark.parametrize("subject", sorted(path.stem for path in Path(CONFIGS, "subject").glob("*.yaml")))
@pytest.mark.parametrize("scale", ["paper", "small"])
def test_every_subject_composes(subject, scale):
    with initialize_config_dir(CONFIGS, version_base="1.3"):
        cfg = compose("alpha_map", [f"subject={subject}", f"scale={scale}"])
    assert OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)["scale"] == scale


@pytest.mark.parametrize("model", ["resnet18"])
@pytest.mark.parametrize("data", ["cifar10", "synthetic"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("scale", ["paper", "small", "smoke"])
def test_every_configuration_composes(model, data, optimizer, scale):
    with initialize_config_dir(CONFIGS, version_base="1.3"):
        cfg = compose("alpha_map", [f"model={model}", f"optimizer={optimizer}", f"scale={scale}", f"data={data}"])
    assert cfg.scale == scale and cfg.data.n_classes == cfg.model.n_classes == 10


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("curvature.n_samples=5000", "curvature.n_samples: expected 1 to 256"),
        ("curvature.dtype=int8", "float32, float64"),
        ("curvature.top_k=0", "curvature.top_k: expected a positive integer, got 0"),
        ("curvature.engine=magic", "double_backward, ggn, tangent"),
        ("model.width=0", "model.width: expected a positive integer, got 0"),
        ("device=tpu", "expected cpu or cuda, got 'tpu'"),
        ("training.batch_size=1000", "training.batch_size: expected 1 to 256"),
        ("training.epochs=0", "training.epochs: expected at least 1"),
        ("training.processes=2", "training.processes: expected 1 or the number of processes, 1, got 2"),
    ],
)
def test_a_bad_value_is_one_clear_error_before_training(tmp_path, override, message, monkeypatch):
    monkeypatch.setattr(Trainer, "_take_step", lambda self: pytest.fail("trained before checking"))
    with pytest.raises(InputError, match=message):
        run_smoke(tmp_path, override)
    assert not list(tmp_path.rglob("*.json"))


def command(python, folder, *overrides):
    places = [
        f"place.results={folder}/results",
        f"place.checkpoints={folder}/checkpoints",
        f"hydra.run.dir={folder}/out",
    ]
    return [python, "-m", "experiments.alpha_map", "scale=smoke", *places, *overrides]


def test_the_command_line_names_the_record_by_its_overrides(tmp_path, root, python):
    done = subprocess.run(
        command(python, tmp_path, "model.width=3", "seed=3", "curvature.top_k=5"),
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names = [path.name for path in (tmp_path / "results" / "alpha_map").iterdir()]
    assert names == ["resnet18_synthetic_seed3+curvature.top_k=5+model.width=3.smoke.json"]


def test_a_layer_too_small_to_fit_is_null_with_a_reason_and_the_others_stand(smoke):
    found = measurements(run_smoke(smoke[0], "model.width=2", variant="narrow"))["layers"]
    assert found[0]["fits"] is None and "at least 3 points, got 2" in found[0]["missing"]["fits"]
    assert found[-1]["fits"] is not None and not found[-1]["missing"]


def test_bad_input_on_the_command_line_exits_2_without_a_traceback(tmp_path, root, python):
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        command(python, tmp_path, "device=cuda"), cwd=root, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "error: device=cuda: this torch sees no CUDA device" in done.stderr


def test_a_launcher_that_is_not_installed_is_one_error(tmp_path, root, python):
    launcher = ("hydra/launcher=joblib", "hydra.launcher._target_=hydra_plugins.absent.Launcher", "-m")
    done = subprocess.run(command(python, tmp_path, *launcher), cwd=root, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert "launchers come with pip install '.[cluster]'" in done.stderr


def test_in_a_sweep_a_failed_variant_does_not_void_the_others_yet_shows_in_the_exit_code(tmp_path, root, python):
    sweep = command(python, tmp_path, "seed=0", "curvature.top_k=0,4", f"hydra.sweep.dir={tmp_path}/out", "-m")
    done = subprocess.run(sweep, cwd=root, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert "error: curvature.top_k: expected a positive integer, got 0" in done.stderr
    names = [path.name for path in (tmp_path / "results" / "alpha_map").iterdir()]
    assert names == ["resnet18_synthetic_seed0+curvature.top_k=4.smoke.json"]


# A run slow enough to be killed at a chosen place: each phase writes its checkpoint after every step.
SLOW = (
    "data.n_train=512", "training.checkpoint_s=0", "curvature.checkpoint_s=0",
    "curvature.n_samples=256", "curvature.micro_batch=8", "variant=killed",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["trained", "sums"])
def test_kill_9_in_either_phase_then_the_same_command_gives_the_same_result(tmp_path, root, python, phase):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(python, whole, *SLOW), cwd=root, check=True, capture_output=True)
    process = subprocess.Popen(
        command(python, killed, *SLOW), cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not list(killed.glob(f"checkpoints/{phase}-*.pt")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(killed.rglob("*.json"))
    subprocess.run(command(python, killed, *SLOW), cwd=root, check=True, capture_output=True)
    found, expected = (folder / "results" / "alpha_map" / "killed.smoke.json" for folder in (killed, whole))
    assert measurements(found) == measurements(expected)
