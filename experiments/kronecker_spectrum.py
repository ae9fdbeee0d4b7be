"""kronecker_spectrum: do the spectra of the Kronecker factors make the gradient's, and its law?"""

import numpy as np
import torch

from experiments._curvature import chosen_layers, engines, measure_spectra
from experiments._runner import Run, launch
from experiments._subject import Subject, on_subject
from layercurv.curvature import KroneckerFactors
from layercurv.fits import (
    correlation,
    effective_rank,
    label_agreement,
    predicted_singular_values,
    profile_bic,
    sampled_singular_values,
    synthetic_agreement,
)
from layercurv.measure.entry import or_missing

KINDS = ("empirical", "ggn")


@on_subject
def measure(run: Run, subject: Subject) -> dict:
    """Measure factors and gradient of every layer, and compare their spectra, sizes and laws.

    Args:
        run: The run.
        subject: What is measured.

    Returns:
        The measurements.
    """
    cfg = run.cfg
    model, layers = subject.trained.model, chosen_layers(run, subject.trained.model)
    factors, on_samples = KroneckerFactors(layers), engines(run, model, subject.batches)
    sampled = {"n_sampled": cfg.curvature.sampled_columns, "seed": cfg.seed}
    on_samples.sweep(layers, [factors], **sampled)
    gradients = on_samples.mean_gradients(layers)
    spectra = measure_spectra(run, model, subject.batches)
    entries = []
    for layer, spectrum in zip(layers, spectra, strict=True):
        n_per_position = subject.n_samples / factors.n_positions[layer.name]
        found = factors.factors(layer.name)
        entries.append(spectrum | layer_entry(run, spectrum, found, gradients[layer.name], n_per_position))
    return {
        "n_sampled_columns": cfg.curvature.sampled_columns,
        "layers": entries,
        "agreement": agreement(entries, cfg.seed),
        "synthetic": synthetic_agreement(**cfg.synthetic, seed=cfg.seed),
    }


def layer_entry(run: Run, spectrum: dict, factors: dict, gradient: torch.Tensor, n_per_position: float) -> dict:
    """Put one layer's spectra and what they say about each other together.

    Args:
        run: The run.
        spectrum: The layer's spectrum entry.
        factors: `A`, `empirical` and `ggn`.
        gradient: The mean gradient, [m, n] float64.
        n_per_position: B / P: the mean gradient of B samples of P independent positions has variance P / B of one.

    Returns:
        `gradient_singular_values`, `factors` (eigenvalues and effective rank), and under each kind of output factor the
        singular values of noise between the factors, by the limiting law and by draws, what BIC makes of them, and
        their correlation with the measured ones.
    """
    missing, count = spectrum["missing"], run.cfg.n_profile
    eigenvalues = {key: torch.linalg.eigvalsh(factor).flip(0).clamp_min(0).tolist() for key, factor in factors.items()}
    sigma = torch.linalg.svdvals(gradient)[:count].tolist()
    used = sum(value > sigma[0] * torch.finfo(torch.float32).eps * max(gradient.shape) for value in sigma)
    kinds = {}
    for kind in KINDS:
        spectra = eigenvalues[kind], eigenvalues["A"]
        noise = or_missing(missing, f"kinds.{kind}.noise", noise_entry, *spectra, n_per_position, used, run.cfg.seed)
        law = or_missing(missing, f"kinds.{kind}.law", predicted_singular_values, *spectra, n_per_position, used)
        kinds[kind] = {
            "law": law,
            "noise": noise,
            "noise_bic": noise and or_missing(missing, f"kinds.{kind}.noise_bic", profile_bic, noise["values"]),
            "correlation": noise
            and or_missing(missing, f"kinds.{kind}.correlation", log_correlation, sigma[:used], noise),
        }
    return {
        "gradient_singular_values": sigma,
        "gradient_bic": or_missing(missing, "gradient_bic", profile_bic, sigma[:used]),
        "factors": {
            key: {
                "eigenvalues": values[:count],
                "effective_rank": or_missing(missing, f"factors.{key}.effective_rank", effective_rank, values),
                "n": len(values),
            }
            for key, values in eigenvalues.items()
        },
        "kinds": kinds,
        "missing": missing,
    }


def noise_entry(factor_d: list[float], factor_A: list[float], n_samples: float, count: int, seed: int) -> dict:
    """Predict the gradient's singular values as those of noise between the two factors.

    Args:
        factor_d: Eigenvalues of the output factor.
        factor_A: Eigenvalues of the input factor.
        n_samples: B / P.
        count: How many.
        seed: Of the draws.

    Returns:
        As `sampled_singular_values`.
    """
    return sampled_singular_values(factor_d, factor_A, n_samples, count, n_draws=8, seed=seed)


def log_correlation(sigma: list[float], noise: dict) -> dict:
    """Correlate the logarithms of measured and predicted singular values.

    Args:
        sigma: Measured.
        noise: What `noise_entry` returned.

    Returns:
        As `correlation`.
    """
    return correlation(np.log(sigma), noise["mean_log"], n_draws=200)


def agreement(entries: list[dict], seed: int) -> dict:
    """Ask whether the laws of gradient and noise agree more often than by chance.

    Args:
        entries: All layers.
        seed: Of the permutations.

    Returns:
        For each kind of output factor what `label_agreement` says; None where no layer has both laws.
    """
    found = {}
    for kind in KINDS:
        pairs = [(e["gradient_bic"], e["kinds"][kind]["noise_bic"]) for e in entries]
        labels = [(a["winner"], b["winner"]) for a, b in pairs if a and b]
        found[kind] = label_agreement(*map(list, zip(*labels, strict=True)), seed=seed) if labels else None
    return found


if __name__ == "__main__":
    launch("kronecker_spectrum", measure, processes=True)
