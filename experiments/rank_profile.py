"""rank_profile: which law the gradient's singular values follow, by BIC, along training and with B."""

import torch
from torch import nn

from experiments._curvature import chosen_layers, draw_batches, engines
from experiments._runner import Run, launch
from experiments._subject import Subject, on_subject
from layercurv.fits import profile_bic
from layercurv.measure.entry import identity, or_missing


@on_subject
def measure(run: Run, subject: Subject) -> dict:
    """Take the gradient's spectrum at several epochs, and for several B at the first and last of them.

    Args:
        run: The run.
        subject: What is measured.

    Returns:
        The measurements.
    """
    epochs, profiles = list(run.cfg.epochs), []
    for epoch in epochs:
        model = subject.trained.at_epoch(epoch)
        sizes = run.cfg.batch_sizes if epoch in (epochs[0], epochs[-1]) else []
        for n_samples in [*sizes, subject.n_samples]:
            profiles.append(profile_entry(run, subject, model, epoch, n_samples))
    return {"profiles": profiles}


def profile_entry(run: Run, subject: Subject, model: nn.Module, epoch: int, n_samples: int) -> dict:
    """Compare three laws on every layer's gradient spectrum.

    Args:
        run: The run.
        subject: What is measured.
        model: The network at this epoch.
        epoch: The epoch.
        n_samples: B; fewer samples are the first of more.

    Returns:
        `epoch`, `n_samples` and one entry per layer.
    """
    batches = draw_batches(run, subject.data, n_samples)
    layers = chosen_layers(run, model)
    gradients = engines(run, model, batches).mean_gradients(layers)
    eps = torch.finfo(layers[0].weight.dtype).eps
    entries = []
    for depth, layer in enumerate(layers, start=1):
        sigma = torch.linalg.svdvals(gradients[layer.name])[: run.cfg.curvature.top_k]
        is_null = sigma <= sigma[0] * eps * max(layer.shape)
        missing: dict[str, str] = {}
        entries.append(
            identity(depth, layer)
            | {
                "singular_values": sigma.tolist(),
                "is_null": is_null.tolist(),
                "bic": or_missing(missing, "bic", profile_bic, sigma[~is_null].tolist()),
                "missing": missing,
            }
        )
    return {"epoch": epoch, "n_samples": n_samples, "layers": entries}


if __name__ == "__main__":
    launch("rank_profile", measure, processes=True)
