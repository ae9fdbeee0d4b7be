"""Dense brute force: the layer's Hessian as a matrix, one entry per pair of weights."""

import torch
from torch.func import functional_call, jacrev
from torch.nn.attention import SDPBackend, sdpa_kernel

from layercurv.curvature import WeightLayer


def layer_hessian(case, layer: WeightLayer) -> torch.Tensor:
    """Hessian of the mean loss in one layer's weight, flattened as the module holds it, by reverse over reverse.

    Not by forward over forward: that is silently wrong through layer normalisation in torch 2.13.
    """
    key = f"{layer.name}.weight" if layer.name else "weight"

    def mean_loss(flat_weight):
        weight = flat_weight.reshape(layer.weight.shape)
        outputs = functional_call(case.model, {key: weight}, (case.inputs,))
        return case.loss.sum_loss(getattr(outputs, "logits", outputs), case.targets) / len(case.inputs)

    with sdpa_kernel(SDPBackend.MATH):
        return jacrev(jacrev(mean_loss))(layer.weight.detach().flatten()).detach()


def directional_curvatures(case, layer: WeightLayer, directions) -> torch.Tensor:
    """vec(u_k v_k^T)^T H vec(u_k v_k^T) from the dense Hessian, [K]."""
    H = layer_hessian(case, layer)
    D = torch.einsum("mk,nk->kmn", directions.left, directions.right)
    D = (D.mT if layer.is_transposed else D).flatten(1)
    return torch.einsum("ki,ij,kj->k", D, H, D)
