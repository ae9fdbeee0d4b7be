"""Whether a saved map is what was saved: its digest, and every value that others in it decide."""

import hashlib
import json
import math
from collections.abc import Callable
from typing import Any

import torch

from layercurv.curvature.precision import HALF
from layercurv.errors import InputError
from layercurv.fits import (
    alignment_terms,
    alpha_without_first,
    decomposition_slopes,
    fit_spectral_exponents,
    robust_alpha,
    usable_directions,
)
from layercurv.measure.check import relative_difference

_TOLERANCE = 1e-9  # relative; logarithms of other machines differ in their last bits
_PER_DIRECTION = ("is_null", "curvatures", "curvature_standard_errors", "ggn_curvatures")


def digest(measurements: dict[str, Any], provenance: dict[str, Any]) -> str:
    """Digest a record's content, whatever the order of its keys and the form of its numbers.

    Args:
        measurements: The record's.
        provenance: The record's, without the digest.

    Returns:
        SHA-256, in hexadecimal.
    """
    text = json.dumps(_canonical([measurements, provenance]), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def require_consistent(record: dict[str, Any], where: str) -> None:
    """Raise if a record that meets its schema contradicts itself.

    Fits are made again from the lists beside them; lists must be of one length; the digest must be that of the content
    (records of the experiment have none: a manifest seals them). Standard errors, bootstrap intervals and the values of
    directions that enter no fit are held by the digest alone.

    Args:
        record: The record.
        where: File name for the message.

    Raises:
        InputError: Naming the first field that is not what the others say.
    """
    layers, provenance = record["measurements"]["layers"], dict(record["provenance"])
    names = [entry["name"] for entry in layers]
    eps = _eps(provenance.get("dtype"))
    for index, entry in enumerate(layers):
        at = _Field(where, f"layers[{index}]")
        at.require("name", entry["name"] not in names[:index], "no name twice", entry["name"])
        at.require("depth", entry["depth"] == index + 1, index + 1, entry["depth"])
        _require_lists(entry, at)
        _require_spectrum(entry, eps, at)
        _require_fits(entry, at)
        _require_reasons(entry, at)
        # Frozen records of the experiment are sealed by themselves; the oldest compare without a floor under noise.
        if "engine_check" in entry and record["experiment"] == "measure":
            _require_check(entry["engine_check"], len(entry["curvatures"]), at)
    if record["experiment"] == "measure" or "content_sha256" in provenance:
        stored = provenance.pop("content_sha256", None)
        found = digest(record["measurements"], provenance)
        _Field(where, "provenance").require("content_sha256", stored == found, f"{found}, of what is there", stored)


class _Field:
    """Where in a file something stands."""

    def __init__(self, where: str, path: str):
        self._where, self._path = where, path

    def require(self, field: str, is_right: bool, expected: object, got: object) -> None:
        if not is_right:
            raise InputError(
                f"{self._where}: {self._path}.{field}: expected {expected}, got {got}; the file was changed after it "
                "was saved: measure again, or take the original"
            )


def _require_lists(entry: dict[str, Any], at: _Field) -> None:
    K, largest = len(entry["singular_values"]), min(entry["shape"])
    at.require("shape", largest >= K, f"sides of at least {K}, the number of singular values", entry["shape"])
    lists = {name: entry[name] for name in _PER_DIRECTION}
    for factor, parts in (entry.get("kronecker") or {}).items():
        lists |= {f"kronecker.{factor}.{name}": values for name, values in parts.items()}
    for name, values in lists.items():
        if values is not None:
            at.require(name, len(values) == K, f"{K} values, one per singular value", len(values))


def _require_spectrum(entry: dict[str, Any], eps: float | None, at: _Field) -> None:
    sigma, is_null, ggn = entry["singular_values"], entry["is_null"], entry["ggn_curvatures"]
    at.require("singular_values", sigma == sorted(sigma, reverse=True), "descending values", sigma)
    at.require("is_null", is_null == sorted(is_null), "null directions at the end only", is_null)
    if eps is not None:
        null = [value <= sigma[0] * eps * max(entry["shape"]) for value in sigma]
        at.require("is_null", is_null == null, f"{null}, by the singular values", is_null)
    if entry["engine"] == "ggn":
        at.require("ggn_curvatures", ggn == entry["curvatures"], "the curvatures, for the ggn engine", ggn)
    if entry["engine"] == "double_backward":
        at.require("ggn_curvatures", ggn is None, "null, for the double_backward engine", ggn)
    if entry["alpha_bootstrap"]:
        low, high = entry["alpha_bootstrap"]["ci95_low"], entry["alpha_bootstrap"]["ci95_high"]
        at.require("alpha_bootstrap", low <= high, "ci95_low below ci95_high", f"{low} and {high}")


def _require_fits(entry: dict[str, Any], at: _Field) -> None:
    lists = entry["singular_values"], entry["curvatures"], entry["is_null"]
    fits: dict[str, Callable[..., Any]] = {
        "fits": fit_spectral_exponents,
        "alpha_without_first": alpha_without_first,
        "alpha_robust": robust_alpha,
    }
    for name, fit in fits.items():
        if name in entry:
            _require_same(name, entry[name], _made(fit, *lists), at)
    factors: dict[str, Any] = entry.get("kronecker") or {}
    n_positions: Any = entry.get("n_positions")
    for kind, stored in (entry.get("alpha_slopes") or {}).items():
        has_factors = {kind, "A"} <= factors.keys() and n_positions is not None
        at.require("kronecker", has_factors, f"factors {kind} and A, which alpha_slopes were made of", factors)
        terms = alignment_terms(entry["curvatures"], factors[kind], factors["A"], n_positions)
        slopes = _made(decomposition_slopes, entry["singular_values"], terms, usable_directions(*lists))
        _require_same(f"alpha_slopes.{kind}", stored, slopes, at)


def _require_same(name: str, stored: Any, made: Any, at: _Field) -> None:
    if isinstance(stored, dict) and isinstance(made, dict):
        at.require(name, stored.keys() == made.keys(), f"the fields {', '.join(made)}", ", ".join(stored))
        for key, value in stored.items():
            _require_same(f"{name}.{key}", value, made[key], at)
        return
    is_number = isinstance(stored, (int, float)) and isinstance(made, (int, float))
    is_right = math.isclose(stored, made, rel_tol=_TOLERANCE, abs_tol=1e-12) if is_number else stored == made
    at.require(name, is_right, f"{made}, by the lists beside it", stored)


def _require_reasons(entry: dict[str, Any], at: _Field) -> None:
    missing = entry["missing"]
    absent = {name for name, value in entry.items() if value is None} - {"n_positions", "kronecker"}
    absent |= {f"alpha_slopes.{kind}" for kind, value in (entry.get("alpha_slopes") or {}).items() if value is None}
    at.require("missing", missing.keys() == absent, f"reasons for {', '.join(sorted(absent)) or 'nothing'}", missing)


def _require_check(check: dict[str, Any], K: int, at: _Field) -> None:
    k, found, reference = check["k"], check["found"], check["double_backward"]
    at.require("engine_check.k", k == sorted(set(k)) and k[-1] <= K, f"ascending places up to {K}", k)
    at.require("engine_check", len(k) == len(found) == len(reference), "lists of one length", len(k))
    difference = relative_difference(*(torch.tensor(h, dtype=torch.float64) for h in (found, reference)))
    _require_same("engine_check.max_relative_difference", check["max_relative_difference"], difference, at)


def _made(fit: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return fit(*arguments)
    except InputError:
        return None


def _eps(dtype: str | None) -> float | None:
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else None
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        return None
    return torch.finfo(torch.float32 if found in HALF else found).eps


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_canonical(part) for part in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
