"""All records at a glance: seeds, seconds, headlines beside the source paper's. `make table` prints it."""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments._comparisons import compare_accuracies
from layercurv.results.headlines import headlines
from layercurv.results.variants import records_by_variant

# Experiment and variant (without its seed) -> headline -> what the source paper prints, at its own scale.
PUBLISHED = {
    ("alpha_map", "resnet18_cifar10"): {"alpha_conv": 1.97},
    ("alpha_map", "vgg11_cifar10"): {"alpha_conv": 2.17},
    ("alpha_map", "mlp_cifar10"): {"alpha_linear": 2.18},
    ("alpha_map", "resnet50_tiny_imagenet"): {"alpha_conv": 1.94, "alpha_head": 0.90},
    ("alpha_map", "resnet50_imagenet_photos"): {"alpha_conv": 2.10, "alpha_head": 2.83},
    ("alpha_map", "gpt2_tiny_shakespeare"): {
        "alpha_attention_qkv": 1.43,
        "alpha_attention_projection": 1.17,
        "alpha_mlp_up": 0.84,
        "alpha_mlp_down": 1.15,
        "alpha_head": 4.53,
    },
    ("alpha_triangle", "resnet18_cifar10"): {"median_error": 0.019},
    ("hvp_validation", "resnet18_cifar10"): {"r2_exact_sigma2": 0.998, "r2_ggn_sigma2": 0.992, "r2_exact_ggn": 0.996},
    ("participation_ratio", "resnet18_cifar10"): {"curvature_max": 1.8, "gradient_max": 58.0},
    ("controlled_ablations", "vit_cifar10"): {"alpha_attention_qkv": 2.25, "alpha_mlp_up": 2.12},
    ("controlled_ablations", "vit_cifar100"): {"alpha_attention_qkv": 1.74, "alpha_mlp_up": 1.62},
    ("controlled_ablations", "gpt2_tiny_shakespeare"): {"alpha_mlp_up": 0.73, "alpha_mlp_down": 1.15},
    ("controlled_ablations", "gpt2_classifier_novels"): {"alpha_mlp_up": 1.59, "alpha_mlp_down": 1.85},
    ("kronecker_spectrum", "resnet50_tiny_imagenet"): {"median_correlation": 0.974, "law_agreement": 0.87},
    ("spectral_newton", "adamw_cifar10"): {"test_accuracy": 0.927},
    ("spectral_newton", "spectral_newton_2_cifar10"): {"test_accuracy": 0.938},
    ("spectral_newton", "adamw_cifar100"): {"test_accuracy": 0.715},
    ("spectral_newton", "spectral_newton_2_cifar100"): {"test_accuracy": 0.750},
    ("scalar_preconditioner", "adam_cifar10"): {"test_accuracy": 0.9385},
    ("scalar_preconditioner", "direct_1.0_cifar10"): {"test_accuracy": 0.9390},
    ("scalar_preconditioner", "direct_1.5_cifar10"): {"test_accuracy": 0.9396},
}


def rows(records: dict[tuple[str, str, str], list[dict]]) -> list[tuple[str, ...]]:
    """Make one row per variant and headline.

    Args:
        records: What `records_by_variant` returned.

    Returns:
        Experiment, variant, scale, seeds, minutes, headline, mean and standard deviation, the source paper's value.
    """
    made = []
    for (experiment, variant, scale), seeds in records.items():
        published = PUBLISHED.get((experiment, variant), {})
        minutes = sum(record["provenance"]["wall_s"]["this_run"] for record in seeds) / 60
        found = [headlines(record) for record in seeds]
        for position, name in enumerate(found[0]):
            values = [values[name] for values in found if name in values]
            spread = f" ± {np.std(values, ddof=1):.3g}" if len(values) > 1 else ""
            head = (experiment, variant, scale, str(len(seeds)), f"{minutes:.1f}") if position == 0 else ("",) * 5
            printed = f"{published[name]:g}" if name in published else ""
            made.append((*head, name, f"{np.mean(values):.4g}{spread}", printed))
    return made


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of records (default: results)")
    options = parser.parse_args()
    records = records_by_variant(options.results)
    console = Console(width=150)
    _print(
        console,
        ("experiment", "variant", "scale", "seeds", "minutes", "headline", "ours", "source paper"),
        rows(records),
    )
    scales = sorted({scale for _, _, scale in records})
    compared = [(scale, entry) for scale in scales for entry in compare_accuracies(records, scale)]
    if compared:
        names = ("scale", "accuracy of", "minus that of", "seeds", "difference", "90 % interval", "equivalent (Holm p)")
        _print(console, names, [_comparison_row(scale, entry) for scale, entry in compared])


def _comparison_row(scale: str, entry: dict) -> tuple[str, ...]:
    interval = f"{entry['ci90_low']:+.4f} to {entry['ci90_high']:+.4f}"
    verdict = f"{'yes' if entry['holm_p'] < 0.05 else 'not shown'} ({entry['holm_p']:.2g}), margin {entry['margin']}"
    pair = (entry["sample"], entry["reference"], str(entry["n"]))
    return scale, *pair, f"{entry['difference']:+.4f}", interval, verdict


def _print(console: Console, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(*names, box=None)
    for row in rows:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
