"""depth_bifurcation: the Hessian spectrum of deep linear networks along training; is the ratio of its clusters L?"""

import time

import torch
from omegaconf import OmegaConf

from experiments._kernels import trust_network
from experiments._runner import Run, launch
from layercurv.curvature import SquaredError, weight_layers
from layercurv.curvature.dense import dense_hessian, hessian_spectrum, layer_blocks
from layercurv.data.whitened import linear_teacher
from layercurv.fits.spectral_bifurcation import (
    closed_form_difference,
    cluster_ratio,
    find_clusters,
    predicted_counts,
)
from layercurv.measure.entry import or_missing
from layercurv.models import deep_linear
from layercurv.training.gradient_descent import gradient_descent
from layercurv.training.matrix_chain import (
    chain_widths,
    imbalances,
    product_singular_values,
    set_weights,
    start_weights,
)


def measure(run: Run) -> dict:
    """Descend on a linear teacher's data; take the Hessian's eigenvalues along the way and cluster those at the end.

    Args:
        run: The run.

    Returns:
        The record's measurements and what it adds to the provenance.
    """
    cfg = OmegaConf.to_container(run.cfg, resolve=True)
    widths = chain_widths(cfg["d_in"], cfg["hidden"], cfg["d_out"], cfg["depth"])
    generator = torch.Generator().manual_seed(cfg["seed"])  # one stream: data and start must not share numbers
    data = linear_teacher(cfg["d_in"], cfg["d_out"], **cfg["teacher"], generator=generator)
    inputs, targets = data.inputs.to(run.device), data.targets.to(run.device)
    model, loss = deep_linear(widths, cfg["activation"]).double().to(run.device), SquaredError()
    set_weights(model, start_weights(widths, **cfg["start"], generator=generator))
    trust_network(run, model, inputs)
    started = time.perf_counter()
    snapshots = gradient_descent(model, lambda: loss.sum_loss(model(inputs), targets) / len(inputs), **cfg["descent"])
    trained = time.perf_counter()
    spectra = []
    for snapshot in snapshots:
        set_weights(model, snapshot.weights)
        H = dense_hessian(model, loss, inputs, targets)
        spectra.append(hessian_spectrum(H).tolist())
    return {
        "n_samples": len(inputs),
        "n_weights": len(H),
        "is_converged": snapshots[-1].gradient_norm <= cfg["descent"]["gradient_tolerance"],
        "snapshots": [
            {"step": s.step, "mean_loss": s.mean_loss, "gradient_norm": s.gradient_norm, "eigenvalues": eigenvalues}
            for s, eigenvalues in zip(snapshots, spectra, strict=True)
        ],
        "imbalances": imbalances(snapshots[-1].weights),
        "layers": layer_entries(model, H),
        **theory_entries(cfg, spectra[-1], product_singular_values(snapshots[-1].weights)),
        "provenance": {
            "data": data.provenance,
            "training_commits": [run.code],
            "wall_s": {"training": trained - started, "measurement": time.perf_counter() - trained},
        },
    }


def layer_entries(model: torch.nn.Module, H: torch.Tensor) -> list[dict]:
    """List each layer's diagonal block of the Hessian by its eigenvalues.

    Args:
        model: The network.
        H: Its Hessian, [D, D].

    Returns:
        One entry per layer: `name`, `shape`, `eigenvalues`.
    """
    layers = weight_layers(model)
    spectra = {name: hessian_spectrum(block).tolist() for name, block in layer_blocks(H, layers).items()}
    return [{"name": layer.name, "shape": list(layer.shape), "eigenvalues": spectra[layer.name]} for layer in layers]


def theory_entries(cfg: dict, eigenvalues: list[float], singular_values: list[float]) -> dict:
    """Hold a spectrum against the theory: clusters as it falls apart by itself, and by the counts predicted.

    Args:
        cfg: The resolved configuration.
        eigenvalues: The spectrum.
        singular_values: Of the product of all layers.

    Returns:
        `found` and `at_predicted_counts`, each None where it cannot be had, and the reasons under `missing`; the
        singular values, and how far the spectrum is from that of a balanced minimum that has them.
    """
    missing: dict[str, str] = {}
    depth, d_in, d_out = cfg["depth"], cfg["d_in"], cfg["d_out"]
    counts = predicted_counts(d_in, d_out, len(cfg["teacher"]["singular_values"]))
    return {
        "product_singular_values": singular_values,
        "closed_form_difference": closed_form_difference(eigenvalues, singular_values, depth, d_in, d_out),
        "found": or_missing(missing, "found", find_clusters, eigenvalues, cfg["null_threshold"], depth),
        "at_predicted_counts": or_missing(missing, "at_predicted_counts", cluster_ratio, eigenvalues, *counts, depth),
        "missing": missing,
    }


if __name__ == "__main__":
    launch("depth_bifurcation", measure)
