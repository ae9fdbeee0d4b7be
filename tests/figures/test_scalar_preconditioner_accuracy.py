"""What is drawn of layer-wise rates, against the frozen accuracies and scipy's t test."""

import numpy as np
import pytest
from scipy import stats

from layercurv.figures import scalar_preconditioner_accuracy as module
from tests.compare import assert_close
from tests.figures.frozen import axes_of, named_records_of


@pytest.fixture
def records():
    return named_records_of(module)


@pytest.fixture
def axis(records):
    return axes_of(module, list(records.values()))[0]


def points(records, variant):
    found = [record for name, record in records.items() if f"/{variant}_cifar10" in name]
    return [100 * record["measurements"]["training"]["test_accuracy"] for record in found]


def test_every_seed_of_every_variant_is_drawn_above_adams_mean(axis, records):
    centre = np.mean(points(records, "adam"))
    for row, variant in enumerate(module.VARIANTS):
        expected = points(records, variant)
        drawn = [line for line in axis.lines if list(line.get_ydata()) == [row]]
        assert [line.get_marker() for line in drawn] == list("o^s"[: len(expected)])
        assert_close([line.get_xdata()[0] for line in drawn], np.array(expected) - centre, 1e-9, what=variant)


def test_bars_are_the_90_percent_intervals_of_the_difference_from_adam(axis, records):
    first, *others = module.VARIANTS
    for container, variant in zip(axis.containers, others, strict=True):
        test = stats.ttest_ind(points(records, variant), points(records, "adam"), equal_var=False)
        interval = test.confidence_interval(0.9)
        (segment,) = container.lines[2][0].get_segments()
        assert_close(segment[:, 0], [interval.low, interval.high], 1e-9, what=variant)
    assert first == "adam"


def test_the_band_is_the_printed_margin_and_every_variant_is_named(axis):
    band = axis.patches[0]
    assert (band.get_x(), band.get_width()) == pytest.approx((-0.2, 0.4))
    assert [label.get_text() for label in axis.get_yticklabels()] == list(module.VARIANTS.values())
