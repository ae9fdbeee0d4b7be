"""Benchmarks take counts and sizes that mean something, and say so otherwise."""

import math
import subprocess
import sys
from argparse import ArgumentTypeError

import pytest

from benchmarks.options import count, positive


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "two", "nan", "²"])
def test_what_is_no_count_is_refused(text):
    with pytest.raises(ArgumentTypeError, match="whole number of at least 1"):
        count(text)


@pytest.mark.parametrize("text", ["0", "-5", "nan", "inf", "1e999", "", "fast"])
def test_what_is_no_positive_number_is_refused(text):
    with pytest.raises(ArgumentTypeError, match="finite number above 0"):
        positive(text)


def test_counts_and_sizes_are_read():
    assert count("12") == 12
    assert math.isclose(positive("2.5e1"), 25)


def test_a_benchmark_refuses_before_it_measures():
    command = [sys.executable, "-m", "benchmarks.extrapolate", "--device-tflops", "nan"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "--device-tflops: expected a finite number above 0, got 'nan'" in done.stderr
