"""Two results folders, on planted seeds: the prediction interval decides, after Holm's correction."""

import json

import pytest

from layercurv.claims.command import main
from layercurv.claims.result_sets import compare_result_sets
from layercurv.errors import InputError


def write(folder, variant, accuracies, experiment="scalar_preconditioner"):
    for seed, accuracy in enumerate(accuracies):
        record = {
            "experiment": experiment,
            "variant": f"{variant}_seed{seed}",
            "scale": "small",
            "measurements": {"training": {"test_accuracy": accuracy}},
        }
        path = folder / experiment / f"{variant}_seed{seed}.small.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
    return folder


@pytest.fixture
def before(tmp_path):
    return write(tmp_path / "a", "adam", (0.90, 0.91, 0.92))


def diff(*words) -> int:
    return main(["diff", *map(str, words)])


def test_a_folder_agrees_with_itself(before, capsys):
    assert diff(before, before) == 0
    out = capsys.readouterr().out
    assert "headlines: 1 ok, 0 DIFFERS, 0 MISSING; exit 0" in out and "0.91 (3)" in out


@pytest.mark.parametrize(("accuracy", "code"), [(0.9596, 0), (0.9598, 1), (0.8604, 0), (0.8602, 1)])
def test_the_prediction_interval_of_one_seed_decides(before, tmp_path, accuracy, code):
    # mean 0.91, s = 0.01, t(0.975, 2) = 4.3027: 0.91 +- 4.3027 * 0.01 * sqrt(1/3 + 1) = 0.8603 to 0.9597
    assert diff(before, write(tmp_path / "b", "adam", [accuracy])) == code


@pytest.mark.parametrize(("accuracy", "code"), [(0.9451, 0), (0.9452, 1)])
def test_the_mean_of_more_seeds_is_held_to_a_narrower_interval(before, tmp_path, accuracy, code):
    # 0.91 + 4.3027 * 0.01 * sqrt(1/3 + 1/3) = 0.94513
    assert diff(before, write(tmp_path / "b", "adam", [accuracy] * 3)) == code


def test_of_many_headlines_one_may_stray(before, tmp_path):
    after = write(tmp_path / "b", "adam", [0.965])
    assert diff(before, after) == 1
    for i in range(9):
        write(before, f"other{i}", (0.90, 0.91, 0.92))
        write(after, f"other{i}", [0.91])
    assert diff(before, after) == 0


def test_what_only_one_holds_is_missing_unless_a_part_is_enough(before, tmp_path, capsys):
    after = write(tmp_path / "b", "adam", [0.91])
    write(before, "sgd", (0.5, 0.6))
    assert diff(before, after) == 3
    assert "only in A" in capsys.readouterr().out
    assert diff(before, after, "--partial") == 0
    write(after, "muon", [0.5])
    assert diff(before, after, "--partial") == 3
    assert "only in B" in capsys.readouterr().out


def test_one_seed_alone_says_nothing_of_another_value(tmp_path, capsys):
    a, b = write(tmp_path / "a", "adam", [0.9]), write(tmp_path / "b", "adam", [0.9])
    assert diff(a, b) == 0
    write(b, "adam", [0.9001])
    assert diff(a, b) == 3
    assert "A has one seed only" in capsys.readouterr().out


def test_seeds_that_never_scatter_admit_no_other_value(tmp_path):
    a, b = write(tmp_path / "a", "adam", [0.9, 0.9]), write(tmp_path / "b", "adam", [0.9001])
    assert diff(a, b) == 1


def test_a_value_of_one_of_the_seeds_is_a_rerun_of_it(before, tmp_path):
    assert diff(before, write(tmp_path / "b", "adam", [0.90])) == 0


def test_nothing_to_compare_is_not_a_pass(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert diff(tmp_path / "a", tmp_path / "b") == 3


def test_bad_input_exits_2(before, tmp_path, capsys):
    assert diff(before, tmp_path / "none") == 2
    assert "expected a results folder, found none" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"scalar_preconditioner/adam\.small: expected a record that meets its schema"):
        broken = write(tmp_path / "b", "adam", [0.9])
        path = broken / "scalar_preconditioner" / "adam_seed0.small.json"
        path.write_text(path.read_text().replace("training", "nothing"))
        compare_result_sets(before, broken)
    with pytest.raises(SystemExit) as stop:
        diff(before)
    assert stop.value.code == 2
