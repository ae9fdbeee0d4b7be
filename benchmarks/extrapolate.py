"""What a measurement costs here, and what it would cost for large networks on 1, 8 and 64 devices.

`python -m benchmarks.extrapolate --device-tflops 50 --device-gib 80 --link-gbytes 25`. Some small networks are measured
on one core of this machine: processor time by sample, against the operations that the formulas of `scaling` count, and
against a large matrix product in float32. That ratio, how much of the machine's speed a measurement gets, is then
assumed of the device. What a network asks for is read off its shapes, without computing anything.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from benchmarks.options import positive
from benchmarks.scaling import Shape, curvature, factors, gradient, memory, sent, shape_of
from layercurv.cpu import cpu_name
from layercurv.curvature import CrossEntropy, directional_curvature, mean_gradients, weight_layers
from layercurv.curvature.directions import gradient_directions
from layercurv.models import resnet18_cifar
from layercurv.models.transformers_import import transformers
from layercurv.models.vision_import import torchvision

K, SAMPLED_COLUMNS, DEVICES = 20, 8, (1, 8, 64)
GIB = 2**30


@dataclass(frozen=True)
class Large:
    """A network that cannot be measured here."""

    name: str
    shape: Callable[[], Shape]
    n_samples: int  # B
    n_columns: int  # C of one sample
    factor_columns: int  # of the Kronecker factors: all, or random ones


def resnet50() -> Shape:
    """Read ResNet-50 at 224 px, 1000 classes.

    Returns:
        Its shape.
    """
    with torch.device("meta"):
        return shape_of(torchvision.models.resnet50().eval(), torch.empty(1, 3, 224, 224))


def gpt2_small() -> Shape:
    """Read GPT-2 with 124 M parameters on 1024 tokens.

    Returns:
        Its shape.
    """
    config = transformers.GPT2Config(use_cache=False, attn_implementation="eager")
    with torch.device("meta"):
        model = transformers.GPT2LMHeadModel(config).eval()
        return shape_of(model, **_text(1024), is_smooth=True)


def _text(length: int) -> dict[str, torch.Tensor]:
    # With a mask of its own the network does not look into its input, of which there is none.
    return {"input_ids": torch.zeros(1, length, dtype=torch.long), "attention_mask": torch.zeros(1, 1, length, length)}


def llama_7b() -> Shape:
    """Read a network of Llama's shape with 6.7 G parameters on 2048 tokens.

    Returns:
        Its shape.
    """
    config = transformers.LlamaConfig(use_cache=False, attn_implementation="eager")  # 32 blocks of width 4096
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config).eval()
        return shape_of(model, **_text(2048), is_smooth=True)


LARGE = (
    Large("ResNet-50, ImageNet, 224 px", resnet50, 2048, 1000, 1000),
    Large("GPT-2, 124 M, 1024 tokens", gpt2_small, 256, 1024 * 50257, SAMPLED_COLUMNS),
    Large("7 B, 2048 tokens", llama_7b, 64, 2048 * 32000, SAMPLED_COLUMNS),
)


def matrix_speed() -> float:
    """Measure this core's matrix product in float32.

    Returns:
        Operations per second of processor time.
    """
    A = torch.randn(1024, 1024)
    A @ A
    best = float("inf")
    for _ in range(40):  # the least, as of what is held against it
        started = time.process_time()
        A @ A
        best = min(best, time.process_time() - started)
    return 2 * 1024**3 / best


@dataclass(frozen=True)
class Timed:
    """One small network, per sample."""

    name: str
    engine: str
    gradient_s: float
    curvature_s: float
    gradient_operations: int
    curvature_operations: int
    n_layers: int


def timed(name: str, model: nn.Module, batch: tuple, n_columns: int, is_smooth: bool) -> Timed:
    """Measure what a micro-batch more costs, per sample.

    Args:
        name: For the table.
        model: The network, in eval mode.
        batch: A micro-batch.
        n_columns: C of one sample.
        is_smooth: As for `Shape`.

    Returns:
        Seconds of processor time, and operations.
    """
    layers, loss = weight_layers(model), CrossEntropy()
    shape = shape_of(model, batch[0][:1], is_smooth=is_smooth)
    directions = gradient_directions(model, loss, [batch], layers, K)
    operations, engine = curvature(shape, n_columns, K)

    def more(work: Callable[[list], object]) -> float:
        times = {1: float("inf"), 3: float("inf")}
        for n in (1, 3) * 3:  # the least of three: what else the machine does only adds
            started = time.process_time()
            work([batch] * n)
            times[n] = min(times[n], time.process_time() - started)
        return (times[3] - times[1]) / 2 / len(batch[0])

    return Timed(
        name,
        engine,
        more(lambda batches: mean_gradients(model, loss, batches, layers)),
        more(lambda batches: directional_curvature(model, loss, batches, directions, engine)),
        gradient(shape),
        operations,
        len(layers),
    )


def small_networks() -> list[Timed]:
    """Measure a network for each engine.

    Returns:
        What was found.
    """
    torch.manual_seed(0)
    images = torch.randn(8, 3, 32, 32)
    few, many = resnet18_cifar(width=16, n_classes=10).eval(), resnet18_cifar(width=8, n_classes=1000).eval()
    sizes = {"vocab_size": 257, "n_positions": 64, "n_embd": 128, "n_layer": 1, "n_head": 4}
    special = {"bos_token_id": None, "eos_token_id": None}
    config = transformers.GPT2Config(**sizes, **special, use_cache=False, tie_word_embeddings=False)
    tokens = torch.randint(0, 257, (2, 65))
    text = transformers.GPT2LMHeadModel(config).eval(), (tokens[:, :-1], tokens[:, 1:])
    return [
        timed("ResNet-18, width 16, 10 classes, 32 px", few, (images, torch.randint(10, (8,))), 10, False),
        timed("ResNet-18, width 8, 1000 classes, 32 px", many, (images[:2], torch.randint(1000, (2,))), 1000, False),
        timed("GPT-2, 1 block of width 128, 64 tokens", *text, 64 * 257, True),
    ]


def engines_hold(held: dict[str, int]) -> int:
    """Add what is held together while curvature is measured.

    Args:
        held: As `scaling.memory`.

    Returns:
        Bytes.
    """
    return held["weights"] + held["check"] + held["activations"]


def breaks_first(held: dict[str, int], capacity: int, hours: float) -> str:
    """Say what stands in the way.

    Args:
        held: As `scaling.memory`.
        capacity: Bytes of a device.
        hours: Of the measurement.

    Returns:
        A few words.
    """
    parts = {"check": "comparison with float64", "activations": "activations", "factors": "Kronecker factors"}
    found = [words for part, words in parts.items() if held["weights"] + held[part] > capacity]
    together = max(engines_hold(held), held["weights"] + held["activations"] + held["factors"])
    if not found and together > capacity:
        found.append("all of it together")
    if hours > 24:
        found.append("time")
    return ", ".join(found) or "nothing"


def rows(large: Large, share: dict[str, float], options: argparse.Namespace) -> list[str]:
    """Extrapolate one network.

    Args:
        large: The network.
        share: Of a device's speed that gradient and each engine get.
        options: The command line's.

    Returns:
        Rows of a Markdown table.
    """
    shape = large.shape()
    operations, engine = curvature(shape, large.n_columns, K)
    speed = options.device_tflops * 1e12
    columns = factors(shape, large.factor_columns)
    seconds = large.n_samples * (
        gradient(shape) / share["gradient"] + operations / share[engine] + columns / share["gradient"]
    )
    held, found = memory(shape, 1, True), []
    each, of_factors = engines_hold(held) / GIB, held["factors"] / GIB
    for N in DEVICES:
        n_bytes = sent(shape, large.n_samples, K, N, True)
        hours = (seconds / speed / N + n_bytes / (options.link_gbytes * 1e9)) / 3600
        first = breaks_first(held, options.device_gib * GIB, hours)
        found.append(
            f"| {large.name} | {N} | {engine} | {each:.3g} | {of_factors:.3g} | {hours:.3g} | "
            f"{n_bytes / 1e9:.3g} | {first} |"
        )
    return found


def main() -> None:
    """Measure, and print two tables and what they assume."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device-tflops", type=positive, default=50.0, help="of a large float32 product, without TF32")
    parser.add_argument("--device-gib", type=positive, default=80.0, help="memory of a device")
    parser.add_argument("--link-gbytes", type=positive, default=25.0, help="GB a device sends in a second")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "curvature measured in float32")  # weights are drawn, digits have no say
    speed = matrix_speed()
    print(
        f"One core of {cpu_name()}, torch {torch.__version__}: {speed / 1e9:.0f} Gflop/s in a product of 1024 x 1024\n"
    )
    print("| network | layers | engine | gradient, ms | curvature, ms | share of the product's speed |")
    print("| --- | --- | --- | --- | --- | --- |")
    share: dict[str, float] = {}
    for one in small_networks():
        by_gradient = one.gradient_operations / one.gradient_s / speed
        by_engine = one.curvature_operations / one.curvature_s / speed
        share["gradient"] = min(by_gradient, share.get("gradient", 1.0))
        share[one.engine] = min(by_engine, share.get(one.engine, 1.0))
        times = f"{1e3 * one.gradient_s:.3g} | {1e3 * one.curvature_s:.3g}"
        print(f"| {one.name} | {one.n_layers} | {one.engine} | {times} | {by_gradient:.2f} and {by_engine:.2f} |")
    print(
        f"\nAll weight layers, K = {K}, float32, micro-batches of 1; Kronecker factors in float64; a device of "
        f"{options.device_tflops:g} Tflop/s and {options.device_gib:g} GiB that sends {options.link_gbytes:g} GB/s, of "
        f"whose speed a measurement gets the least share above.\n"
    )
    print("| network | devices | engine | GiB each | factors, GiB | hours | GB sent by each | what breaks first |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for large in LARGE:
        print("\n".join(rows(large, share, options)))
    print("\nSamples: " + ", ".join(f"{large.name}: {large.n_samples}" for large in LARGE))


if __name__ == "__main__":
    main()
