"""sampling_noise: is alpha = 2 the second Bartlett identity seen through sampling noise, and the rest selection?

Curvature and second moments of per-sample gradients along the batch gradient's directions, on the samples that gave
them and on others, with the true labels and with labels drawn from the network. `noise_prediction` says beforehand what
is to come out.
"""

import time

import torch

from experiments._curvature import chosen_layers, engine_check
from experiments._runner import Run, launch
from experiments._sampling import (
    Batches,
    Sampled,
    in_groups,
    joined,
    pool_gradients,
    prepare_samples,
    split,
    sweep_once,
)
from layercurv.curvature import (
    CrossEntropy,
    DirectionalMoments,
    Directions,
    Moments,
    WeightLayer,
    directional_curvature,
    gradient_directions,
    with_model_labels,
)
from layercurv.fits import selection_terms, unselected_exponent
from layercurv.measure.check import check_engines, evenly_spread, subset
from layercurv.measure.entry import identity, or_missing

LOSS = CrossEntropy()
LABELS = ("true", "model")


def measure(run: Run) -> dict:
    """Measure every layer with both kinds of labels, on the batch and on fresh samples.

    Args:
        run: The run.

    Returns:
        The record's measurements and what it adds to the provenance.
    """
    sampled, started = prepare_samples(run), time.perf_counter()
    layers = chosen_layers(run, sampled.model)
    entries = in_groups(run, "sampled", layers, lambda some: measure_group(run, sampled, some))
    named = [
        identity(depth, layer) | entry for depth, (layer, entry) in enumerate(zip(layers, entries, strict=True), 1)
    ]
    return sampled.facts() | {"layers": named, "provenance": sampled.provenance(time.perf_counter() - started)}


def measure_group(run: Run, sampled: Sampled, layers: list[WeightLayer]) -> list[dict]:
    """Measure some layers.

    Args:
        run: The run.
        sampled: Network and samples.
        layers: The layers.

    Returns:
        One entry per layer.
    """
    model, top_k = sampled.model, run.cfg.curvature.top_k
    batches = {"true": sampled.batch, "model": with_model_labels(model, LOSS, sampled.batch, run.cfg.seed)}
    fresh = {"true": sampled.fresh, "model": with_model_labels(model, LOSS, sampled.fresh, run.cfg.seed + 1)}
    directions = {kind: gradient_directions(model, LOSS, batches[kind], layers, top_k) for kind in LABELS}
    pool = pool_gradients(run, sampled, layers)
    on_batch = moments_of(run, sampled, layers, directions, batches)
    on_fresh = moments_of(run, sampled, layers, directions, fresh)
    exact = exact_curvatures(run, sampled, directions["true"], on_batch)
    entries = []
    for layer in layers:
        entry = {"missing": {}, "pool_means": _along(pool[layer.name], directions["true"][layer.name])}
        entry |= exact[layer.name]
        for kind in LABELS:
            part = directions[kind][layer.name], on_batch[kind][layer.name], on_fresh[kind][layer.name]
            entry[kind] = _lists(*part)
        entries.append(entry | {"fits": _fits(run, entry)})
    return entries


def moments_of(
    run: Run, sampled: Sampled, layers: list[WeightLayer], directions: dict, batches: dict[str, Batches]
) -> dict[str, dict[str, Moments]]:
    """Measure moments along both kinds of directions; the GGN value, which no label enters, once for both.

    Args:
        run: The run.
        sampled: Network and samples.
        layers: The layers.
        directions: Kind of labels to layer name to directions.
        batches: Kind of labels to micro-batches.

    Returns:
        Kind of labels to layer name to moments with those labels.
    """
    both = {layer.name: joined([directions[kind][layer.name] for kind in LABELS]) for layer in layers}
    sizes = {layer.name: [len(directions[kind][layer.name].singular_values) for kind in LABELS] for layer in layers}
    found: dict[str, dict[str, Moments]] = {kind: {} for kind in LABELS}
    with_ggn = DirectionalMoments(layers, both)
    sweep_once(run, sampled.model, batches["true"], layers, with_ggn)
    drawn = DirectionalMoments(layers, directions["model"], ggn=False)
    sweep_once(run, sampled.model, batches["model"], layers, drawn)
    for layer in layers:
        name = layer.name
        found["true"][name], along_model = split(with_ggn.result()[name], sizes[name])
        m = drawn.result()[name]
        found["model"][name] = Moments(m.mean, m.second_moment, along_model.ggn, m.n_samples)
    return found


