"""No kernel decides a digit: figures are drawn as by a machine of 2006, without AVX or FMA, and as by this one."""

import ast
import json
import os
import subprocess

import pytest

from layercurv.figures.registry import FIGURES
from tests.same_bytes import OLDEST

# Those whose files, or places below the digits of a file, kernels did move.
MOVED = (
    "alpha_triangle_transfer",
    "kronecker_spectrum_quality",
    "participation_ratio_width",
    "rank_profile_laws",
    "rank_profile_shares",
)
NAMES = [pytest.param(name, marks=[] if name in MOVED else pytest.mark.slow) for name in FIGURES]


@pytest.fixture(scope="module")
def drawn(request, root, python, tmp_path_factory):
    """Folder, and name to digits, of two drawings made side by side."""
    here = [item for item in request.session.items if item.path == request.path and "drawn" in item.fixturenames]
    names = {item.callspec.params["name"] for item in here}
    found = []
    for told in ({}, OLDEST):
        folder = tmp_path_factory.mktemp("figures")
        command = [python, "-m", "tests.figures.drawing", str(folder), *sorted(names)]
        process = subprocess.Popen(command, cwd=root, env=os.environ | told, stdout=subprocess.PIPE, text=True)
        found.append((folder, process))
    return [(folder, json.loads(process.communicate()[0])) for folder, process in found]


# Functions of numpy whose last digits a kernel decides; `claimgate.statistics.reproducible` has others.
KERNELS = {"corrcoef", "cov", "dot", "einsum", "exp", "geomspace", "inner", "interp", "linalg", "log", "log10", "log2"}
KERNELS |= {"logspace", "matmul", "polyfit", "polyval", "power", "tensordot", "vdot"}
# Modules of fits whose results no figure computes; they call BLAS or numpy's logarithm.
NOT_DRAWN = {"bootstrap", "deterministic_equivalent", "power_law_tail", "robust", "separable_variance"}
NOT_DRAWN |= {"synthetic_spectra", "transfer_null"}


def _modules(root) -> list:
    fits = [path for path in (root / "layercurv" / "fits").glob("*.py") if path.stem not in NOT_DRAWN]
    return [*fits, *(root / "layercurv" / "figures").glob("*.py")]


def test_what_is_drawn_is_not_computed_by_kernels(root):
    for path in _modules(root):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Attribute(value=ast.Name(id="np"), attr=name):
                    assert name not in KERNELS, f"{path.name}:{node.lineno}"
                case ast.BinOp(op=ast.MatMult()):
                    pytest.fail(f"{path.name}:{node.lineno}: a matrix product")


def test_kernels_that_are_told_apart_do_differ(root, python):
    """Else the tests below would compare a drawing with itself."""
    code = "import numpy as np; x = np.linspace(1, 9, 999); print((x @ np.log(x)).hex())"
    told = ({}, OLDEST)
    found = {subprocess.check_output([python, "-c", code], cwd=root, env=os.environ | words) for words in told}
    assert len(found) == 2


@pytest.mark.parametrize("name", NAMES)
def test_files_are_equal_to_the_byte(name, drawn):
    (one, _), (other, _) = drawn
    for ending in ("pdf", "png"):
        assert (one / f"{name}.{ending}").read_bytes() == (other / f"{name}.{ending}").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_places_are_equal_to_the_last_bit(name, drawn):
    (_, one), (_, other) = drawn
    assert one[name] == other[name]
