"""The subcommand `measure`: an alpha map of a network in files, as table, JSON and picture."""

import argparse
import re
import tempfile
from pathlib import Path

import torch

from layercurv.cli.network import Network, load_network
from layercurv.cli.samples import load_samples
from layercurv.curvature import CrossEntropy
from layercurv.curvature.objective import network_output
from layercurv.errors import InputError
from layercurv.measure import alpha_map
from layercurv.measure.progress import LOGGER

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def measure(options: argparse.Namespace) -> None:
    """Load, measure, print the table, write JSON and picture.

    Args:
        options: As `cli.main` parses them.

    Raises:
        InputError: If anything cannot be loaded or measured.
    """
    _require_sizes(options)
    outputs = _outputs(options)
    device, dtype = torch.device(_device(options.device)), DTYPES[options.dtype]
    network = load_network(options.model, options.architecture, options.trust_pickle)
    model = network.model.to(device, dtype).eval()
    batches = [
        (inputs.to(device, dtype if inputs.is_floating_point() else None), targets.to(device))
        for inputs, targets in load_samples(options.data, network, options)
    ]
    _require_fitting(network, batches)
    n_samples = sum(len(inputs) for inputs, _ in batches)
    LOGGER.info("network: %s; samples: %d of %s", network.source, n_samples, options.data)
    partial = outputs["json"].with_suffix(".partial.pt")
    found = alpha_map(
        model,
        CrossEntropy(),
        batches,
        options.top_k,
        layers=options.layers or "*",
        engine=options.engine,
        decompose=not options.no_decompose,
        checkpoint=partial,
    )
    print(found.summary())
    found.plot(outputs["png"])
    found.save(outputs["json"])
    partial.unlink(missing_ok=True)
    print(f"wrote {outputs['json']} and {outputs['png']}")


def _require_sizes(options: argparse.Namespace) -> None:
    for name in ("samples", "micro_batch", "image_size", "context", "top_k"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise InputError(f"--{name.replace('_', '-')}: expected a positive integer, got {value}")


def _device(name: str) -> str:
    if name not in ("cpu", "cuda"):
        raise InputError(f"--device: expected cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: this torch sees no CUDA device; use --device cpu")
    return name


def _outputs(options: argparse.Namespace) -> dict[str, Path]:
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(options.model).name.removesuffix(".pt").removesuffix(".pth"))
    prefix = options.output or f"{stem}-alpha-map"
    paths = {ending: Path(f"{prefix}.{ending}") for ending in ("json", "png")}
    for path in paths.values():
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is no file: choose another --output")
        if path.exists() and not options.overwrite:
            raise InputError(f"{path} exists: choose another --output, or --overwrite it")
    _require_writable(paths["json"].parent)
    return paths


def _require_writable(folder: Path) -> None:
    # Found out now, not after hours of measuring.
    if not folder.is_dir():
        raise InputError(f"--output: there is no folder {folder}")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InputError(f"--output: cannot write into {folder}: {error.strerror}") from error


def _require_fitting(network: Network, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    # One sample tells whether network, inputs and targets belong together.
    inputs, targets = batches[0][0][:1], batches[0][1][:1]
    if inputs.dtype == torch.uint8:
        raise InputError(
            "--data: the inputs are bytes (uint8), and the network takes real numbers: save them as float32, scaled as "
            "for its training"
        )
    try:
        with torch.no_grad():
            logits = network_output(network.model, inputs)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise InputError(
            f"{network.source} cannot take inputs of shape {tuple(inputs.shape)} and type {inputs.dtype}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    if logits.shape[:-1] != targets.shape:
        raise InputError(
            f"expected logits of shape {tuple(targets.shape)} + (classes,), for targets of that shape, got "
            f"{tuple(logits.shape)}: these samples are not what the network was made for"
        )
    highest = max(int(labels.max()) for _, labels in batches)
    if highest >= logits.shape[-1]:
        raise InputError(f"expected labels below the network's {logits.shape[-1]} classes, got {highest}")
