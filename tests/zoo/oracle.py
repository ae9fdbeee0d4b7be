"""Plain double backpropagation of the user's own loss in float64, and finite differences of its gradient."""

import copy

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


def mean_loss(model, own, batches, counts):
    losses = [own(model, copy.deepcopy(batch)) * count for batch, count in zip(batches, counts, strict=True)]
    return sum(losses) / sum(counts)


def curvatures(model, own, batches, counts, weights, directions):
    """`weights` and `directions`: lists of tensors that move together; directions [K, *shape]."""
    with sdpa_kernel(SDPBackend.MATH), torch.backends.mkldnn.flags(enabled=False):
        loss = mean_loss(model, own, batches, counts)
        gradients = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True)
        found = []
        for k in range(len(directions[0])):
            pairs = [(g, d[k]) for g, d in zip(gradients, directions, strict=True) if g is not None]
            slope = sum((g * d).sum() for g, d in pairs)
            if not slope.requires_grad:
                found.append(0.0)
                continue
            products = torch.autograd.grad(slope, weights, retain_graph=True, allow_unused=True)
            terms = [(p * d[k]).sum() for p, d in zip(products, directions, strict=True) if p is not None]
            found.append(float(sum(terms)) if terms else 0.0)
    return torch.tensor(found, dtype=torch.float64)


def by_finite_differences(model, own, batches, counts, weight, directions, step=1e-5):
    """(<grad L(W + e D), D> - <grad L(W - e D), D>) / 2e."""

    def slope(change, D):
        with torch.no_grad():
            kept = weight.detach().clone()
            weight.add_(change)
        (gradient,) = torch.autograd.grad(mean_loss(model, own, batches, counts), weight)
        with torch.no_grad():
            weight.copy_(kept)
        return float((gradient * D).sum())

    with sdpa_kernel(SDPBackend.MATH):
        return torch.tensor([(slope(step * D, D) - slope(-step * D, D)) / (2 * step) for D in directions])
