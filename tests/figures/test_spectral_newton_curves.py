"""What is drawn of the optimisers, against the frozen lists read by hand."""

import statistics

import pytest

from layercurv.figures import spectral_newton_curves as module
from tests.compare import assert_close
from tests.figures.frozen import axes_of, named_records_of

VARIANTS = (
    "muon",
    "spectral_newton_2",
    "spectral_newton_measured",
    "spectral_newton_1",
    "spectral_newton_0",
    "sgd",
    "adamw",
)


@pytest.fixture
def records():
    return named_records_of(module)


@pytest.fixture
def axes(records):
    return axes_of(module, list(records.values()))


def runs(records):
    return [records[f"spectral_newton/{name}_cifar10_seed{seed}.small.json"] for name in VARIANTS for seed in range(3)]


def history(record, key):
    return [entry[key] for entry in record["measurements"]["training"]["history"]]


def seeds(axis):
    return axis.lines[: 3 * len(VARIANTS)]


def test_training_loss_stands_in_the_middle_of_its_epoch(axes, records):
    for line, record in zip(seeds(axes[0]), runs(records), strict=True):
        assert list(line.get_xdata()) == [195, 585, 975]  # 50,000 images in batches of 128, the rest left out
        assert_close(line.get_ydata(), history(record, "train_mean_loss"), 1e-12)


def test_test_accuracy_stands_at_the_end_of_its_epoch(axes, records):
    for line, record in zip(seeds(axes[1]), runs(records), strict=True):
        assert list(line.get_xdata()) == [390, 780, 1170]
        assert_close(line.get_ydata() / 100, history(record, "test_accuracy"), 1e-12)


@pytest.mark.parametrize("panel", [0, 1])
def test_thick_lines_are_means_of_the_three_seeds_before_them(axes, panel):
    thin, means = seeds(axes[panel]), axes[panel].lines[3 * len(VARIANTS) :]
    for first, mean in zip(range(0, len(thin), 3), means, strict=True):
        mine = thin[first : first + 3]
        assert {line.get_color() for line in mine} == {mean.get_color()}
        assert_close(mean.get_ydata(), sum(line.get_ydata() for line in mine) / 3, 1e-12)


def test_accuracy_over_time_takes_the_recorded_processor_seconds(axes, records):
    for line, record in zip(axes[3].lines, runs(records), strict=True):
        assert list(line.get_xdata()) == record["provenance"]["epoch_processor_s"]
        assert_close(line.get_ydata() / 100, history(record, "test_accuracy"), 1e-12)


def test_every_timed_step_is_drawn_and_its_median_printed(axes, records):
    step_s = records[module.BENCHMARK]["measurements"]["step_s"]
    drawn = [sorted(line.get_xdata()) for line in axes[2].lines]
    for name in ("SGD with momentum", "AdamW", "Muon (+ AdamW)", "Spectral Newton by full SVD"):
        assert any(row == pytest.approx(sorted(1e3 * s for s in step_s[name])) for row in drawn), name
    medians = [1e3 * statistics.median(step_s[name]) for name in module.STEPS]
    printed = [float(text.get_text().rsplit(" ", 1)[1]) for text in axes[2].texts]
    assert printed == pytest.approx(medians, rel=0.05)
    assert [len(line.get_xdata()) for line in axes[2].lines] == [7] * 6


def test_each_optimiser_differs_in_marker_and_colour(axes):
    handles = axes[0].figure.legends[0].legend_handles
    for look in ("get_marker", "get_color"):
        assert len({getattr(handle, look)() for handle in handles}) == len(VARIANTS)
