"""alpha_map: alpha, gamma, s and the five slopes of every weight layer of a trained network."""

from collections.abc import Callable

from experiments._curvature import MeasuredLayers, draw_batches, measure_layers
from experiments._runner import Run, launch
from experiments._training import load_data, trained_model
from layercurv.curvature import WeightLayer
from layercurv.errors import InputError
from layercurv.fits import (
    alignment_terms,
    bootstrap_alpha,
    decomposition_slopes,
    fit_spectral_exponents,
    usable_directions,
)


def measure(run: Run) -> dict:
    """Train, take the leading singular directions of each layer's gradient, and measure curvature along them.

    Args:
        run: The run.

    Returns:
        The record's measurements and what it adds to the provenance.
    """
    data = load_data(run)
    batches = draw_batches(run, data)
    trained = trained_model(run, data)
    measured = measure_layers(run, trained.model, batches)
    return {
        "n_samples": sum(len(labels) for _, labels in batches),
        "mean_loss": measured.mean_loss,
        "training": trained.summary,
        "layers": [layer_entry(depth, layer, measured) for depth, layer in enumerate(measured.layers, start=1)],
        "provenance": {
            "data": data.provenance,
            "training_commits": trained.commits,
            "wall_s": {"training": trained.wall_s, "measurement": measured.wall_s},
        },
    }


def layer_entry(depth: int, layer: WeightLayer, measured: MeasuredLayers) -> dict:
    """Put one layer's raw lists and fits together.

    Args:
        depth: Position in the network, from 1.
        layer: The layer.
        measured: Everything measured.

    Returns:
        The layer's part of the record.
    """
    directions, found = measured.directions[layer.name], measured.curvatures[layer.name]
    sigma, h, is_null = (
        directions.singular_values.tolist(),
        found.curvatures.tolist(),
        directions.is_null.tolist(),
    )
    spectra = measured.factors.spectra(layer.name, directions)
    factors = {kind: {key: value.tolist() for key, value in parts.items()} for kind, parts in spectra.items()}
    n_positions = measured.factors.n_positions[layer.name]
    keep = usable_directions(sigma, h, is_null)
    terms = {kind: alignment_terms(h, factors[kind], factors["A"], n_positions) for kind in ("empirical", "ggn")}
    missing: dict[str, str] = {}
    slopes = {
        kind: or_missing(missing, f"alpha_slopes.{kind}", decomposition_slopes, sigma, terms[kind], keep)
        for kind in terms
    }
    errors, ggn = found.standard_errors, found.ggn
    if errors is None:
        missing["curvature_standard_errors"] = f"the {found.engine} engine gives no curvatures per sample here"
    if ggn is None:
        missing["ggn_curvatures"] = f"the {found.engine} engine does not measure them"
    if found.per_sample is None or found.slopes is None:
        missing["alpha_bootstrap"] = f"the {found.engine} engine gives no derivatives per sample here"
        bootstrap = None
    else:
        samples = found.slopes.numpy(), found.per_sample.numpy()
        bootstrap = or_missing(missing, "alpha_bootstrap", bootstrap_alpha, *samples, keep)
    return {
        "name": layer.name,
        "depth": depth,
        "kind": layer.kind,
        "shape": list(layer.shape),
        "n_positions": n_positions,
        "singular_values": sigma,
        "is_null": is_null,
        "curvatures": h,
        "curvature_standard_errors": None if errors is None else errors.tolist(),
        "ggn_curvatures": None if ggn is None else ggn.tolist(),
        "engine": found.engine,
        "kronecker": factors,
        "fits": or_missing(missing, "fits", fit_spectral_exponents, sigma, h, is_null),
        "alpha_bootstrap": bootstrap,
        "alpha_slopes": slopes,
        "missing": missing,
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


if __name__ == "__main__":
    launch("alpha_map", measure)
