"""What a reader needs in order to run a record again: code, versions, hardware, and what chose its kernels."""

import hashlib
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import layercurv
from claimgate.history import git
from layercurv.cpu import cpu_name

PACKAGES = ("torch", "torchvision", "transformers", "datasets", "numpy", "scipy", "hydra-core")


def git_state(root: Path) -> dict:
    """Describe the checkout the code runs from.

    Args:
        root: A folder inside the checkout.

    Returns:
        `{"commit", "dirty", "reason"}`: commit is the full hash and dirty whether tracked files differ from it;
        outside a git checkout both are None and `reason` says so.
    """
    try:
        commit = git(root, "rev-parse", "HEAD")
        changed = git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError) as error:
        return {"commit": None, "dirty": None, "reason": f"not a git checkout ({type(error).__name__})"}
    return {"commit": commit, "dirty": bool(changed), "reason": None}


def package_versions() -> dict[str, str | None]:
    """Look up the installed version of every package that can change a number.

    Returns:
        Package name to version, None where it is not installed; `python` and this package beside them.
    """
    versions: dict[str, str | None] = {"python": platform.python_version(), "layercurv": layercurv.__version__}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def hardware() -> dict:
    """Describe the processor and memory of this machine.

    Returns:
        `{"cpu", "machine", "system", "n_cores", "memory_bytes"}`.
    """
    return {
        "cpu": cpu_name(),
        "machine": platform.machine(),
        "system": platform.system(),
        "n_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def shown_numerics(provenance: dict) -> str:
    """Say in a few words what decided a record's digits.

    Args:
        provenance: The record's.

    Returns:
        Such as "AVX512, oneDNN 3.12.0, contiguous"; "unknown" for records from before it was noted.
    """
    found = provenance.get("numerics")
    if found is None:
        return "unknown"
    return f"{found['cpu_capability']}, oneDNN {found['onednn'] or 'unknown'}, {found['memory_layout']}"


def fingerprint(config: dict) -> str:
    """Hash a resolved configuration.

    Args:
        config: Plain nested dictionary.

    Returns:
        SHA-256 of its canonical JSON (sorted keys, no spaces).
    """
    canonical = json.dumps(config, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
