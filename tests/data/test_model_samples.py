"""Text that a network writes itself: drawn by its own law, and the same for the same seed."""

import itertools

import torch

from layercurv.curvature import CrossEntropy, GGNCurvature, gradient_directions, sweep, weight_layers
from layercurv.data import sample_windows
from tests.models.llama import tiny_llama

SYMBOLS = 3


def test_equal_seeds_give_equal_windows_and_other_seeds_others():
    model = tiny_llama()
    first, again, other = (sample_windows(model, 5, 6, 1, seed, batch_size=2) for seed in (0, 0, 1))
    assert torch.equal(first.train_targets, again.train_targets)
    assert not torch.equal(first.train_targets, other.train_targets)
    assert first.train_inputs.shape == first.train_targets.shape == (5, 6)
    assert first.provenance["n_train"] == 5
    assert len(first.test_inputs) == 0
    assert first.n_classes == model.config.vocab_size


def test_windows_start_with_the_start_token_and_targets_are_the_next_tokens():
    found = sample_windows(tiny_llama(), 5, 6, 7, 0)
    assert (found.train_inputs[:, 0] == 7).all()
    assert torch.equal(found.train_inputs[:, 1:], found.train_targets[:, :-1])
    ((inputs, targets),) = found.measurement_batches(5, 5, 0)
    assert inputs.dtype == targets.dtype == torch.int64


def test_every_sequence_comes_as_often_as_the_network_says():
    model, n = tiny_llama(vocabulary_size=SYMBOLS), 4000
    found = sample_windows(model, n, 3, 0, 0, batch_size=1000).train_targets
    sequences = torch.tensor(list(itertools.product(range(SYMBOLS), repeat=3)))
    inputs = torch.cat([torch.zeros(len(sequences), 1, dtype=torch.int64), sequences[:, :-1]], 1)
    with torch.no_grad():
        logs = model(inputs).logits.double().log_softmax(-1)
    p = logs.gather(2, sequences[:, :, None]).sum((1, 2)).exp()
    share = (found[:, None] == sequences).all(2).double().mean(0)
    assert abs(p.sum() - 1) < 1e-5
    assert ((share - p).abs() <= 4 * (p * (1 - p) / n).sqrt() + 1e-6).all()  # four standard errors


def test_the_expected_gradient_on_own_text_is_zero_in_every_layer():
    model, n = tiny_llama(vocabulary_size=SYMBOLS), 4000
    layers = [layer for layer in weight_layers(model) if layer.name != "lm_head"]
    tokens = torch.randint(SYMBOLS, (10, 4))
    directions = gradient_directions(model, CrossEntropy(), [(tokens[:, :-1], tokens[:, 1:])], layers, top_k=2)
    slopes = GGNCurvature(layers, directions, slopes=True)
    batches = sample_windows(model, n, 3, 0, 0, batch_size=1000).measurement_batches(n, 1000, 0)
    sweep(model, CrossEntropy(), batches, layers, [slopes], n_sampled=1)
    for name, found in slopes.result().items():
        standard_errors = found.slopes.std(0) / n**0.5
        assert (found.slopes.mean(0).abs() <= 4 * standard_errors).all(), name
