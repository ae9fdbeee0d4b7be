"""Every experiment has its kernels checked before it trains or measures anything, and says so in the record."""

import pytest
import torch

from experiments._main import ROOT
from layercurv.data import generate_images
from layercurv.errors import InputError
from layercurv.kernels import Kernels, trust
from layercurv.results.provenance import shown_numerics
from tests.experiments.smoke import smoke_record

EXPERIMENTS = sorted(path.stem for path in (ROOT / "experiments").glob("[a-z]*.py"))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_stops_before_training_if_kernels_are_wrong(experiment, tmp_path, monkeypatch):
    def refuse(self, collect, *rest):
        assert collect("contiguous")  # what would be checked
        raise InputError("wrong kernels")

    monkeypatch.setattr(Kernels, "trust", refuse)
    with pytest.raises(InputError, match="wrong kernels"):
        smoke_record(experiment, tmp_path)
    assert not list(tmp_path.rglob("*.*"))


def test_the_record_names_layout_and_check_and_numbers_do_not_depend_on_whether_it_ran(tmp_path, monkeypatch):
    checked = smoke_record("full_spectrum", tmp_path / "checked")
    monkeypatch.setattr(trust, "failures", lambda *arguments: {})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    again = smoke_record("full_spectrum", tmp_path / "again")
    assert checked["measurements"] == again["measurements"]
    numerics = checked["provenance"]["numerics"]
    assert numerics["memory_layout"] == "contiguous"  # its shortcuts have 4 and 8 input channels
    first, *_ = numerics["kernel_check"]["replaced"]
    assert first.startswith("layer layer2.0.downsample.0: convolution [32, 4, 16, 16]")
    assert numerics["kernel_check"]["n_operations"] > 12  # more than a training batch has
    assert shown_numerics(checked["provenance"]).endswith("contiguous")


@pytest.mark.parametrize("crop_padding", [0, 2])
def test_training_images_are_contiguous(crop_padding):
    """A cropped batch that lay channels_last would pull every layer behind it into that layout."""
    data = generate_images(n_train=16, n_test=4, n_classes=2, image_size=8, seed=0)
    images, _ = data.training_batches(8, 0, crop_padding=crop_padding, flip=True).batch(0)
    assert images.is_contiguous() and not images.is_contiguous(memory_format=torch.channels_last)
