"""Eigenvalues of symmetric tridiagonal matrices, by LAPACK."""

import functools
import importlib.util
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from pathlib import Path

import numpy as np

from layercurv.errors import InputError


def tridiagonal_eigenvalues(diagonal: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """Compute all eigenvalues of a symmetric tridiagonal matrix.

    The driver without vectors, `sterf`, calls no BLAS, so that no kernel decides a digit.

    Args:
        diagonal: Shape [n].
        beside: The entries beside it, shape [n - 1].

    Returns:
        Shape [n], ascending.

    Raises:
        InputError: If an entry is not finite.

    Example:
        >>> tridiagonal_eigenvalues(np.array([0.0, 0.0]), np.array([2.0])).tolist()
        [-2.0, 2.0]
    """
    if diagonal.size == 1:
        return diagonal.copy()  # the wrapper wants something beside it
    eigenvalues, info = _sterf()(diagonal, beside)
    if info != 0 or not np.isfinite(eigenvalues).all():
        raise InputError("tridiagonal matrix: expected finite entries, got NaN or infinity")
    return eigenvalues


@functools.cache
def _sterf() -> Callable:
    # Importing scipy.linalg takes fifty times as long as loading the one extension module that is needed of it.
    scipy = importlib.util.find_spec("scipy")
    finder = FileFinder(str(Path(scipy.origin).parent / "linalg"), (ExtensionFileLoader, EXTENSION_SUFFIXES))
    try:
        spec = finder.find_spec("_flapack")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.dsterf
    except (ImportError, AttributeError):  # another layout of scipy, or libraries that only its import finds
        from scipy.linalg.lapack import dsterf

        return dsterf
