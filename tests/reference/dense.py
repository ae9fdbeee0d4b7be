"""Dense brute force: the layer's Hessian as a matrix, one entry per pair of weights."""

import torch
from torch.func import functional_call, hessian

from layercurv.curvature import WeightLayer


def layer_hessian(case, layer: WeightLayer) -> torch.Tensor:
    """Hessian of the mean loss in one layer's weight, [m*n, m*n], by forward-over-reverse over the whole batch."""
    key = f"{layer.name}.weight" if layer.name else "weight"

    def mean_loss(flat_weight):
        weight = flat_weight.reshape(layer.weight.shape)
        outputs = functional_call(case.model, {key: weight}, (case.inputs,))
        return case.loss.sum_loss(outputs, case.targets) / len(case.inputs)

    return hessian(mean_loss)(layer.weight.detach().flatten())


def directional_curvatures(case, layer: WeightLayer, directions) -> torch.Tensor:
    """vec(u_k v_k^T)^T H vec(u_k v_k^T) from the dense Hessian, [K]."""
    H = layer_hessian(case, layer)
    D = torch.einsum("mk,nk->kmn", directions.left, directions.right).flatten(1)
    return torch.einsum("ki,ij,kj->k", D, H, D)
