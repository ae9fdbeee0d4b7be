"""The audit of frozen records finds the convolutions that oneDNN may have got wrong, and those alone."""

import pytest
from torch import nn

from experiments._kernel_audit import audit, suspects


@pytest.mark.parametrize(
    ("layer", "is_suspect"),
    [
        (nn.Conv2d(8, 16, 1, stride=2), True),
        (nn.Conv2d(32, 32, 1, stride=2, groups=4), True),  # 8 input channels a group
        (nn.Conv1d(8, 16, 1, stride=2), True),
        (nn.Conv2d(16, 32, 1, stride=2), False),
        (nn.Conv2d(8, 16, 1), False),
        (nn.Conv2d(8, 16, 3, stride=2), False),
        (nn.Conv2d(3, 16, 4, stride=4), False),
    ],
)
def test_suspects_are_strided_pointwise_convolutions_with_few_input_channels(layer, is_suspect):
    assert list(suspects(nn.Sequential(nn.ReLU(), layer))) == ["1"] * is_suspect


def test_among_the_frozen_records_only_the_two_contests_of_optimisers_are_suspect(root):
    found = audit(root / "results")
    assert sum(map(sum, (counts.values() for counts in found.values()))) == len(
        list((root / "results").glob("*/*.json"))
    )
    cleared = {"no network", "kernels checked", "no such convolution"}
    suspected = {experiment for finding in found.keys() - cleared for experiment in found[finding]}
    assert suspected <= {"spectral_newton", "scalar_preconditioner"}
