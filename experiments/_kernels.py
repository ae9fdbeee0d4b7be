"""Kernels are checked before anything is trained or measured, on the batches that will go through them."""

from collections.abc import Iterator

import torch
from omegaconf import OmegaConf
from torch import nn

from experiments._build import build, training_batches
from experiments._runner import Run
from layercurv.data import ImageData, TextWindows
from layercurv.kernels import LAYOUTS, Operation, collect
from layercurv.results.provenance import fingerprint
from layercurv.training.loop import PRECISIONS

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def trusted_layout(run: Run, data: ImageData | TextWindows, n_samples: int | None = None) -> torch.memory_format:
    """Choose the memory layout of the configured network, its operations checked on this machine.

    Checked are the operations of a training batch, a test batch and a micro-batch to be measured, each in its type.
    A throw-away copy of the network runs them once; random numbers drawn later are as if it had not.

    Args:
        run: The run.
        data: What the network runs on.
        n_samples: B of the measurement; None takes `curvature.n_samples`.

    Returns:
        The layout.

    Raises:
        InputError: If an operation is wrong in every layout that may be used.
    """
    cfg = OmegaConf.to_container(run.cfg, resolve=True)
    n_measured = min(n_samples or cfg["curvature"]["n_samples"], cfg["curvature"]["micro_batch"])
    settings = {key: cfg.get(key) for key in ("model", "training", "finite_difference")}
    use = fingerprint(settings | {"dtype": cfg["curvature"]["dtype"], "n_measured": n_measured})
    if use not in run.kernels.trusted:
        run.kernels.trust(lambda layout: _operations(run, data, n_measured, layout))
        run.kernels.trusted.add(use)
    return LAYOUTS[run.kernels.layout]


def trust_network(run: Run, model: nn.Module, inputs: torch.Tensor) -> None:
    """Check the operations of a network that is built already.

    Args:
        run: The run.
        model: The network.
        inputs: What it will be trained and measured on.

    Raises:
        InputError: If an operation is wrong.
    """
    run.kernels.trust(lambda layout: collect(model, inputs))


def _operations(run: Run, data: ImageData | TextWindows, n_measured: int, layout: str) -> dict[Operation, str]:
    found: dict[Operation, str] = {}
    with torch.random.fork_rng(devices=[run.device] if run.device.type == "cuda" else []):
        model = build(run.cfg.model).to(run.device, memory_format=LAYOUTS[layout])
        if not run.cfg.training.get("pretrained"):
            inputs, _ = training_batches(run, data).batch(0)
            dtype = PRECISIONS.get(run.cfg.training.precision)
            with torch.autocast(run.device.type, dtype, enabled=dtype is not None):
                found |= collect(model, inputs)
        model.eval()
        inputs, _ = next(iter(data.test_batches(run.cfg.training.eval_batch_size)))
        found = collect(model, inputs) | found
        for count, name in _measured(run, n_measured):
            [(inputs, _)] = data.measurement_batches(count, count, run.cfg.seed)
            if inputs.is_floating_point():
                inputs = inputs.to(DTYPES[name], memory_format=LAYOUTS[layout])
            found = collect(model.to(DTYPES[name]), inputs) | found
    return found


def _measured(run: Run, n_measured: int) -> Iterator[tuple[int, str]]:
    # Samples at a time, and the precision.
    yield n_measured, run.cfg.curvature.dtype
    differences = run.cfg.get("finite_difference")
    if differences is not None:
        yield from {(differences.n_samples, name) for name in ("float64", *(m.dtype for m in differences.methods))}
