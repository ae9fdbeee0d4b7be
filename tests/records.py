"""A small valid alpha_map record with planted exponents, for tests of everything that reads records."""

import copy
import functools

import numpy as np

from layercurv.fits import alignment_terms, decomposition_slopes, fit_spectral_exponents, usable_directions
from layercurv.results.provenance import fingerprint

NAMES = ("conv1", "layer1.0.conv2", "layer2.0.downsample.0", "layer3.1.conv1", "layer4.1.conv2", "fc")
ALPHA = {name: 1.6 + 0.1 * index for index, name in enumerate(NAMES)}


def smoke_record(seed: int = 0, scale: str = "smoke") -> dict:
    """Build a record of six layers; layer i has alpha = 1.6 + i/10 up to a little noise, the head a null direction."""
    return copy.deepcopy(_record(seed, scale))


def as_seed(record: dict, variant: str, seed: int, scale: str = "small") -> dict:
    """Make a record that of another variant and seed, wherever it says so; one loss tells it from the others."""
    record = copy.deepcopy(record) | {"variant": f"{variant}_seed{seed}", "scale": scale}
    record["measurements"]["mean_loss"] += seed / 64
    config = {"seed": seed}
    record["provenance"] |= {"seed": seed, "config": config, "config_sha256": fingerprint(config)}
    return record


@functools.cache
def _record(seed: int, scale: str) -> dict:
    rng = np.random.default_rng(seed)
    layers = [_layer(depth, name, rng) for depth, name in enumerate(NAMES, start=1)]
    epoch = {"epoch": 1, "train_mean_loss": 1.0, "learning_rate": 0.0, "test_accuracy": 0.5, "test_mean_loss": 1.5}
    training = {"n_steps": 10, "test_accuracy": 0.5, "test_mean_loss": 1.5, "history": [epoch]}
    return {
        "schema": "v1/alpha_map",
        "experiment": "alpha_map",
        "variant": f"net_seed{seed}",
        "scale": scale,
        "measurements": {"n_samples": 64, "mean_loss": 0.7, "training": training, "layers": layers},
        "provenance": {
            "code": {"commit": "0" * 40, "dirty": False, "reason": None},
            "training_commits": ["0" * 40],
            "overrides": [],
            "config": {"seed": seed},
            "config_sha256": fingerprint({"seed": seed}),
            "seed": seed,
            "device": "cpu",
            "versions": {"python": "3.11", "layercurv": "0.1.0", "torch": "2.13", "numpy": "2.4"},
            "hardware": {
                "cpu": "x", "machine": "x", "system": "x", "n_cores": 1, "memory_bytes": 1, "gpu": None, "n_threads": 1,
            },
            "data": {
                "name": "x", "source": "x", "shards_sha256": {}, "pixels_sha256": {},
                "n_lossy_train": 0, "n_train": 1, "n_test": 1,
            },
            "wall_s": {"training": 1.0, "measurement": 1.0, "this_run": 2.0},
            "finished_utc": "2026-01-01T00:00:00+00:00",
        },
    }  # fmt: skip


def _layer(depth: int, name: str, rng: np.random.Generator) -> dict:
    K = 8
    sigma = np.arange(1.0, K + 1) ** -0.8
    h = sigma ** ALPHA[name] * np.exp(0.05 * rng.standard_normal(K))
    is_null = np.zeros(K, dtype=bool)
    if name == "fc":
        sigma[-1], h[-1], is_null[-1] = 1e-9, 1e-17, True
    factor = lambda: {"eigenvalues": np.sort(rng.random(K))[::-1].tolist(), "rayleigh": rng.random(K).tolist()}  # ruff: ignore[lambda-assignment]
    kronecker = {"A": factor(), "empirical": factor(), "ggn": factor()}
    keep = usable_directions(sigma, h, is_null)
    slopes = {
        kind: decomposition_slopes(sigma, alignment_terms(h, kronecker[kind], kronecker["A"], 4), keep)
        for kind in ("empirical", "ggn")
    }
    return {
        "name": name,
        "depth": depth,
        "kind": "linear" if name == "fc" else "conv",
        "shape": [10, 30],
        "n_positions": 4,
        "singular_values": sigma.tolist(),
        "is_null": is_null.tolist(),
        "curvatures": h.tolist(),
        "curvature_standard_errors": (0.1 * h).tolist(),
        "ggn_curvatures": h.tolist(),
        "engine": "ggn",
        "kronecker": kronecker,
        "fits": fit_spectral_exponents(sigma, h, is_null),
        "alpha_bootstrap": {"ci95_low": 1.0, "ci95_high": 3.0, "standard_error": 0.5, "n_resamples": 1000},
        "alpha_slopes": slopes,
        "missing": {},
        "engine_check": {
            "k": [1, 4], "found": [1.0, 0.5], "double_backward": [1.0, 0.500001], "max_relative_difference": 2e-6,
        },
    }  # fmt: skip
