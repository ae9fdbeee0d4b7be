"""Which memory layout a network may use on this machine: the first whose every operation was found right."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from layercurv.errors import InputError
from layercurv.kernels.isolation import LIMIT_S, failures
from layercurv.kernels.known_faults import known_fault
from layercurv.kernels.layout import LAYOUTS
from layercurv.kernels.operation import Operation
from layercurv.kernels.passes import Passes

# Gets a layout; returns operations and the name of a layer that uses each.
Collect = Callable[[str], dict[Operation, str]]


@dataclass
class Kernels:
    """The kernels of one run: what was checked, and the layout that follows from it."""

    device: torch.device
    layout: str | None = None  # a key of `LAYOUTS`; None before the first check
    n_operations: int = 0
    seconds: float = 0.0  # what finding out took
    replaced: list[str] = field(default_factory=list)  # what was wrong in the layout preferred
    trusted: set[str] = field(default_factory=set)  # uses that were checked; whoever asks names them

    def trust(self, collect: Collect, limit_s: float = LIMIT_S) -> str:
        """Check a network's operations; those known to be right on this machine cost nothing.

        The first call may choose the contiguous layout where the preferred one is wrong. Later ones do not: there are
        weights in the layout by then.

        Args:
            collect: Lists the operations in a layout.
            limit_s: Seconds one operation may take, plus what its size asks for.

        Returns:
            The layout, a key of `LAYOUTS`.

        Raises:
            InputError: If an operation is wrong in the last layout tried; the message names layer, operation, versions
                and the size of the error.
        """
        started = time.perf_counter()
        for layout in [self.layout] if self.layout else LAYOUTS:
            operations = collect(layout)
            wrong = self._wrong(operations, limit_s)
            if not wrong:
                break
            self.replaced += wrong
        else:
            raise InputError(self._message(layout, wrong))
        self.layout, self.n_operations = layout, self.n_operations + len(operations)
        self.seconds += time.perf_counter() - started
        print(f"kernels: {len(operations)} operations are right in {layout} layout ({self.seconds:.1f} s)")
        return layout

    def facts(self) -> dict:
        """Say for the record what was checked.

        Returns:
            `{"n_operations", "replaced"}`.
        """
        return {"n_operations": self.n_operations, "replaced": self.replaced}

    def _wrong(self, operations: dict[Operation, str], limit_s: float) -> list[str]:
        found = {operation: known_fault(operation, self.device) for operation in operations}
        found = {operation: fault for operation, fault in found.items() if fault} or self._tried(operations, limit_s)
        return [f"layer {operations[operation]}: {operation}: {text}" for operation, text in found.items()]

    def _tried(self, operations: dict[Operation, str], limit_s: float) -> dict[Operation, str]:
        passes = Passes(self.device)
        known = passes.read()
        new = [operation for operation in operations if operation.key not in known]
        if not new:
            return {}
        found = failures(new, self.device, limit_s)
        passes.add(operation for operation in new if operation not in found)
        return found

    def _message(self, layout: str, wrong: list[str]) -> str:
        facts = Passes(self.device).machine
        more = f"; {len(wrong) - 1} more operations fail" if len(wrong) > 1 else ""
        settings = " ".join(f"{name}={value}" for name, value in facts["environment"].items())
        return (
            f"{wrong[0]}{more}. This was found in {layout} layout before anything was trained or measured (torch "
            f"{facts['torch']}, oneDNN {facts['onednn']}, {facts['cpu_capability']}, {facts['n_threads']} threads, "
            f"{facts['cpu']}{' ' + settings if settings else ''}). Expected kernels that are right: try another torch, "
            "ONEDNN_MAX_CPU_ISA=SSE41 in the environment, or another machine"
        )
