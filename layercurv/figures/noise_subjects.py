"""What the figures on sampling noise share: the networks, and per layer what was predicted and measured."""

from dataclasses import dataclass

import numpy as np

from layercurv.figures.layer_roles import role_in
from layercurv.fits import selection_terms, unselected_exponent

# Network -> seeds: trainings of ours, draws of samples of networks that others trained.
SUBJECTS = {
    "resnet18_cifar10": 1,
    "resnet20_published": 1,
    "vgg11_cifar10": 3,
    "mlp_cifar10": 3,
    "vit_cifar10": 3,
    "gpt2_tiny_shakespeare": 3,
    "gpt2_own_text": 3,
    "resnet32_published_B512": 3,
    "smollm2_wikitext": 3,
    "smollm2_own_text": 3,
}
# Labels far from what the network would draw: images that it all but memorised, and text that it would not write.
UNLIKELY_LABELS = ("resnet20_published", "resnet32_published", "smollm2_wikitext")
FIXED_ON = ("resnet18_cifar10", "resnet20_published")  # the predictors were chosen on these


@dataclass(frozen=True)
class Outcome:
    """One layer: what was said beforehand and what was found."""

    variant: str  # of the records
    role: str
    alpha: float  # along the batch gradient's directions, on the batch
    noise: float  # predicted by sign flips, mean over draws
    mixture: float  # predicted by the pool's gradient plus noise, mean over draws
    unselected: float  # exponent of h on the root of the second moment, on fresh samples


def record_names(seeds: dict[str, int]) -> tuple[str, ...]:
    """Name the records of some variants, predictions before measurements.

    Args:
        seeds: Variant without its seed to how many there are.

    Returns:
        Paths below the results folder.
    """
    folders = ("noise_prediction", "sampling_noise")
    return tuple(
        f"{folder}/{variant}_seed{seed}.small.json"
        for variant, n_seeds in seeds.items()
        for seed in range(n_seeds)
        for folder in folders
    )


def pairs(records: list[dict]) -> list[tuple[dict, dict]]:
    """Put prediction and measurement of the same variant side by side.

    Args:
        records: Those of `record_names`.

    Returns:
        Pairs of records.
    """
    by_name = {(record["experiment"], record["variant"]): record for record in records}
    variants = dict.fromkeys(variant for _, variant in by_name)
    return [(by_name["noise_prediction", v], by_name["sampling_noise", v]) for v in variants]


def outcomes(predicted: dict, measured: dict) -> list[Outcome]:
    """Refit every layer from its raw lists.

    Args:
        predicted: A `noise_prediction` record.
        measured: The `sampling_noise` record of the same network and samples.

    Returns:
        One outcome per layer, in network order.
    """
    layers = measured["measurements"]["layers"]
    return [
        Outcome(
            measured["variant"],
            role_in(layer, layers),
            alpha_of(layer),
            mean_alpha(said, "sign_flips"),
            mean_alpha(said, "signal_plus_noise"),
            _unselected(layer),
        )
        for said, layer in zip(predicted["measurements"]["layers"], layers, strict=True)
    ]


def alpha_of(layer: dict) -> float:
    """Fit alpha with the true labels, from exact curvature where it was measured, else from the GGN value.

    Args:
        layer: A layer of a `sampling_noise` record.

    Returns:
        The exponent.
    """
    found = layer["true"]
    h = found["ggn_curvatures"] if layer["curvatures"] is None else layer["curvatures"]
    return selection_terms(found["singular_values"], h, found["second_moments"], found["is_null"], 1)["alpha"]


def mean_alpha(said: dict, kind: str) -> float:
    """Average the draws of a prediction.

    Args:
        said: A layer of a `noise_prediction` record.
        kind: Of null.

    Returns:
        The mean exponent.
    """
    return float(np.mean(said[kind]["alphas"]))


def crossover_batches(predicted: dict) -> list[float]:
    """Estimate the batch at which signal equals noise, layer by layer.

    Args:
        predicted: A `noise_prediction` record.

    Returns:
        Trace of the noise covariance over the squared norm of the gradient without noise; infinite where the pool's
        gradient is not above the noise left in it.
    """
    found, result = predicted["measurements"], []
    for layer in found["layers"]:
        trace = found["n_samples"] * layer["noise_mean_squared_norm"]
        signal = layer["pool_squared_norm"] - trace / found["n_pool"]
        result.append(trace / signal if signal > 0 else float("inf"))
    return result


def _unselected(layer: dict) -> float:
    found = layer["true"]
    return unselected_exponent(found["fresh_ggn_curvatures"], found["fresh_second_moments"], found["is_null"])["slope"]
