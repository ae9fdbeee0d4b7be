"""Optimisers against each other over seeds: differences with intervals, and tests of equivalence."""

from layercurv.fits import equivalence_test, holm

# Experiment -> (margin of accuracy that does not matter, fixed beforehand; pairs of variants). The margin is the source
# paper's: it calls 0.2 points no difference.
PAIRS = {
    "spectral_newton": (
        0.002,
        [
            (f"{ours}_{data}", f"{rival}_{data}")
            for data in ("cifar10", "cifar100")
            for ours in ("spectral_newton_2", "spectral_newton_1", "spectral_newton_measured")
            for rival in ("adamw", "sgd", "muon", "spectral_newton_0")
        ]
        + [(f"sgd_{data}", f"adamw_{data}") for data in ("cifar10", "cifar100")],
    ),
    "scalar_preconditioner": (
        0.002,
        [
            (f"{ours}_cifar10", "adam_cifar10")
            for ours in ("direct_0.5", "direct_1.0", "direct_1.5", "inverse_1.0", "random_1.0")
        ],
    ),
}


def compare_accuracies(records: dict[tuple[str, str, str], list[dict]], scale: str) -> list[dict]:
    """Compare test accuracies of all pairs for which two seeds are there.

    Args:
        records: What `records_by_variant` returned.
        scale: Which scale.

    Returns:
        One entry per pair: `experiment`, `sample`, `reference`, `n` and what `equivalence_test` returns, with `holm_p`,
        its p-value adjusted for the number of pairs of the experiment.
    """
    made = []
    for experiment, (margin, pairs) in PAIRS.items():
        entries = []
        for sample, reference in pairs:
            found = [_accuracies(records.get((experiment, variant, scale), [])) for variant in (sample, reference)]
            if min(map(len, found)) < 2:
                continue
            test = equivalence_test(*found, margin, paired=False)
            entries.append(
                {"experiment": experiment, "sample": sample, "reference": reference, "n": len(found[0]), **test}
            )
        for entry, adjusted in zip(entries, holm([entry["p"] for entry in entries]) if entries else [], strict=True):
            entry["holm_p"] = adjusted
        made += entries
    return made


def _accuracies(records: list[dict]) -> list[float]:
    return [record["measurements"]["training"]["test_accuracy"] for record in records]
