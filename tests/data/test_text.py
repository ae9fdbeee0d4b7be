import hashlib
import json

import numpy as np
import pytest
import torch

from layercurv.data import generate_text, load_authors, load_text
from layercurv.errors import InputError

TEXT = "To be, or not to be, that is the question: — whether 'tis nobler in the mind to suffer"


def write_text(root, name="poem", **rows):
    import datasets

    (root / name).mkdir()
    entries = []
    for split, columns in rows.items():
        file = root / name / f"{split}-00000-of-00001.parquet"
        datasets.Dataset.from_dict(columns).to_parquet(str(file))
        entries.append({"file": f"{name}/{file.name}", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()})
    (root / "MANIFEST.json").write_text(json.dumps({"datasets": {name: {"shards": entries}}}))


def load(root, **changes):
    options = {"name": "poem", "hub": None, "text_column": "text", "train_split": "train", "test_split": "test"}
    return load_text(**(options | {"sequence_length": 8, "root": str(root)} | changes))


@pytest.fixture
def poem(tmp_path):
    write_text(tmp_path, train={"text": [TEXT[:40], TEXT[40:]]}, test={"text": [TEXT]})
    return tmp_path


def test_windows_are_the_bytes_of_the_text_and_targets_the_next_ones(poem):
    data, raw = load(poem), TEXT.encode()
    n = len(data.train_inputs)
    assert bytes(data.train_inputs.flatten().tolist()) == raw[: 8 * n]
    assert bytes(data.train_targets.flatten().tolist()) == raw[1 : 8 * n + 1]
    assert n == (len(raw) - 1) // 8
    assert data.provenance["text_sha256"]["train"] == hashlib.sha256(raw).hexdigest()


class Words:
    """A tokenizer as transformers have them: one number per word."""

    def __len__(self):
        return 40_000

    def encode(self, text, add_special_tokens, verbose):
        assert not add_special_tokens
        return [30_000 + len(word) for word in text.split()]


def test_a_tokenizer_gives_the_tokens_and_the_number_of_classes(poem):
    data = load(poem, sequence_length=3, tokenizer=Words())
    tokens = [30_000 + len(word) for word in TEXT.split()]
    n = (len(tokens) - 1) // 3
    assert data.train_inputs.flatten().tolist() == tokens[: 3 * n]
    assert data.train_targets.flatten().tolist() == tokens[1 : 3 * n + 1]
    assert data.n_classes == 40_000
    assert data.provenance["text_sha256"]["train"] == hashlib.sha256(np.array(tokens, dtype=np.int32)).hexdigest()
    ((inputs, targets),) = data.measurement_batches(n, n, 0)
    assert inputs.dtype == targets.dtype == torch.int64


def test_the_hub_is_asked_for_one_subset(monkeypatch):
    import datasets

    asked = []

    def offline(*arguments, **_options):
        asked.append(arguments)
        raise ConnectionError

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(InputError, match="cannot fetch Sales/wiki"):
        load_text("unused", "Sales/wiki", "text", "train", "test", 8, hub_subset="small-v1")
    assert asked == [("Sales/wiki", "small-v1")]


def test_a_limit_is_recorded(poem):
    assert load(poem, train_limit=3).provenance["n_train"] == 3


def test_a_text_shorter_than_a_window_is_one_clear_error(poem):
    with pytest.raises(InputError, match="sequence_length: expected fewer than the"):
        load(poem, sequence_length=1000)


def test_a_data_set_that_is_not_on_the_hub_says_so(poem):
    with pytest.raises(InputError, match=r"poem is not on the hub: set data.root=FOLDER"):
        load_text("poem", None, "text", "train", "test", 8)


def test_windows_held_out_are_the_last_ones_and_none_of_them_is_trained_on(poem):
    data = load(poem)
    held_out = data.validation_split(2).limited(3, 1)
    n = len(data.train_inputs)
    assert torch.equal(held_out.test_inputs, data.train_inputs[n - 2 : n - 1])
    assert torch.equal(held_out.train_targets, data.train_targets[:3])
    assert (held_out.provenance["n_train"], held_out.provenance["n_test"]) == (3, 1)
    with pytest.raises(InputError, match=f"n_validation: expected 1 to {n - 1} windows, got {n}"):
        data.validation_split(n)
    with pytest.raises(InputError, match=f"data.train_limit: expected 1 to {n} windows, got 0"):
        data.limited(0, None)


def test_every_window_of_an_epoch_comes_once_and_in_another_order_the_next(poem):
    data = load(poem)
    batches = data.training_batches(2, seed=0)
    epochs = [
        torch.cat([batches.batch(epoch * batches.steps_per_epoch + i)[0] for i in range(batches.steps_per_epoch)])
        for epoch in range(2)
    ]
    assert epochs[0].dtype == torch.int64
    assert sorted(epochs[0].tolist()) == sorted(data.train_inputs.long().tolist())
    assert sorted(epochs[0].tolist()) == sorted(epochs[1].tolist()) and not torch.equal(*epochs)


def test_measured_windows_are_distinct_training_windows(poem):
    data = load(poem)
    inputs = torch.cat([part for part, _ in data.measurement_batches(6, 4, seed=1)])
    rows = {tuple(row) for row in inputs.tolist()}
    assert len(rows) == 6 and rows <= {tuple(row) for row in data.train_inputs.tolist()}
    with pytest.raises(InputError, match=r"curvature.n_samples: expected 1 to"):
        data.measurement_batches(100, 4, seed=1)


def authors(root, **changes):
    options = {"name": "poem", "hub": None, "authors": ["A", "B"], "n_classes": 2, "sequence_length": 4}
    return load_authors(**(options | {"test_share": 0.25, "root": str(root)} | changes))


def test_authors_are_balanced_labelled_and_tested_on_the_end_of_their_texts(tmp_path):
    write_text(tmp_path, train={"author": ["B", "A"], "text": ["b" * 64, "a" * 32 + "A" * 32 + "a" * 8]})
    data = authors(tmp_path)
    assert len(data.train_inputs) == 24 and len(data.test_inputs) == 8
    for inputs, labels in ((data.train_inputs, data.train_targets), (data.test_inputs, data.test_targets)):
        letters = [chr(row[0]).lower() for row in inputs.tolist()]
        assert ["ab"[label] for label in labels.tolist()] == letters
    assert len(authors(tmp_path, train_limit=5).train_inputs) == 10


def test_an_unknown_author_lists_those_there_are(tmp_path):
    write_text(tmp_path, train={"author": ["A", "B"], "text": ["a" * 64, "b" * 64]})
    with pytest.raises(InputError, match="no author 'C' in poem; it has: A, B"):
        authors(tmp_path, authors=["A", "C"])
    with pytest.raises(InputError, match=r"n_classes: expected the number of data.authors, 2, got 3"):
        authors(tmp_path, n_classes=3)


def test_generated_text_follows_its_chain_and_its_labels_tell_chains_apart():
    text = generate_text(200, 50, 4, 32, seed=0)
    assert torch.equal(text.train_inputs[:, 1:], text.train_targets[:, :-1])
    labelled = generate_text(400, 50, 3, 32, seed=0, n_classes=2)
    pairs = labelled.train_inputs[:, :-1].long() * 3 + labelled.train_inputs[:, 1:].long()
    counts = [torch.bincount(pairs[labelled.train_targets == c].flatten(), minlength=9).float() for c in (0, 1)]
    assert (counts[0] / counts[0].sum() - counts[1] / counts[1].sum()).abs().max() > 0.05
