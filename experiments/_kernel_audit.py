"""List the records whose network has a convolution that oneDNN may get wrong: `python -m experiments._kernel_audit`.

In channels_last layout the weight gradient of a convolution with a 1x1 kernel, a stride above 1 and fewer input
channels than a vector block (8 numbers with AVX2, 16 with AVX-512) is wrong, or computed with writes out of bounds
(oneDNN issue 6035). Records from before kernels were checked were made in channels_last.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import torch
from omegaconf import OmegaConf
from torch import nn

from experiments._build import build
from layercurv.kernels.known_faults import VECTOR_BLOCK
from layercurv.models import resnet50
from layercurv.models.resnet_cifar_published import CIFARResNet
from layercurv.results.store import read_record

# Networks that load weights, and what they are without them.
_ARCHITECTURES = {
    "layercurv.models.resnet50_imagenet": lambda config: resnet50(64, 1000, small_images=False),
    "layercurv.models.published_resnet_cifar": lambda config: CIFARResNet(config["depth"]),
}


def suspects(model: nn.Module) -> dict[str, nn.Module]:
    """Find the convolutions that may have been wrong.

    Args:
        model: The network.

    Returns:
        Module name to module; grouped convolutions count by input channels per group.
    """
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        and set(module.kernel_size) == {1}
        and max(module.stride) > 1
        and module.in_channels // module.groups < VECTOR_BLOCK
    }


def audit(results: Path) -> dict[str, Counter]:
    """Go through all records.

    Args:
        results: Folder of records.

    Returns:
        What was found ("no network", "kernels checked", "no such convolution", or the convolutions) to the number of
        records by experiment.
    """
    found: dict[str, Counter] = defaultdict(Counter)
    for path in sorted(results.glob("*/*.json")):
        found[_finding(read_record(path)["provenance"])][path.parent.name] += 1
    return dict(found)


def _finding(provenance: dict) -> str:
    config = provenance.get("config", {}).get("model")
    if config is None:
        return "no network"
    if "kernel_check" in provenance.get("numerics", {}):
        return "kernels checked"
    layers = suspects(_architecture(config))
    words = [f"{name} ({module.in_channels} to {module.out_channels})" for name, module in layers.items()]
    return ", ".join(words) or "no such convolution"


def _architecture(config: dict) -> nn.Module:
    with torch.device("meta"):
        return _ARCHITECTURES.get(config["_target_"], lambda config: build(OmegaConf.create(config)))(config)


def main() -> None:
    """Print the list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of records (default: results)")
    for finding, counts in audit(parser.parse_args().results).items():
        records = ", ".join(f"{experiment} {count}" for experiment, count in counts.items())
        print(f"{finding}: {counts.total()} records ({records})")


if __name__ == "__main__":
    main()
