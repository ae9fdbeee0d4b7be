"""What a claim may recompute of how well Kronecker factors do, and of whether that goes with alpha.

Those whose name starts with `alpha_gap_` take `{"layers": [...]}`, layers of one record put together by a selector, and
correlate |alpha - 2| with a miss over these layers: `slack` of `conv_gap` layers; `mismatch`, `shape` and
`decorrelation` (1 - r of the logarithms) of `kronecker_spectrum` layers. `foreign_*` take the same, the others one
layer of `kronecker_spectrum`. All read raw lists and no stored fit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from claimgate.shared_fit import SharedFit, reads
from layercurv.claims.layer_fits import KINDS, alpha_of
from layercurv.fits import (
    concentration_slack,
    correlation_p_value,
    log_correlation,
    log_mismatch,
    pearson,
    shape_mismatch,
    without_trend,
)

ALPHA = 2.0  # what the source paper holds to be universal


def _spectra(layer: dict) -> tuple[list, list]:
    # measured singular values, as many as are predicted, and their predicted logarithms
    mean_log = layer["kinds"]["empirical"]["noise"]["mean_log"]
    return layer["gradient_singular_values"][: len(mean_log)], mean_log


def _misses(spectra: list[tuple[list, list]]) -> list[dict[str, float]]:
    found: list[dict] = [{} for _ in spectra]
    for places in _by_size(spectra):
        for name, measure in MEASURES.items():
            for place, miss in zip(places, measure(*_stacked(spectra, places)).tolist(), strict=True):
                found[place][name] = miss
    return found


def _by_size(spectra: list[tuple[list, list]]) -> Iterable[list[int]]:
    # places of those of one size
    groups = defaultdict(list)
    for place, (measured, predicted) in enumerate(spectra):
        groups[len(measured), len(predicted)].append(place)
    return groups.values()


def _stacked(spectra: list[tuple[list, list]], places: list[int]) -> tuple[np.ndarray, np.ndarray]:
    measured, predicted = zip(*(spectra[place] for place in places), strict=True)
    return np.array(measured, dtype=np.float64), np.array(predicted, dtype=np.float64)


def _slacks(pairs: list[tuple[list, list]]) -> list[float]:
    return [concentration_slack(*pair) for pair in pairs]


def _concentration(kind: str, layer: dict) -> tuple[list, list]:
    return layer["gap"][kind]["concentration"], layer["is_null"]


MEASURES = {"mismatch": log_mismatch, "shape": shape_mismatch, "correlation": log_correlation}
misses_of = SharedFit(_misses, _spectra)
slack_of = {kind: SharedFit(_slacks, partial(_concentration, kind)) for kind in KINDS}


def _miss(name: str, layer: dict) -> float:
    return misses_of(layer)[name]


def _first_ratio(layer: dict) -> float:
    sigma, mean_log = _spectra(layer)
    return sigma[0] / float(np.exp(mean_log[0]))


def _foreign(measure: Callable, selected: dict) -> float:
    # median over pairs of layers with equally many singular values: one's spectrum, the other's prediction
    found, spectra = [], [_spectra(layer) for layer in selected["layers"]]
    for places in _by_size(spectra):
        measured, predicted = _stacked(spectra, places)
        i, j = np.nonzero(~np.eye(len(places), dtype=bool))
        found += measure(measured[i], predicted[j]).tolist() if i.size else []
    return float(np.median(found))


def _alpha_gap(fit: SharedFit, miss: Callable, correlate: Callable, is_detrended: bool, selected: dict) -> float:
    layers = selected["layers"]
    lists = [abs(alpha_of(layer)["slope"] - ALPHA) for layer in layers], [miss(fit(layer)) for layer in layers]
    if is_detrended:
        lists = [without_trend(values, range(len(layers))) for values in lists]
    return correlate(*lists)


# What is held against |alpha - 2|: the fit it is read off, and how.
MISSES: dict[str, tuple[SharedFit, Callable]] = {
    **{f"slack_{kind}": (slack_of[kind], lambda slack: slack) for kind in KINDS},
    "mismatch": (misses_of, lambda found: found["mismatch"]),
    "shape": (misses_of, lambda found: found["shape"]),
    "decorrelation": (misses_of, lambda found: 1 - found["correlation"]),
}

ALPHA_GAPS = {
    f"alpha_gap_{name}{'_given_depth' if is_detrended else ''}_{field}": (fit, miss, correlate, is_detrended)
    for name, (fit, miss) in MISSES.items()
    for is_detrended in (False, True)
    for field, correlate in (("r", pearson), ("p", correlation_p_value))
}

KRONECKER_QUANTITIES: dict[str, Callable[[dict], float]] = {
    "noise_mismatch": partial(_miss, "mismatch"),
    "noise_shape_mismatch": partial(_miss, "shape"),
    "noise_correlation": partial(_miss, "correlation"),
    "noise_first_ratio": _first_ratio,
    "foreign_noise_mismatch": partial(_foreign, log_mismatch),
    "foreign_noise_shape_mismatch": partial(_foreign, shape_mismatch),
    "foreign_noise_correlation": partial(_foreign, log_correlation),
    **{name: partial(_alpha_gap, *how) for name, how in ALPHA_GAPS.items()},
}

KRONECKER_FITS = dict.fromkeys(("noise_mismatch", "noise_shape_mismatch", "noise_correlation"), reads(misses_of)) | {
    name: reads(alpha_of, fit, items_of=lambda selected: selected["layers"]) for name, (fit, *_) in ALPHA_GAPS.items()
}
