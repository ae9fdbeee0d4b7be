"""A record's part on one weight layer: raw lists first, fits beside them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from layercurv.curvature import Directions, LayerCurvature, WeightLayer
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

Entry = dict[str, Any]  # a record's part


def identity(depth: int, layer: WeightLayer) -> Entry:
    """Say which layer an entry is about.

    Args:
        depth: Position in the network, from 1.
        layer: The layer.

    Returns:
        `name`, `depth`, `kind` and `shape`.
    """
    return {"name": layer.name, "depth": depth, "kind": layer.kind, "shape": list(layer.shape)}


def spectrum_entry(depth: int, layer: WeightLayer, directions: Directions, found: LayerCurvature) -> Entry:
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


def decomposition_entry(entry: Entry, kronecker: Entry | str) -> Entry:
    """Split a layer's alpha into the slopes of its five factors.

    Args:
        entry: What `spectrum_entry` returned; reasons are added under `missing`.
        kronecker: `n_positions` and spectra of the Kronecker `factors` A, empirical and ggn; or why there are none.

    Returns:
        `n_positions`, `kronecker` and `alpha_slopes`, as `$defs/layer` in `schemas/v1/common.json` says.
    """
    missing = entry["missing"]
    if isinstance(kronecker, str):
        missing["alpha_slopes"] = kronecker
        return {"n_positions": None, "kronecker": None, "alpha_slopes": None}
    factors, n_positions = kronecker["factors"], kronecker["n_positions"]
    sigma, h = entry["singular_values"], entry["curvatures"]
    keep = usable_directions(sigma, h, entry["is_null"])
    slopes = {}
    for kind in ("empirical", "ggn"):
        terms = alignment_terms(h, factors[kind], factors["A"], n_positions)
        slopes[kind] = or_missing(missing, f"alpha_slopes.{kind}", decomposition_slopes, sigma, terms, keep)
    return {"n_positions": n_positions, "kronecker": factors, "alpha_slopes": slopes}


def or_missing(missing: dict[str, str], key: str, fit: Callable[..., Any], *arguments: Any) -> Any:
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


def _bootstrap(missing: dict[str, str], found: LayerCurvature, keep: npt.NDArray[np.bool_]) -> Any:
    if found.per_sample is None or found.slopes is None:
        missing["alpha_bootstrap"] = f"the {found.engine} engine gives no derivatives per sample here"
        return None
    samples = found.slopes.numpy(), found.per_sample.numpy()
    return or_missing(missing, "alpha_bootstrap", bootstrap_alpha, *samples, keep)
