"""Time to a fixed accuracy, by hand."""

import math

import pytest

from layercurv.claims.contest_quantities import CONTEST_QUANTITIES as QUANTITIES


def record(accuracies: list[float]) -> dict:
    history = [{"epoch": epoch, "test_accuracy": accuracy} for epoch, accuracy in enumerate(accuracies, 1)]
    seconds = [10.0 * epoch for epoch in range(1, len(accuracies) + 1)]
    return {"measurements": {"training": {"history": history}}, "provenance": {"epoch_processor_s": seconds}}


def test_the_first_epoch_that_reaches_the_accuracy_counts():
    seconds_to = QUANTITIES["processor_s_to_60_percent"]
    assert seconds_to(record([0.2, 0.6, 0.5, 0.7])) == pytest.approx(20)
    assert seconds_to(record([0.7])) == pytest.approx(10)
    assert math.isnan(seconds_to(record([0.59, 0.599])))


def test_an_epoch_without_its_time_is_no_time():
    torn = record([0.2, 0.3, 0.7])
    torn["provenance"]["epoch_processor_s"].pop()
    with pytest.raises(ValueError, match="shorter"):
        QUANTITIES["processor_s_to_60_percent"](torn)
