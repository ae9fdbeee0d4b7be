"""Seconds per alpha map: our engines against other ways to the same numbers, in one run on the same inputs.

An alpha map is h_k along the top K directions of every weight layer. Rivals are prepared once and timed on a few
directions of every so many layers; their seconds are scaled to all directions. A direction's cost does not depend on
which it is, but on how deep its layer lies, so the timed layers are spread evenly. Finding the directions is left out
on all sides.

`--write FILE` keeps the run as a record with its hardware.
"""

import argparse
import functools
import statistics
import time
from dataclasses import replace

import torch
from rich.console import Console
from rich.table import Table
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.networks import NETWORKS, Network, gpt2
from benchmarks.options import count
from benchmarks.peak_memory import WORKS, peak_bytes
from benchmarks.record import write_benchmark
from benchmarks.rivals import RIVALS
from layercurv.curvature import (
    CrossEntropy,
    Directions,
    TracedNetwork,
    WeightLayer,
    chosen_engines,
    directional_curvature,
    gradient_directions,
    weight_layers,
)
from layercurv.curvature.cost import multiplications

LOSS = CrossEntropy()


def main() -> None:
    """Print the tables, and write them if asked to."""
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    started = time.perf_counter()
    console = Console(width=120)
    measured = []
    for network in NETWORKS:
        if network.name in options.networks:
            measured.append(measure_network(network, options))
            _print_network(console, measured[-1])
    growth = [] if options.no_growth else measure_growth(options)
    _print_growth(console, growth)
    if options.write:
        found = {"top_k": options.top_k, "networks": measured, "growth": growth}
        module, wall_s = "benchmarks.curvature_engines", time.perf_counter() - started
        print(f"wrote {write_benchmark(options.write, 'bench', module, found, wall_s)}")


