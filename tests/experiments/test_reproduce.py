import json

import pytest

from experiments._queue import Job
from experiments._reproduce import choose_job, judge
from experiments._table import rows
from layercurv.errors import InputError
from layercurv.results.store import RecordName
from layercurv.results.variants import records_by_variant


def write(folder, seed, accuracy):
    record = {
        "experiment": "scalar_preconditioner",
        "variant": f"adam_cifar10_seed{seed}",
        "scale": "small",
        "measurements": {"training": {"test_accuracy": accuracy}},
        "provenance": {"wall_s": {"training": 60.0, "this_run": 90.0}},
    }
    path = folder / "scalar_preconditioner" / f"adam_cifar10_seed{seed}.small.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))


@pytest.fixture
def frozen(tmp_path):
    for seed, accuracy in enumerate((0.90, 0.91, 0.92)):
        write(tmp_path / "frozen", seed, accuracy)
    return tmp_path / "frozen"


JOB = Job(RecordName("scalar_preconditioner", "adam_cifar10_seed0", "small"), ("n", 0), ())


@pytest.mark.parametrize(("accuracy", "code"), [(0.90, 0), (0.93, 0), (0.9596, 0), (0.9598, 1), (0.80, 1)])
def test_a_rerun_passes_where_one_more_seed_is_to_be_expected(frozen, tmp_path, accuracy, code):
    # mean 0.91, s = 0.01, t(0.975, 2) = 4.3027: 0.91 +- 4.3027 * 0.01 * sqrt(4/3) = 0.8603 to 0.9597
    write(tmp_path / "rerun", 0, accuracy)
    assert judge(frozen, tmp_path / "rerun") == code


def test_one_seed_alone_passes_only_when_met_exactly(tmp_path):
    write(tmp_path / "frozen", 0, 0.9)
    for accuracy, code in ((0.9, 0), (0.9001, 3)):
        write(tmp_path / "rerun", 0, accuracy)
        assert judge(tmp_path / "frozen", tmp_path / "rerun") == code


def test_a_record_that_is_not_frozen_is_one_clear_error(frozen):
    assert choose_job("scalar_preconditioner", None, "small", frozen).name == JOB.name
    with pytest.raises(
        InputError, match=r"no frozen small record of alpha_map/\*; there are: scalar_preconditioner/adam"
    ):
        choose_job("alpha_map", None, "small", frozen)


def test_the_table_gives_seeds_minutes_mean_spread_and_the_published_value(frozen):
    (row,) = rows(records_by_variant(frozen))
    assert row == (
        "scalar_preconditioner", "adam_cifar10", "small", "3", "4.5", "test_accuracy", "0.91 ± 0.01", "0.9385",
    )  # fmt: skip
