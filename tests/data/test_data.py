import hashlib
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from layercurv.data import TrainingBatches, generate_images, load_images, measurement_batches
from layercurv.data.images import LOSSY_MARK
from layercurv.errors import InputError

OPTIONS = {"name": "tiny", "hub": "nobody/tiny", "image_column": "img", "label_column": "label", "n_classes": 3}
STATISTICS = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}


def write_shards(root):
    """Two train shards and a test shard in the layout of the real data, pixels known."""
    import datasets

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    (root / "tiny").mkdir()
    shards = {"train-00000-of-00002": (0, 3), "train-00001-of-00002": (3, 6), "test-00000-of-00001": (6, 9)}
    entries = []
    for name, (start, stop) in shards.items():
        rows = []
        for index in range(start, stop):
            stream = io.BytesIO()
            Image.fromarray(pixels[index]).save(stream, "PNG")
            path = LOSSY_MARK if index == 1 else None
            rows.append({"img": {"bytes": stream.getvalue(), "path": path}, "label": index % 3})
        features = datasets.Features({"img": datasets.Image(decode=False), "label": datasets.Value("int64")})
        file = root / "tiny" / f"{name}.parquet"
        datasets.Dataset.from_list(rows, features=features).to_parquet(str(file))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        entries.append({"file": f"tiny/{name}.parquet", "sha256": digest, "rows": 3})
    (root / "MANIFEST.json").write_text(json.dumps({"datasets": {"tiny": {"shards": entries}}}))
    return pixels.transpose(0, 3, 1, 2)


def load(root, **changes):
    return load_images(**(OPTIONS | STATISTICS | {"root": str(root)} | changes))


def test_local_shards_give_the_pixels_and_labels_in_order(tmp_path):
    pixels = write_shards(tmp_path)
    data = load(tmp_path)
    assert np.array_equal(data.train_images.numpy(), pixels[:6]) and np.array_equal(
        data.test_images.numpy(), pixels[6:]
    )
    assert data.train_labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.is_exact.tolist() == [True, False, True, True, True, True]
    assert data.provenance["pixels_sha256"]["train"] == hashlib.sha256(pixels[:6].tobytes()).hexdigest()
    assert len(data.provenance["shards_sha256"]) == 3 and data.provenance["n_lossy_train"] == 1


def test_a_limit_is_recorded(tmp_path):
    write_shards(tmp_path)
    data = load(tmp_path, train_limit=4, test_limit=2)
    assert (len(data.train_images), data.provenance["n_train"], data.provenance["n_test"]) == (4, 4, 2)
    with pytest.raises(InputError, match="train_limit: expected 1 to 6 images, got 7"):
        load(tmp_path, train_limit=7)


def test_an_altered_shard_is_refused(tmp_path):
    write_shards(tmp_path)
    file = tmp_path / "tiny" / "train-00001-of-00002.parquet"
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(InputError, match=r"train-00001-of-00002\.parquet: expected SHA-256 [0-9a-f]{64}, got"):
        load(tmp_path)


def test_a_missing_shard_or_manifest_says_what_to_fetch(tmp_path):
    with pytest.raises(InputError, match=r"found no .*MANIFEST\.json; leave data\.root unset"):
        load(tmp_path)
    write_shards(tmp_path)
    (tmp_path / "tiny" / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(InputError, match=r"test-00000-of-00001\.parquet: expected this shard"):
        load(tmp_path)
    with pytest.raises(InputError, match="no data set 'huge'; it lists: tiny"):
        load(tmp_path, name="huge")


def test_pixels_that_do_not_match_the_manifest_are_refused(tmp_path):
    write_shards(tmp_path)
    manifest = json.loads((tmp_path / "MANIFEST.json").read_text())
    manifest["datasets"]["tiny"]["raw_sha256_NCHW_uint8"] = {"train": "0" * 64}
    (tmp_path / "MANIFEST.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="decoded pixels have SHA-256"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_column": "picture"}, "expected image column 'picture', found img, label"),
        ({"label_column": "class"}, "expected label column 'class', found img, label"),
        ({"n_classes": 2}, "expected labels 0 to 1, got 0 to 2"),
    ],
)
def test_a_wrong_schema_is_named(tmp_path, change, message):
    write_shards(tmp_path)
    with pytest.raises(InputError, match=message):
        load(tmp_path, **change)


