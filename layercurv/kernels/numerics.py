"""What decides a result's digits beside the code: instruction sets, libraries, memory layout."""

import os
import re

import numpy as np
import torch

from layercurv.cpu import vector_extensions

# Variables that make a library choose other kernels.
VARIABLES = (
    "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE",
    "ATEN_CPU_CAPABILITY", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES", "TORCH_MKLDNN_MATMUL_MIN_DIM", "CUBLAS_WORKSPACE_CONFIG",
)  # fmt: skip


def numerics(memory_layout: str) -> dict:
    """Describe what chooses the kernels on this machine; processor name and threads stand in `hardware`.

    Args:
        memory_layout: The layout in use, a key of `LAYOUTS`.

    Returns:
        `{"cpu_capability", "vector_extensions", "onednn", "blas", "environment", "memory_layout", "missing"}`: the
        instruction set torch's own kernels use, those of the processor, versions of oneDNN and of torch's and NumPy's
        BLAS, and the set variables among `VARIABLES`; `missing` holds the reason of each value that is None.
    """
    found = {
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "vector_extensions": vector_extensions(),
        "onednn": _onednn(),
        "blas": {"torch": _torch_blas(), "numpy": _numpy_blas()},
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "memory_layout": memory_layout,
    }
    reasons = {
        "vector_extensions": "the system has no /proc/cpuinfo that names them",
        "onednn": "torch is built without oneDNN, or does not tell its version",
    }
    return found | {"missing": {key: reason for key, reason in reasons.items() if found[key] is None}}


def _onednn() -> str | None:
    match = re.search(r"(?:MKL-DNN|oneDNN) v([\d.]+)", torch.__config__.show())
    return match and match[1]


def _torch_blas() -> str:
    built = torch.__config__.show()
    name = re.search(r"BLAS_INFO=(\w+)", built)
    version = re.search(r"(?:Math Kernel Library Version|OpenBLAS) ([\w.]+)", built)
    return f"{name[1] if name else 'unknown'} {version[1] if version else 'of unknown version'}"


def _numpy_blas() -> str:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"
