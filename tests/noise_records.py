"""Small records of `sampling_noise` and `noise_prediction` with planted exponents, not whole ones."""

import numpy as np

LAYERS = (("conv1", "conv"), ("block.attention.query", "linear"), ("block.mlp.up_proj", "linear"), ("fc", "linear"))
ALPHAS = (2.4, 1.9, 2.2, 1.6)


def measured(seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    layers = [_layer(name, kind, alpha, rng) for (name, kind), alpha in zip(LAYERS, ALPHAS, strict=True)]
    layers[1]["curvatures"] = None
    facts = {"n_samples": 50, "n_pool": 400, "labels_per_sample": 2, "weights_sha256": f"{seed:064d}"}
    return {"experiment": "sampling_noise", "measurements": facts | {"layers": layers}}


def predicted(seed: int = 0) -> dict:
    rng = np.random.default_rng(seed + 100)
    layers = [
        {
            "name": name,
            "kind": kind,
            "sign_flips": {"alphas": (alpha + 0.1 + 0.1 * rng.standard_normal(9)).tolist()},
            "noise_mean_squared_norm": 0.02 * (1 + rng.random()),
            "pool_squared_norm": 0.01 * (1 + rng.random()),
        }
        for (name, kind), alpha in zip(LAYERS, ALPHAS, strict=True)
    ]
    facts = {"n_samples": 50, "n_pool": 400, "labels_per_sample": 2, "weights_sha256": f"{seed:064d}"}
    return {"experiment": "noise_prediction", "measurements": facts | {"layers": layers}}


def _layer(name: str, kind: str, alpha: float, rng: np.random.Generator) -> dict:
    sigma = np.arange(1.0, 8.0) ** -0.7
    h = sigma**alpha * np.exp(0.1 * rng.standard_normal(7))
    return {
        "name": name,
        "kind": kind,
        "curvatures": (1.1 * h).tolist(),
        "true": _directions(sigma, h, rng),
        "model": _directions(sigma, h, rng),
        "fits": {k: {"terms": {"alpha": 2.0, "information": 0.1, "selection": 0.1, "n": 6}, "unselected": {"slope": 2}}
                 for k in ("true", "model")},
    }  # fmt: skip


def _directions(sigma, h, rng: np.random.Generator) -> dict:
    around = lambda values, size: (values * np.exp(size * rng.standard_normal(7))).tolist()  # ruff: ignore[lambda-assignment]
    return {
        "singular_values": sigma.tolist(),
        "is_null": [False] * 6 + [True],
        "second_moments": around(h, 0.3),
        "ggn_curvatures": h.tolist(),
        "fresh_means": (0.1 * sigma * rng.standard_normal(7)).tolist(),
        "fresh_second_moments": around(h, 0.2),
        "fresh_ggn_curvatures": around(h, 0.1),
    }
