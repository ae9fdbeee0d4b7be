"""spectral_newton: Spectral Newton against AdamW, SGD and Muon, tuned with equal budgets; one optimiser a record."""

import time

import torch
from torch import nn

from experiments._contest import compete, contest_data, measured_exponents
from experiments._curvature import chosen_layers, draw_batches
from experiments._runner import Run, launch
from layercurv.curvature import CrossEntropy, mean_gradients
from layercurv.optim import step_cosine


def measure(run: Run) -> dict:
    """Tune, train, and compare the steps that Spectral Newton would take with those of SGD.

    Args:
        run: The run.

    Returns:
        The record's measurements and what it adds to the provenance.
    """
    data, alphas = contest_data(run), None
    if run.cfg.optimizer.get("alpha") == "measured":
        alphas = measured_exponents(run, data, "alpha")
        run = run.with_settings({"optimizer.alpha": alphas})
    contestant, started = compete(run, data), time.perf_counter()
    batches = draw_batches(run, data, run.cfg.training.batch_size)
    cosines = [
        {"epoch": epoch, "layers": cosine_entries(run, contestant.trained.at_epoch(epoch), batches)}
        for epoch in (0, run.cfg.training.epochs)
    ]
    return {
        "optimizer": run.cfg.optimizer.name,
        "alphas": alphas,
        **contestant.chosen(),
        "cosines": cosines,
        "provenance": contestant.provenance(time.perf_counter() - started),
    }


def cosine_entries(run: Run, model: nn.Module, batches: list) -> list[dict]:
    """Compare Spectral Newton's step with the gradient, layer by layer, on one training batch.

    Args:
        run: The run; `contest.damping` is d.
        model: The network, in eval mode.
        batches: The batch.

    Returns:
        For each layer the cosine by alpha, and the share of singular values with sigma^2 < d, where the step of
        alpha = 2 is close to sigma / d.
    """
    gradients, d = mean_gradients(model, CrossEntropy(), batches, chosen_layers(run, model)), run.cfg.contest.damping
    return [
        {
            "name": name,
            "cosine": {f"alpha_{alpha:g}": step_cosine(G, alpha, d) for alpha in run.cfg.contest.cosine_alphas},
            "share_below_damping": float((torch.linalg.svdvals(G) ** 2 < d).double().mean()),
        }
        for name, G in gradients.items()
    ]


if __name__ == "__main__":
    launch("spectral_newton", measure)