def exact_curvatures(run: Run, sampled: Sampled, directions: dict[str, Directions], on_batch: dict) -> dict[str, dict]:
    """Give exact h_k along the batch gradient's directions: the GGN value where it is exact, else by another engine.

    Args:
        run: The run; `sampling.exact_samples` is null for all of the batch, or so few samples that only a check of the
            GGN value remains.
        sampled: Network and samples.
        directions: Layer name to directions.
        on_batch: What `moments_of` found.

    Returns:
        Layer name to `engine`, `engine_check`, `curvatures` and `hessian_check`; of the last two one is None.
    """
    cfg = run.cfg
    given = sampled.model, LOSS, sampled.batch[0], directions
    checks, engines = check_engines(*given, cfg.curvature.engine, engine_check(run))
    few = cfg.sampling.exact_samples
    others = {name: directions[name] for name, engine in engines.items() if engine != "ggn"}
    found = {}
    if others and few is None:
        found = directional_curvature(sampled.model, LOSS, sampled.batch, others, cfg.curvature.engine)
    compared = _compare_with_ggn(run, sampled, others, few) if others and few is not None else {}
    result = {}
    for name, engine in engines.items():
        if engine == "ggn":
            h = on_batch["true"][name].ggn.tolist()
        else:
            h = found[name].curvatures.tolist() if name in found else None
        result[name] = {
            "engine": engine,
            "engine_check": checks[name],
            "curvatures": h,
            "hessian_check": compared.get(name),
        }
    return result


def _compare_with_ggn(run: Run, sampled: Sampled, directions: dict[str, Directions], n_samples: int) -> dict[str, dict]:
    samples = [tuple(part[:n_samples] for part in sampled.batch[0])]
    index = {name: evenly_spread(found, run.cfg.curvature.check_directions) for name, found in directions.items()}
    some = {name: subset(directions[name], index[name]) for name in directions}
    found = directional_curvature(sampled.model, LOSS, samples, some, run.cfg.curvature.engine)
    return {
        name: {
            "k": [i + 1 for i in index[name]],
            "n_samples": n_samples,
            "curvatures": h.curvatures.tolist(),
            "ggn_curvatures": h.ggn.tolist(),
        }
        for name, h in found.items()
    }


def _lists(directions: Directions, on_batch: Moments, on_fresh: Moments) -> dict:
    return {
        "singular_values": directions.singular_values.tolist(),
        "is_null": directions.is_null.tolist(),
        "second_moments": on_batch.second_moment.tolist(),
        "ggn_curvatures": on_batch.ggn.tolist(),
        "fresh_means": on_fresh.mean.tolist(),
        "fresh_second_moments": on_fresh.second_moment.tolist(),
        "fresh_ggn_curvatures": on_fresh.ggn.tolist(),
    }


def _fits(run: Run, entry: dict) -> dict:
    fits = {}
    for kind in LABELS:
        found, key = entry[kind], f"fits.{kind}"
        h = found["ggn_curvatures"] if kind == "model" or entry["curvatures"] is None else entry["curvatures"]
        lists, null = (found["singular_values"], h, found["second_moments"]), found["is_null"]
        fresh = found["fresh_ggn_curvatures"], found["fresh_second_moments"]
        fits[kind] = {
            "terms": or_missing(entry["missing"], key, selection_terms, *lists, null, run.cfg.curvature.n_samples),
            "unselected": or_missing(entry["missing"], key, unselected_exponent, *fresh, null),
        }
    return fits


def _along(gradient: torch.Tensor, directions: Directions) -> list[float]:
    return ((gradient @ directions.right) * directions.left).sum(0).tolist()


if __name__ == "__main__":
    launch("sampling_noise", measure)