def measure_network(network: Network, options: argparse.Namespace) -> dict:
    """Time all engines on one network.

    Args:
        network: The network.
        options: The command line's.

    Returns:
        The network's part of the record.
    """
    torch.manual_seed(0)
    model, batch = network.build().eval(), network.draw(network.n_samples)
    layers = weight_layers(model)
    directions = gradient_directions(model, LOSS, [batch], layers, options.top_k)
    n_directions = sum(len(found.singular_values) for found in directions.values())
    with torch.no_grad():
        model(batch[0])
        forward_s, _ = _median(lambda: model(batch[0]), repeats=9)
    engines = chosen_engines(model, LOSS, batch[0], directions)
    once_s, ours = _median(lambda: directional_curvature(model, LOSS, [batch], directions), network.repeats)
    thrice_s, _ = _median(lambda: directional_curvature(model, LOSS, [batch] * 3, directions), network.repeats_further)
    further_s = (thrice_s - once_s) / 2 if network.repeats_further else once_s
    timed = layers[network.every // 2 :: network.every]
    rivals = {name: _time_rival(name, model, batch, timed, directions, n_directions, options) for name in RIVALS}
    least = floor(model, batch[0], directions, engines)
    exact = _in_float64(model, batch, directions, timed[:: max(1, len(timed) // 4)], options.timed)
    return {
        "name": network.name,
        "description": network.describe,
        "n_samples": network.n_samples,
        "n_layers": len(layers),
        "n_directions": n_directions,
        "engines": {engine: list(engines.values()).count(engine) for engine in sorted(set(engines.values()))},
        "forward_s": forward_s,
        "ours": {
            "seconds": once_s,
            "further_micro_batch_s": further_s,
            "forward_passes": once_s / forward_s,
            "further_forward_passes": further_s / forward_s,
            "floor_forward_passes": least,
            "float32_error": _error({name: ours[name].curvatures for name in exact}, exact),
        },
        "rivals": {
            name: {
                "seconds": seconds,
                "ratio": seconds / once_s,
                "further_ratio": seconds / further_s,
                "n_timed": n_timed,
                "float32_error": _error(found, exact),
            }
            for name, (seconds, n_timed, found) in rivals.items()
        },
        "peak_bytes": {work: peak_bytes(network.name, work, options.threads) for work in WORKS},
    }


def floor(model, inputs: torch.Tensor, directions: dict[str, Directions], engines: dict[str, str]) -> float:
    """Count the products that the engines in use cannot do without, in forward passes' worth.

    One forward pass; for `ggn` one product per forward product behind its first layer and column, and each column's
    projection on the directions; for `tangent` one product per forward product behind the layer and direction, and one
    backward pass.

    Args:
        model: The network.
        inputs: Its inputs.
        directions: Layer name to directions.
        engines: Layer name to engine.

    Returns:
        The count.
    """
    traced = TracedNetwork(model, weight_layers(model, list(directions))).at(inputs)
    tape = traced.tape
    costs = [multiplications(operation, tape) for operation in tape.operations]
    behind = {name: sum(costs[p] for p in traced.routes[name].operations) for name in directions}
    entries = {name: tape.shapes[traced.routes[name].use.output].numel() for name in directions}
    K = {name: len(found.singular_values) for name, found in directions.items()}
    n_columns = LOSS.n_root_columns(tape.shapes[tape.network_output])
    by_ggn = [name for name, engine in engines.items() if engine == "ggn"]
    by_tangent = [name for name, engine in engines.items() if engine == "tangent"]
    total = sum(costs) + sum(K[name] * behind[name] for name in by_tangent)
    total += max((behind[name] for name in by_tangent), default=0)
    total += n_columns * max((behind[name] for name in by_ggn), default=0)
    total += n_columns * sum(K[name] * entries[name] for name in by_ggn)
    return total / sum(costs)


def measure_growth(options: argparse.Namespace) -> list[dict]:
    """Time ours alone, with more samples, directions and layers.

    Args:
        options: The command line's.

    Returns:
        One entry per setting.
    """
    resnet = next(network for network in NETWORKS if network.name == "resnet18")
    text = next(network for network in NETWORKS if network.name == "gpt2")
    found = [_grow(resnet, "n_samples", B, B // resnet.n_samples, options.top_k) for B in (32, 64, 128)]
    found += [_grow(resnet, "top_k", K, 1, K) for K in (5, 10, 20, 40)]
    for depth in (2, 4, 6):
        shallow = replace(text, build=functools.partial(gpt2, depth))
        found.append(_grow(shallow, "n_blocks", depth, 1, options.top_k))
    return found


def _grow(network: Network, varied: str, value: int, n_batches: int, top_k: int) -> dict:
    torch.manual_seed(0)
    model = network.build().eval()
    batches = [network.draw(network.n_samples) for _ in range(n_batches)]
    directions = gradient_directions(model, LOSS, batches, weight_layers(model), top_k)
    seconds, _ = _median(lambda: directional_curvature(model, LOSS, batches, directions), repeats=1)
    return {"network": network.name, "varied": varied, "value": value, "seconds": seconds}


def _time_rival(name, model, batch, layers: list[WeightLayer], directions, n_directions: int, options):
    with sdpa_kernel(SDPBackend.MATH):
        started = time.perf_counter()
        measure = RIVALS[name](model, LOSS, batch)
        prepare_s, each_s, found, n_timed = time.perf_counter() - started, 0.0, {}, 0
        for layer in layers:
            some = directions[layer.name]
            D = torch.einsum("mk,nk->kmn", some.left[:, : options.timed], some.right[:, : options.timed])
            D = layer.from_matrix(D).to(layer.weight.dtype)
            started = time.perf_counter()
            found[layer.name] = measure(layer, D)
            each_s += time.perf_counter() - started
            n_timed += len(D)
    return prepare_s + each_s / n_timed * n_directions, n_timed, found


def _in_float64(model, batch, directions, layers: list[WeightLayer], count: int) -> dict[str, torch.Tensor]:
    # By double backpropagation, on some of the directions that rivals are timed on: float64 convolutions are slow.
    inputs = batch[0].double() if batch[0].is_floating_point() else batch[0]
    some = {}
    for layer in layers:
        d = directions[layer.name]
        some[layer.name] = Directions(
            d.singular_values[:count], d.left[:, :count], d.right[:, :count], d.is_null[:count]
        )
    found = directional_curvature(model.double(), LOSS, [(inputs, batch[1])], some, "double_backward")
    return {name: curvature.curvatures for name, curvature in found.items()}


def _error(found: dict[str, torch.Tensor], exact: dict[str, torch.Tensor]) -> float:
    # Largest error relative to h_k, over directions above the noise floor: float32 epsilon times 100 of the largest of
    # the layer's that are compared.
    worst = 0.0
    for name, expected in exact.items():
        h = found[name].double()[: len(expected)]
        expected = expected[: len(h)]
        above = expected.abs() > 100 * torch.finfo(torch.float32).eps * exact[name].abs().max()
        worst = max(worst, ((h - expected).abs() / expected.abs())[above].max().item())
    return worst


def _median(work, repeats: int):
    # Median seconds and the last result; 0 seconds and None for no repeats.
    seconds, result = [0.0] if repeats == 0 else [], None
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), result


def _print_network(console: Console, found: dict) -> None:
    ours = found["ours"]
    engines = ", ".join(f"{count} by {engine}" for engine, count in found["engines"].items())
    title = (
        f"{found['description']}; B = {found['n_samples']}, {found['n_layers']} layers ({engines}), "
        f"{found['n_directions']} directions, float32, {torch.get_num_threads()} threads"
    )
    table = Table(title=title, title_justify="left", box=None)
    for name, justify in (
        ("", "left"),
        ("seconds", "right"),
        ("ratio", "right"),
        ("on a further micro-batch", "right"),
        ("error", "right"),
    ):
        table.add_column(name, justify=justify)
    for name, rival in found["rivals"].items():
        table.add_row(
            name.replace("_", " "),
            f"{rival['seconds']:.3g}",
            f"{rival['ratio']:.3g}",
            f"{rival['further_ratio']:.3g}",
            f"{rival['float32_error']:.0e}",
        )
    table.add_row("ours", f"{ours['seconds']:.3g}", "1", "1", f"{ours['float32_error']:.0e}")
    console.print(table)
    peaks = found["peak_bytes"]
    console.print(
        f"ours: {ours['forward_passes']:.1f} forward passes of {found['forward_s']:.3g} s, "
        f"{ours['further_forward_passes']:.1f} on a further micro-batch, floor {ours['floor_forward_passes']:.1f}; "
        f"peak memory {peaks['alpha_map'] / peaks['training_step']:.2f} of a training step's "
        f"({peaks['alpha_map'] / 2**20:.0f} and {peaks['training_step'] / 2**20:.0f} MiB)\n"
    )


def _print_growth(console: Console, growth: list[dict]) -> None:
    if not growth:
        return
    table = Table(title="growth of ours", title_justify="left", box=None)
    for name in ("network", "varied", "value", "seconds"):
        table.add_column(name)
    for entry in growth:
        table.add_row(entry["network"], entry["varied"], str(entry["value"]), f"{entry['seconds']:.3g}")
    console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [network.name for network in NETWORKS]
    parser.add_argument("--networks", nargs="+", choices=names, default=names, help="default: all")
    parser.add_argument("--top-k", type=count, default=20, help="directions per layer (default: 20)")
    parser.add_argument("--timed", type=count, default=1, help="directions per timed layer (default: 1)")
    parser.add_argument("--threads", type=count, default=torch.get_num_threads(), help="default: all cores")
    parser.add_argument("--no-growth", action="store_true", help="leave out growth with B, K and depth")
    parser.add_argument("--write", metavar="FILE", help="keep the run as a record")
    return parser


if __name__ == "__main__":
    main()
