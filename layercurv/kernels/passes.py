"""What has been found right on this machine with these versions, remembered between runs."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import torch

from layercurv.cpu import cpu_name
from layercurv.files import sha256_file, write_text_atomically
from layercurv.kernels.numerics import numerics
from layercurv.kernels.operation import Operation


def machine(device: torch.device) -> dict:
    """Name everything but the operation that decides which kernel runs, and how it is checked.

    Args:
        device: Where operations run.

    Returns:
        Processor, instruction sets, versions, variables, threads, and a checksum of the check's own code.
    """
    found = numerics("contiguous") | {
        "cpu": cpu_name(),
        "n_threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    for key in ("memory_layout", "missing"):
        del found[key]
    if device.type == "cuda":
        found["gpu"] = [torch.cuda.get_device_name(device), torch.version.cuda, torch.backends.cudnn.version()]
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return found | {"check": hashlib.sha256("".join(map(sha256_file, sources)).encode()).hexdigest()}


class Passes:
    """Operations that passed, in one file per machine and versions: `$XDG_CACHE_HOME/layercurv/kernels-<hash>.json`.

    A failure is never kept. A file that cannot be read, or is not what was written, counts as empty.
    """

    def __init__(self, device: torch.device):
        """Name the file.

        Args:
            device: Where operations run.
        """
        self.machine = machine(device)
        digest = hashlib.sha256(json.dumps(self.machine, sort_keys=True).encode()).hexdigest()
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        self.path = Path(cache) / "layercurv" / f"kernels-{digest[:16]}.json"

    def read(self) -> set[str]:
        """Read the file.

        Returns:
            Keys of operations that passed.
        """
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            passed = held["passed"] if held["machine"] == self.machine else []
        except (OSError, ValueError, TypeError, KeyError):
            return set()
        return set(map(str, passed)) if isinstance(passed, list) else set()

    def add(self, operations: Iterable[Operation]) -> None:
        """Remember operations; those of other runs are kept. Without a place to write to nothing is remembered.

        Args:
            operations: They passed.
        """
        passed = self.read() | {operation.key for operation in operations}
        text = json.dumps({"machine": self.machine, "passed": sorted(passed)}, indent=1)
        try:
            write_text_atomically(self.path, text)
        except OSError as error:
            print(f"kernel check: {self.path} cannot be written ({error}); the next run checks again")
