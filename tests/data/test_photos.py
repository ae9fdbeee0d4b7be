import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from layercurv.data import load_photos
from layercurv.errors import InputError


@pytest.fixture
def root(tmp_path):
    """Three photos of different sizes: left half black, right half white, so that the crop is seen."""
    import datasets

    rows = []
    for label, (width, height) in enumerate([(64, 32), (32, 64), (40, 40)]):
        pixels = np.zeros((height, width, 3), dtype=np.uint8)
        pixels[:, width // 2 :] = 255
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        rows.append({"image": {"bytes": stream.getvalue(), "path": None}, "label": label})
    (tmp_path / "photos").mkdir()
    file = tmp_path / "photos" / "test-00000-of-00001.parquet"
    features = datasets.Features({"image": datasets.Image(decode=False), "label": datasets.Value("int64")})
    datasets.Dataset.from_list(rows, features=features).to_parquet(str(file))
    shard = {"file": f"photos/{file.name}", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"datasets": {"photos": {"shards": [shard]}}}))
    return tmp_path


def load(folder, **changes):
    options = {"name": "photos", "hub": None, "split": "test", "image_column": "image", "label_column": "label"}
    statistics = {"n_classes": 3, "image_size": 16, "mean": (0.5,) * 3, "std": (0.25,) * 3, "root": str(folder)}
    return load_photos(**(options | statistics | changes))


def test_photos_of_any_shape_are_cut_at_their_centre(root):
    data = load(root)
    assert data.train_images.shape == (3, 3, 16, 16) and data.train_labels.tolist() == [0, 1, 2]
    left, right = data.train_images[..., :7].float(), data.train_images[..., 9:].float()
    assert left.max() < 40 and right.min() > 215


def test_they_are_measured_on_and_tested_on_alike(root):
    data = load(root)
    assert data.test_images is data.train_images and data.provenance["n_train"] == 3
    assert sum(len(labels) for _, labels in data.measurement_batches(3, 2, seed=0)) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 0}, "data.image_size: expected a positive integer, got 0"),
        ({"n_classes": 2}, "expected labels 0 to 1, got 0 to 2"),
        ({"image_column": "img"}, "expected image column 'img', found image, label"),
        ({"label_column": "y"}, "expected label column 'y', found image, label"),
        ({"root": None}, "photos is not on the hub"),
    ],
)
def test_bad_input_is_one_clear_error(root, changes, message):
    with pytest.raises(InputError, match=message):
        load(root, **changes)
