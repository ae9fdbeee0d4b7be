"""noise_prediction: what alpha of every layer is to be if the batch gradient is sampling noise, or signal and noise.

No gradient of the batch is used, and no number is fitted; `sampling_noise` measures the outcome afterwards.
"""

import time

import torch

from experiments._curvature import chosen_layers
from experiments._runner import Run, launch
from experiments._sampling import Sampled, in_groups, joined, pool_gradients, prepare_samples, split, sweep_once
from layercurv.curvature import (
    DirectionalMoments,
    Directions,
    KroneckerFactors,
    SignFlips,
    WeightLayer,
    separable_gaussian,
    top_singular_directions,
)
from layercurv.errors import InputError
from layercurv.fits import null_exponents
from layercurv.measure.entry import identity, or_missing

Draws = dict[str, dict[str, torch.Tensor]]  # kind of null to layer name to gradients [R, m, n]


def measure(run: Run) -> dict:
    """Draw null gradients of every layer and measure curvature along their singular directions.

    Args:
        run: The run.

    Returns:
        The record's measurements and what it adds to the provenance.
    """
    sampled, started = prepare_samples(run), time.perf_counter()
    layers = chosen_layers(run, sampled.model)
    entries = in_groups(run, "predicted", layers, lambda some: predict(run, sampled, some))
    named = [
        identity(depth, layer) | entry for depth, (layer, entry) in enumerate(zip(layers, entries, strict=True), 1)
    ]
    return sampled.facts() | {"layers": named, "provenance": sampled.provenance(time.perf_counter() - started)}


def predict(run: Run, sampled: Sampled, layers: list[WeightLayer]) -> list[dict]:
    """Predict some layers.

    Args:
        run: The run.
        sampled: Network and samples.
        layers: The layers.

    Returns:
        One entry per layer.
    """
    draws, norms = draw_gradients(run, sampled, layers)
    directions = {layer.name: null_directions(layer, draws, run.cfg.curvature.top_k) for layer in layers}
    moments = DirectionalMoments(layers, {name: joined(parts) for name, parts in directions.items()})
    sweep_once(run, sampled.model, sampled.batch, layers, moments)
    return [_entry(run, layer, directions[layer.name], moments, draws, norms[layer.name]) for layer in layers]


def null_directions(layer: WeightLayer, draws: Draws, top_k: int) -> list[Directions]:
    """Take the leading directions of all null gradients of one layer.

    Args:
        layer: The layer.
        draws: The gradients.
        top_k: Of each.

    Returns:
        One set per draw, in the order of the kinds.

    Raises:
        InputError: If a null gradient is zero.
    """
    silent = [kind for kind, gradients in draws.items() if not gradients[layer.name].flatten(1).any(1).all()]
    if silent:
        raise InputError(
            f"layer {layer.name}: expected null gradients that are not zero, got zeros for {', '.join(silent)} (is the "
            "softmax zero and one?); choose others with curvature.layers, or another stage of training"
        )
    eps = torch.finfo(layer.weight.dtype).eps
    return [top_singular_directions(G, top_k, eps) for kind in draws for G in draws[kind][layer.name]]


def draw_gradients(run: Run, sampled: Sampled, layers: list[WeightLayer]) -> tuple[Draws, dict[str, dict]]:
    """Draw what the batch gradient would be under each null.

    Args:
        run: The run.
        sampled: Network and samples.
        layers: The layers.

    Returns:
        The gradients; and for each layer the mean squared norm of the noise and the squared norm of the pool's
        gradient.
    """
    cfg, facts = run.cfg.sampling.n_draws, sampled.facts()
    B, T = facts["n_samples"], facts["labels_per_sample"]
    pool = pool_gradients(run, sampled, layers)
    n_model = max(cfg.model_noise, cfg.signal_plus_noise)
    flips = SignFlips(layers, {"empirical": cfg.sign_flips, "ggn": n_model}, run.cfg.seed)
    factors = KroneckerFactors(layers)
    sweep_once(run, sampled.model, sampled.batch, layers, flips, factors)
    generator = torch.Generator().manual_seed(run.cfg.seed)
    signs, model_noise, gaussian, mixed = flips.result("empirical"), {}, {}, {}
    for layer in layers:
        name, found = layer.name, factors.factors(layer.name)
        noise = flips.result("ggn")[name] / T**0.5  # the loss of a sample is a mean over T labels drawn each by itself
        model_noise[name], mixed[name] = noise[: cfg.model_noise], pool[name] + noise[: cfg.signal_plus_noise]
        P = factors.n_positions[name]
        gaussian[name] = separable_gaussian(found["A"], found["empirical"], P, B, cfg.separable_gaussian, generator)
    draws = {
        "sign_flips": signs,
        "model_noise": model_noise,
        "separable_gaussian": gaussian,
        "signal_plus_noise": mixed,
        "signal": {name: G.unsqueeze(0) for name, G in pool.items()},
    }
    norms = {
        name: {
            "noise_mean_squared_norm": float(signs[name].square().sum((1, 2)).mean()),
            "pool_squared_norm": float(G.square().sum()),
        }
        for name, G in pool.items()
    }
    return draws, norms


def _entry(run: Run, layer: WeightLayer, directions: list, moments: DirectionalMoments, draws: Draws, norms) -> dict:
    found = split(moments.result()[layer.name], [len(part.singular_values) for part in directions])
    missing, entry, first = {}, dict(norms), 0
    for kind, gradients in draws.items():
        last = first + len(gradients[layer.name])
        lists = (
            [part.singular_values.tolist() for part in directions[first:last]],
            [part.ggn.tolist() for part in found[first:last]],
            [part.second_moment.tolist() for part in found[first:last]],
            [part.is_null.tolist() for part in directions[first:last]],
        )
        entry[kind] = or_missing(missing, kind, null_exponents, *lists, run.cfg.curvature.n_samples)
        first = last
    return entry | {"missing": missing}


if __name__ == "__main__":
    launch("noise_prediction", measure)
