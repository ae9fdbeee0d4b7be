"""A record's part on one weight layer: raw lists first, fits beside them."""

from collections.abc import Callable

from torch import nn

from experiments._curvature import MeasuredLayers, chosen_layers
from experiments._runner import Run
from layercurv.curvature import (
    CrossEntropy,
    Directions,
    LayerCurvature,
    WeightLayer,
    directional_curvature,
    gradient_directions,
)
from layercurv.errors import InputError
from layercurv.fits import (
    alignment_terms,
    alpha_without_first,
    bootstrap_alpha,
    decomposition_slopes,
    fit_spectral_exponents,
    robust_alpha,
    usable_directions,
)


def measure_spectra(run: Run, model: nn.Module, batches: list) -> list[dict]:
    """Measure curvature along the leading gradient directions of every layer.

    Args:
        run: The run.
        model: The network, in eval mode.
        batches: Micro-batches.

    Returns:
        One spectrum entry per layer.
    """
    layers, loss = chosen_layers(run, model), CrossEntropy()
    directions = gradient_directions(model, loss, batches, layers, run.cfg.curvature.top_k)
    found = directional_curvature(model, loss, batches, directions, slopes=True)
    return [
        spectrum_entry(depth, layer, directions[layer.name], found[layer.name])
        for depth, layer in enumerate(layers, start=1)
    ]


def identity(depth: int, layer: WeightLayer) -> dict:
    """Say which layer an entry is about.

    Args:
        depth: Position in the network, from 1.
        layer: The layer.

    Returns:
        `name`, `depth`, `kind` and `shape`.
    """
    return {"name": layer.name, "depth": depth, "kind": layer.kind, "shape": list(layer.shape)}


def spectrum_entry(depth: int, layer: WeightLayer, directions: Directions, found: LayerCurvature) -> dict:
    """Put one layer's spectrum, curvatures and fits together.

    Args:
        depth: Position in the network, from 1.
        layer: The layer.
        directions: Its directions.
        found: Its curvatures.

    Returns:
        The layer's part of a record, as `$defs/spectrum` in `schemas/v1/common.json` says.
    """
    sigma, h, is_null = (
        directions.singular_values.tolist(),
        found.curvatures.tolist(),
        directions.is_null.tolist(),
    )
    missing: dict[str, str] = {}
    errors, ggn = found.standard_errors, found.ggn
    if errors is None:
        missing["curvature_standard_errors"] = f"the {found.engine} engine gives no curvatures per sample here"
    if ggn is None:
        missing["ggn_curvatures"] = f"the {found.engine} engine does not measure them"
    return identity(depth, layer) | {
        "singular_values": sigma,
        "is_null": is_null,
        "curvatures": h,
        "curvature_standard_errors": None if errors is None else errors.tolist(),
        "ggn_curvatures": None if ggn is None else ggn.tolist(),
        "engine": found.engine,
        "fits": or_missing(missing, "fits", fit_spectral_exponents, sigma, h, is_null),
        "alpha_without_first": or_missing(missing, "alpha_without_first", alpha_without_first, sigma, h, is_null),
        "alpha_robust": or_missing(missing, "alpha_robust", robust_alpha, sigma, h, is_null),
        "alpha_bootstrap": _bootstrap(missing, found, usable_directions(sigma, h, is_null)),
        "missing": missing,
    }


def layer_entry(depth: int, layer: WeightLayer, measured: MeasuredLayers) -> dict:
    """Add Kronecker factors, the five slopes and the check of the engine to a layer's spectrum.

    Args:
        depth: Position in the network, from 1.
        layer: The layer.
        measured: Everything measured.

    Returns:
        The layer's part of a record, as `$defs/layer` in `schemas/v1/common.json` says.
    """
    directions = measured.directions[layer.name]
    entry = spectrum_entry(depth, layer, directions, measured.curvatures[layer.name])
    sigma, h, missing = entry["singular_values"], entry["curvatures"], entry["missing"]
    spectra = measured.factors.spectra(layer.name, directions)
    factors = {kind: {key: value.tolist() for key, value in parts.items()} for kind, parts in spectra.items()}
    n_positions = measured.factors.n_positions[layer.name]
    keep = usable_directions(sigma, h, entry["is_null"])
    slopes = {}
    for kind in ("empirical", "ggn"):
        terms = alignment_terms(h, factors[kind], factors["A"], n_positions)
        slopes[kind] = or_missing(missing, f"alpha_slopes.{kind}", decomposition_slopes, sigma, terms, keep)
    return entry | {
        "n_positions": n_positions,
        "kronecker": factors,
        "alpha_slopes": slopes,
        "engine_check": measured.engine_check[layer.name],
    }


def or_missing(missing: dict[str, str], key: str, fit: Callable, *arguments):
    """Fit, or note why it cannot be done: one layer without a fit must not cost the others theirs.

    Args:
        missing: Gets the reason under `key`.
        key: Where in the layer's entry the value stands.
        fit: The fit.
        *arguments: What it is fitted to.

    Returns:
        The fit, or None.
    """
    try:
        return fit(*arguments)
    except InputError as error:
        missing[key] = str(error)
        return None


def _bootstrap(missing: dict[str, str], found: LayerCurvature, keep) -> dict | None:
    if found.per_sample is None or found.slopes is None:
        missing["alpha_bootstrap"] = f"the {found.engine} engine gives no derivatives per sample here"
        return None
    samples = found.slopes.numpy(), found.per_sample.numpy()
    return or_missing(missing, "alpha_bootstrap", bootstrap_alpha, *samples, keep)
