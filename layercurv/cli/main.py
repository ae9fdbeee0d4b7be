"""Options, errors and exit codes of the command `layercurv`."""

import argparse
import importlib.util
import logging
import sys
from collections.abc import Sequence

from layercurv import __version__
from layercurv.errors import InputError

BAD_INPUT, INTERRUPTED = 2, 130
NEEDED = ("torch", "torchvision", "transformers", "datasets", "PIL", "safetensors")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Its arguments; None takes the process's.

    Returns:
        The exit code: 0, 2 on bad input (one message on stderr), 130 if interrupted.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "huggingface_hub", "datasets", "transformers"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"error: not installed: {', '.join(missing)}; pip install 'layercurv[measure]'", file=sys.stderr)
        return BAD_INPUT
    from safetensors import SafetensorError

    from layercurv.cli.measure import measure

    try:
        measure(options)
    except (InputError, OSError, UnicodeError, SafetensorError) as error:  # files that are no text, damaged, not ours
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted: the same command goes on where it stopped", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("layercurv", description="Exact layer-wise curvature of neural networks.")
    parser.add_argument("--version", action="version", version=f"layercurv {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    measure = commands.add_parser(
        "measure",
        help="alpha, curvature and gradient spectrum of every layer of a network",
        description="Measure alpha, curvature and gradient spectrum of every layer: a table, a JSON file, a picture.",
    )
    what = measure.add_argument_group("network and samples")
    what.add_argument(
        "--model",
        required=True,
        metavar="FILE_OR_NAME",
        help="a folder of save_pretrained; a state dict (.pt, .pth, .safetensors) with --architecture; a module saved "
        "whole, with --trust-pickle; or a name: torchvision's (with its weights) or the Hugging Face hub's",
    )
    what.add_argument(
        "--architecture",
        metavar="NAME",
        help="of a state dict: a name of torchvision, such as resnet18, or your own package.module:function",
    )
    what.add_argument(
        "--trust-pickle", action="store_true", help="load a module saved whole: this runs code that is in the file"
    )
    what.add_argument(
        "--data",
        required=True,
        metavar="FILE_OR_NAME",
        help="(inputs, targets) in a .pt or .npz file; a folder of images, one folder per class; a folder of Parquet "
        "files; a .txt file, for language models; or a name: of a folder below $LAYERCURV_DATA, or the hub's",
    )
    what.add_argument("--split", default="train", help="of a data set in Parquet files or on the hub (default: train)")
    what.add_argument(
        "--samples", type=int, help="how many, drawn by --seed (default: 256, or all where there are fewer)"
    )
    what.add_argument("--micro-batch", type=int, default=32, help="samples per forward pass (default: 32)")
    what.add_argument("--image-size", type=int, help="pixels; default: the network's own, else the images'")
    what.add_argument(
        "--context", type=int, help="tokens per sample of text (default: 128, or as many as the network takes)"
    )
    how = measure.add_argument_group("measurement")
    how.add_argument("--top-k", type=int, default=20, help="gradient directions per layer (default: 20)")
    how.add_argument(
        "--layers",
        action="append",
        metavar="PATTERN",
        help="layers ('blocks.*.attn.*') or other parameters ('*.bias'); may be repeated; default: all layers",
    )
    how.add_argument("--engine", default="auto", help="auto (default), ggn, tangent or double_backward")
    how.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="default: float32")
    how.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    how.add_argument("--no-decompose", action="store_true", help="leave Kronecker factors and the five slopes out")
    how.add_argument("--seed", type=int, default=0, help="of the draw of samples (default: 0)")
    how.add_argument(
        "--output",
        metavar="PREFIX",
        help="write PREFIX.json and PREFIX.png (default: named after the model, here)",
    )
    how.add_argument("--overwrite", action="store_true", help="replace them if they are there")
    return parser
