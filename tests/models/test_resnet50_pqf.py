"""ResNet-50 from product-quantised weights: the decoding, the file's checks, and the real file where there is one."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from layercurv.errors import InputError
from layercurv.models import resnet50_imagenet
from layercurv.models.resnet50_pqf import decode
from layercurv.models.vision_import import torchvision

FILE = "resnet50-pqf-large/compact.safetensors"
ROOT = Path(os.environ.get("LAYERCURV_DATA", "nowhere"))
with_file = pytest.mark.skipif(not (ROOT / FILE).is_file(), reason=f"LAYERCURV_DATA names no folder with {FILE}")


def test_decoding_lists_codebook_entries_in_the_order_of_the_codes():
    compact = {
        "conv.codebook": torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]).half(),
        "conv.codes_matrix": torch.tensor([[2, 0], [1, 2]], dtype=torch.uint8),
        "bn.weight": torch.tensor([7.0, 8.0]),
    }
    shapes = {"conv.weight": (2, 2, 1, 2), "bn.weight": (2,), "bn.running_mean": (2,), "bn.running_var": (2,)}
    state = decode(compact, shapes | {"bn.num_batches_tracked": ()})
    assert state["conv.weight"].tolist() == [[[[4, 5]], [[0, 1]]], [[[2, 3]], [[4, 5]]]]
    assert state["conv.weight"].dtype == torch.float32
    assert state["bn.weight"].tolist() == [7, 8]
    assert state["bn.running_mean"].tolist() == [0, 0]
    assert state["bn.running_var"].tolist() == [1, 1]
    assert set(state) == set(shapes) | {"bn.num_batches_tracked"}


def written(root: Path, sha256: str | None) -> Path:
    (root / FILE).parent.mkdir()
    save_file({"fc.bias": torch.zeros(1)}, root / FILE)
    shards = [] if sha256 is None else [{"file": FILE, "sha256": sha256}]
    (root / "MANIFEST.json").write_text(json.dumps({"datasets": {"resnet50-pqf-large": {"shards": shards}}}))
    return root


def test_missing_file_says_what_is_expected_and_what_else_there_is(tmp_path):
    for root in (None, tmp_path):
        with pytest.raises(InputError, match=r"compact\.safetensors.*IMAGENET1K_V1"):
            resnet50_imagenet("pqf", root)


def test_altered_and_unlisted_files_are_refused(tmp_path):
    root = written(tmp_path, "0" * 64)
    with pytest.raises(InputError, match="expected SHA-256 0000"):
        resnet50_imagenet("pqf", root)
    shutil.rmtree(root / "resnet50-pqf-large")
    with pytest.raises(InputError, match="does not"):
        resnet50_imagenet("pqf", written(root, None))


def test_unknown_weights_are_refused():
    with pytest.raises(InputError, match="expected one of: IMAGENET1K_V1, pqf"):
        resnet50_imagenet("IMAGENET1K_V2")


def test_failed_download_says_what_else_there_is(monkeypatch):
    def offline(*_arguments, **_options):
        raise OSError("no network")

    monkeypatch.setattr(torchvision.models.ResNet50_Weights.IMAGENET1K_V1.__class__, "get_state_dict", offline)
    with pytest.raises(InputError, match=r"no network.*model\.weights=pqf"):
        resnet50_imagenet("IMAGENET1K_V1")


@with_file
def test_every_parameter_is_filled_and_the_outputs_differ_by_image_and_class():
    network = resnet50_imagenet("pqf", ROOT)
    assert not network.training
    torch.manual_seed(0)
    fresh = torchvision.models.resnet50().state_dict()
    for name, value in network.state_dict().items():
        assert value.isfinite().all(), name
        assert value.shape == fresh[name].shape
        if name.endswith(("weight", "bias")):
            assert value.std() > 0, name
    with torch.no_grad():
        logits = network(torch.randn(2, 3, 96, 96))
    assert logits.isfinite().all()
    assert logits.std(1).min() > 0.1
    assert (logits[0] - logits[1]).abs().max() > 0.1
