"""hvp_validation: exact curvature, its Gauss-Newton value, sigma^2 and finite differences, layer by layer."""

from torch import nn

from experiments._curvature import chosen_layers, engines
from experiments._kernels import DTYPES
from experiments._runner import Run, launch
from experiments._subject import Subject, on_subject
from layercurv.curvature import (
    CrossEntropy,
    Directions,
    WeightLayer,
    directional_curvature,
)
from layercurv.curvature.finite_difference import finite_difference_curvature
from layercurv.fits import r_squared
from layercurv.measure.check import evenly_spread, subset
from layercurv.measure.entry import identity

LOSS = CrossEntropy()


@on_subject
def measure(run: Run, subject: Subject) -> dict:
    """Measure h by double backpropagation, the GGN value by its own engine, and both by finite differences.

    Args:
        run: The run.
        subject: What is measured.

    Returns:
        The measurements.
    """
    model, layers = subject.trained.model, chosen_layers(run, subject.trained.model)
    on_samples = engines(run, model, subject.batches)
    directions = on_samples.gradient_directions(layers, run.cfg.curvature.top_k)
    exact = on_samples.directional_curvature(directions, engine="double_backward")
    fast = on_samples.directional_curvature(directions, engine="auto")
    entries = []
    for depth, layer in enumerate(layers, start=1):
        found = directions[layer.name]
        entry = layer_entry(depth, layer, found, exact[layer.name].curvatures, fast[layer.name].ggn)
        entries.append(entry | {"finite_differences": differences(run, model, subject.batches, layer, found)})
    return {"layers": entries}


def layer_entry(depth: int, layer: WeightLayer, directions: Directions, exact, ggn) -> dict:
    """Put one layer's lists and the three R^2 of the source paper's appendix A together.

    Args:
        depth: Position in the network, from 1.
        layer: The layer.
        directions: Its directions.
        exact: h_k by double backpropagation, [K].
        ggn: GGN values, [K].

    Returns:
        The layer's part of the record.
    """
    used = (~directions.is_null).cpu()
    sigma, h, g = directions.singular_values.cpu(), exact.cpu(), ggn.cpu()
    pairs = {"exact_sigma2": (h, sigma**2), "ggn_sigma2": (g, sigma**2), "exact_ggn": (h, g)}
    return identity(depth, layer) | {
        "weight_norm": float(layer.weight.detach().norm()),
        "singular_values": sigma.tolist(),
        "is_null": directions.is_null.tolist(),
        "curvatures": h.tolist(),
        "ggn_curvatures": g.tolist(),
        "r2": {name: r_squared(x[used], y[used]) if used.sum() > 2 else None for name, (x, y) in pairs.items()},
    }


def differences(run: Run, model: nn.Module, batches: list, layer: WeightLayer, directions: Directions) -> dict:
    """Estimate some of one layer's curvatures by finite differences of every form, precision and step.

    Args:
        run: The run.
        model: The network; its precision is restored.
        batches: Micro-batches; the first samples of the first one are used.
        layer: The layer.
        directions: Its directions.

    Returns:
        The directions' numbers `k`, their exact curvatures on these samples, and a list of `estimates`.
    """
    cfg, dtype = run.cfg.finite_difference, layer.weight.dtype
    index = evenly_spread(directions, cfg.n_directions)
    some, samples = subset(directions, index), [part[: cfg.n_samples] for part in batches[0]]
    estimates = []
    for method in cfg.methods:
        model.to(DTYPES[method.dtype])
        batch = [(samples[0].to(DTYPES[method.dtype]), samples[1])]
        for step in cfg.steps:
            h = finite_difference_curvature(model, LOSS, batch, layer, some, step, method.form)
            estimates.append({**method, "step": step, "curvatures": h.tolist()})
    model.double()
    exact = directional_curvature(model, LOSS, [(samples[0].double(), samples[1])], {layer.name: some})
    model.to(dtype)
    return {
        "k": [i + 1 for i in index],
        "n_samples": len(samples[1]),
        "exact": exact[layer.name].curvatures.tolist(),
        "estimates": estimates,
    }


if __name__ == "__main__":
    launch("hvp_validation", measure, processes=True)
