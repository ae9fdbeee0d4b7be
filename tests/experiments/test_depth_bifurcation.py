"""The experiment on networks of a few weights: records, what the theory says of them, misuse."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from experiments._main import CONFIGS
from experiments._runner import run_one
from experiments.depth_bifurcation import measure
from layercurv.errors import InputError
from layercurv.fits.spectral_bifurcation import find_clusters
from layercurv.results import schema

CASES = sorted(path.stem for path in (Path(CONFIGS) / "case").glob("*.yaml"))


def composed(folder, *overrides):
    with initialize_config_dir(CONFIGS, version_base="1.3"):
        return compose("depth_bifurcation", ["scale=smoke", f"place.results={folder}/results", *overrides])


def run_smoke(folder, *overrides):
    cfg = composed(folder, *overrides)
    return run_one("depth_bifurcation", measure, cfg, cfg.variant, list(overrides))


def measurements(path):
    return json.loads(path.read_text())["measurements"]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    return folder, run_smoke(folder)


def test_a_smoke_record_meets_its_schema_and_names_no_place(smoke):
    folder, path = smoke
    record = json.loads(path.read_text())
    assert path == folder / "results" / "depth_bifurcation" / "L3_balanced_white_seed0.smoke.json"
    assert not schema.violations(record, "depth_bifurcation")
    assert str(folder) not in path.read_text()


def test_where_the_theory_s_assumptions_hold_its_clusters_are_found(tmp_path):
    found = measurements(run_smoke(tmp_path, "descent.learning_rate=0.05", "descent.n_steps=4000"))
    assert found["is_converged"] and found["snapshots"][-1]["mean_loss"] < 1e-20
    assert not found["missing"]
    shared = found["at_predicted_counts"]
    assert shared == {key: found["found"][key] for key in shared}
    # A finite step leaves the layers out of balance by a few hundredths, and the ratio off by as much.
    assert found["found"]["ratio"] == pytest.approx(3, abs=5 * sum(found["imbalances"]))
    assert sum(found["imbalances"]) < 0.1 and found["closed_form_difference"] < 0.1


def test_what_is_stored_is_of_one_piece(smoke):
    record = json.loads(smoke[1].read_text())
    found, config = record["measurements"], record["provenance"]["config"]
    spectrum = found["snapshots"][-1]["eigenvalues"]
    assert find_clusters(spectrum, config["null_threshold"], config["depth"]) == found["found"]
    blocks = [value for layer in found["layers"] for value in layer["eigenvalues"]]
    assert len(blocks) == len(spectrum) == found["n_weights"]
    assert sum(blocks) == pytest.approx(sum(spectrum), rel=1e-12)  # the trace is that of the diagonal blocks
    for snapshot in found["snapshots"]:
        assert (np.diff(snapshot["eigenvalues"]) <= 0).all()


@pytest.mark.parametrize("case", CASES)
def test_every_case_writes_a_valid_record_under_its_own_name(tmp_path, case):
    path = run_smoke(tmp_path, f"case={case}", "depth=2", "seed=1")
    assert path.name == f"L2_{case}_seed1.smoke.json"
    assert not schema.violations(json.loads(path.read_text()), "depth_bifurcation")


def test_each_case_changes_one_thing_but_relu_wide(tmp_path):
    keys = ("depth", "d_in", "hidden", "d_out", "activation", "null_threshold", "teacher", "start", "descent")
    theory = composed(tmp_path, "scale=small")
    for case in CASES:
        other = composed(tmp_path, "scale=small", f"case={case}")
        # a ReLU network trains at these depths only if it is wider and starts larger
        expected = {"balanced_white": 0, "relu_wide": 3}.get(case, 1)
        assert sum(theory[key] != other[key] for key in keys) == expected, case


def test_the_paper_s_sizes_compose_and_stay_on_the_cpu(tmp_path):
    cfg = composed(tmp_path, "scale=paper")
    assert (cfg.device, cfg.variant) == ("cpu", "L3_balanced_white_seed0")
    assert len(cfg.teacher.singular_values) == cfg.start.rank < cfg.hidden < cfg.d_in


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(smoke, tmp_path):
    first = measurements(smoke[1])
    assert measurements(run_smoke(tmp_path)) == first
    assert measurements(run_smoke(tmp_path, "seed=1"))["snapshots"] != first["snapshots"]


def test_data_and_start_do_not_depend_on_the_case(smoke, tmp_path):
    first = measurements(smoke[1])["snapshots"][0]
    assert measurements(run_smoke(tmp_path, "case=coarse_step"))["snapshots"][0] == first


def test_a_spectrum_without_two_clusters_is_null_with_a_reason(tmp_path):
    found = measurements(run_smoke(tmp_path, "d_in=2", "d_out=2", "hidden=2", "descent.n_steps=1"))
    assert found["at_predicted_counts"] is None
    assert "none empty" in found["missing"]["at_predicted_counts"]  # d_in = d_out = r leaves no bulk


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("teacher.covariance=grey", "balanced, skewed, white"),
        ("start.kind=uniform", "balanced, gaussian, he"),
        ("activation=tanh", "leaky_relu, linear, relu"),
        ("descent.learning_rate=1e3", "lower learning_rate"),
        ("depth=1", "depth: expected at least 2 layers, got 1"),
    ],
)
def test_a_bad_value_is_one_clear_error(tmp_path, override, message):
    with pytest.raises(InputError, match=message):
        run_smoke(tmp_path, override)
    assert not list(tmp_path.rglob("*.json"))


def test_the_command_line_names_records_by_depth_case_and_seed(tmp_path, root, python):
    places = [f"place.results={tmp_path}/results", f"hydra.sweep.dir={tmp_path}/out"]
    choices = ["scale=smoke", "case=balanced_white,relu", "depth=2", "seed=0"]
    done = subprocess.run(
        [python, "-m", "experiments.depth_bifurcation", "-m", *places, *choices],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "results" / "depth_bifurcation").iterdir())
    assert names == ["L2_balanced_white_seed0.smoke.json", "L2_relu_seed0.smoke.json"]