def test_offline_with_nothing_local_is_one_error_that_says_what_to_fetch(monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"cannot fetch nobody/tiny from the hub .* set data\.root=FOLDER"):
        load_images(**OPTIONS, **STATISTICS)


def test_normalisation_uses_the_given_statistics():
    data = generate_images(n_train=4, n_test=2, n_classes=2, image_size=4, seed=0)
    expected = (data.train_images.double() / 255 - 0.5) / 0.25
    assert torch.allclose(data.normalize(data.train_images).double(), expected, atol=1e-6)


def test_an_epoch_visits_each_image_once_and_epochs_differ():
    data = generate_images(n_train=12, n_test=2, n_classes=2, image_size=4, seed=0)
    batches = TrainingBatches(data, batch_size=4, seed=1, crop_padding=0, flip=False)
    epochs = [torch.cat([batches.batch(step)[0] for step in range(3 * e, 3 * e + 3)]) for e in (0, 1)]
    images = {tuple(image.flatten().tolist()) for image in data.normalize(data.train_images)}
    for epoch in epochs:
        assert {tuple(image.flatten().tolist()) for image in epoch} == images
    assert not torch.equal(*epochs)


def test_a_batch_depends_on_seed_and_step_alone():
    data = generate_images(n_train=12, n_test=2, n_classes=2, image_size=4, seed=0)
    first, second = (TrainingBatches(data, batch_size=4, seed=1, crop_padding=2, flip=True) for _ in range(2))
    second.batch(0)  # drawing others in between changes nothing
    torch.rand(5)
    assert torch.equal(first.batch(4)[0], second.batch(4)[0])
    other = TrainingBatches(data, batch_size=4, seed=9, crop_padding=2, flip=True)
    assert not torch.equal(first.batch(4)[0], other.batch(4)[0])


def test_augmentation_shifts_and_mirrors_within_the_padding():
    data = generate_images(n_train=400, n_test=2, n_classes=2, image_size=5, seed=0)
    batches = TrainingBatches(data, batch_size=400, seed=1, crop_padding=1, flip=True)
    augmented, _ = batches.batch(0)
    order = TrainingBatches(data, batch_size=400, seed=1, crop_padding=0, flip=False).batch(0)[0]
    padded = torch.nn.functional.pad(order, (1,) * 4)
    shifts = [padded[:, :, y : y + 5, x : x + 5] for y in range(3) for x in range(3)]
    candidates = torch.stack(shifts + [shift.flip(-1) for shift in shifts])  # [18, 400, 3, 5, 5]
    matches = (candidates == augmented).flatten(2).all(2)  # [18, 400]
    assert matches.any(0).all() and matches.any(1).all()  # each image is one of the 18, and each of the 18 occurs


def test_measured_images_are_exact_copies_drawn_once():
    data = generate_images(n_train=20, n_test=2, n_classes=2, image_size=4, seed=0)
    data.is_exact[:5] = False
    batches = measurement_batches(data, n_samples=15, micro_batch=4, seed=0)
    assert [len(labels) for _, labels in batches] == [4, 4, 4, 3]
    drawn = torch.cat([images for images, _ in batches])
    exact = data.normalize(data.train_images[5:])
    assert {tuple(i.flatten().tolist()) for i in drawn} == {tuple(i.flatten().tolist()) for i in exact}
    with pytest.raises(InputError, match="expected 1 to 15"):
        measurement_batches(data, n_samples=16, micro_batch=4, seed=0)
