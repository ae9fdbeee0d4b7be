"""The GGN engine against double backpropagation, on the same network, samples and directions, in one run.

Rivals: one double backpropagation per direction (the source paper's protocol: forward pass, backward pass with graph,
backward pass again, each time anew, gradients of the one layer only), and `double_backward`, which shares one graph.
Both are timed on a few directions per layer and scaled to all; a direction's cost does not depend on which it is.
Finding the directions is left out on all sides.
"""

import argparse
import statistics
import time

import torch
from rich.console import Console
from rich.table import Table

from layercurv.curvature import (
    CrossEntropy,
    Directions,
    directional_curvature,
    double_backward_curvature,
    gradient_directions,
    not_affine,
    weight_layers,
)
from layercurv.models import resnet18_cifar


def per_direction_protocol(model, loss, batch, directions, layers) -> dict[str, torch.Tensor]:
    """Compute h_k with one forward pass and one double backpropagation for every single direction.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batch: Inputs and targets.
        directions: Layer name to directions.
        layers: The layers.

    Returns:
        Layer name to h, [K].
    """
    inputs, targets = batch
    found = {}
    for layer in layers:
        values = []
        for u, v in zip(directions[layer.name].left.T, directions[layer.name].right.T, strict=True):
            D = torch.outer(u, v).reshape(layer.weight.shape).to(layer.weight.dtype)
            mean_loss = loss.sum_loss(model(inputs), targets) / len(inputs)
            (gradient,) = torch.autograd.grad(mean_loss, layer.weight, create_graph=True)
            (product,) = torch.autograd.grad((gradient * D).sum(), layer.weight)
            values.append((product * D).sum())
        found[layer.name] = torch.stack(values)
    return found


def main() -> None:
    """Print the table."""
    options = _parser().parse_args()
    torch.manual_seed(0)
    model = resnet18_cifar(options.width, 10).eval().to(memory_format=torch.channels_last)
    inputs = torch.randn(options.samples, 3, 32, 32).to(memory_format=torch.channels_last)
    batch, loss = (inputs, torch.randint(0, 10, (options.samples,))), CrossEntropy()
    layers = weight_layers(model)
    directions = gradient_directions(model, loss, [batch], layers, options.top_k)
    timed = {name: _first(found, options.timed) for name, found in directions.items()}
    n_all, n_timed = (sum(len(d.singular_values) for d in part.values()) for part in (directions, timed))
    with torch.no_grad():
        forward_s, _ = _median_seconds(lambda: model(inputs), repeats=5)
    certificate_s, _ = _median_seconds(lambda: not_affine(model, inputs, layers), repeats=3)
    ggn_s, ggn = _median_seconds(lambda: directional_curvature(model, loss, [batch], directions, "ggn"), repeats=5)
    shared_s, _ = _seconds(lambda: double_backward_curvature(model, loss, [batch], timed, layers))
    single_s, single = _seconds(lambda: per_direction_protocol(model, loss, batch, timed, layers))
    rows = [
        ("one double backpropagation per direction", single_s * n_all / n_timed),
        ("double_backward (one shared graph)", shared_s * n_all / n_timed),
        ("ggn, its certificate included", ggn_s),
        ("the certificate alone (once per network, whatever B)", certificate_s),
        ("one forward pass", forward_s),
    ]
    worst = max(_difference(single[name], ggn[name].curvatures[: len(h)]) for name, h in single.items())
    title = (
        f"ResNet-18, width {options.width}, {len(layers)} layers, {n_all} directions, B = {options.samples}, "
        f"float32, {torch.get_num_threads()} threads; rivals timed on {n_timed} directions and scaled"
    )
    _print(title, rows, ggn_s)
    print(f"largest relative difference between ggn and double backpropagation on those directions: {worst:.1e}")
    print(
        f"ggn is {rows[0][1] / ggn_s:.0f} times faster than one double backpropagation per direction, "
        f"{rows[0][1] / (ggn_s - certificate_s):.0f} times on every further micro-batch"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=64, help="channels of the first stage (default: 64)")
    parser.add_argument("--samples", type=int, default=32, help="B (default: 32)")
    parser.add_argument("--top-k", type=int, default=20, help="directions per layer (default: 20)")
    parser.add_argument("--timed", type=int, default=2, help="directions per layer timed on the rivals (default: 2)")
    return parser


def _first(directions: Directions, count: int) -> Directions:
    part = slice(0, count)
    return Directions(
        directions.singular_values[part], directions.left[:, part], directions.right[:, part], directions.is_null[part]
    )


def _seconds(work):
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _median_seconds(work, repeats: int):
    work()  # warm-up
    runs = [_seconds(work) for _ in range(repeats)]
    return statistics.median(seconds for seconds, _ in runs), runs[0][1]


def _difference(reference: torch.Tensor, found: torch.Tensor) -> float:
    return float(((found - reference).abs() / reference.abs()).max())


def _print(title: str, rows: list[tuple[str, float]], ggn_s: float) -> None:
    table = Table(title=title, title_justify="left", box=None)
    for name, justify in (("engine", "left"), ("seconds per alpha map", "right"), ("ratio to ggn", "right")):
        table.add_column(name, justify=justify)
    for name, seconds in rows:
        table.add_row(name, f"{seconds:.3g}", f"{seconds / ggn_s:.3g}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
