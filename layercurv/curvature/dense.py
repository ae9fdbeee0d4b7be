"""The Hessian of a small network as one dense matrix over all its weight layers, and its spectrum.

D weights in all; rows and columns run over the layers in the order of `weight_layers`, each weight flattened as its
module holds it.
"""

from itertools import chain

import torch
from torch import nn
from torch.func import functional_call, hessian

from layercurv.curvature.layers import WeightLayer, weight_layers
from layercurv.curvature.losses import Loss, as_loss
from layercurv.curvature.measuring import require_eval_mode
from layercurv.errors import InputError

# 4096^2 float64 numbers are 134 MB, and torch holds the activations of D tangents beside them.
MAX_WEIGHTS = 4096


def dense_hessian(
    model: nn.Module, loss: Loss | nn.CrossEntropyLoss, inputs: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Differentiate the mean loss twice in all weight matrices together, cross-layer blocks included.

    Forward mode over reverse mode, all D columns at once, in float64 whatever the network's dtype. Costs D
    Hessian-vector products and the memory of D copies of the activations. Biases, normalisation weights and embeddings
    are held fixed.

    Args:
        model: The network, in eval mode; it returns a tensor.
        loss: The loss.
        inputs: [N, ...], the whole batch at once.
        targets: [N, ...].

    Returns:
        [D, D], float64, symmetric to rounding.

    Raises:
        InputError: If D is over `MAX_WEIGHTS`, or a BatchNorm or dropout layer is in train mode.

    Example:
        Of half the squared error of y = W x the Hessian is E[x x^T], once for each output:

        >>> from layercurv.curvature import SquaredError
        >>> inputs, targets = torch.tensor([[1.0, 2.0]]), torch.zeros(1, 1)
        >>> dense_hessian(nn.Linear(2, 1), SquaredError(), inputs, targets).tolist()
        [[1.0, 2.0], [2.0, 4.0]]
    """
    require_eval_mode(model)
    layers, loss, inputs = weight_layers(model), as_loss(loss), _to_double(inputs)
    sizes = [layer.weight.numel() for layer in layers]
    if sum(sizes) > MAX_WEIGHTS:
        raise InputError(
            f"dense Hessian: expected at most {MAX_WEIGHTS} weights, got {sum(sizes)}; "
            "use curvature.spectrum for a larger network"
        )
    fixed = {name: _to_double(x.detach()) for name, x in chain(model.named_parameters(), model.named_buffers())}

    def mean_loss(flat: torch.Tensor) -> torch.Tensor:
        parts = zip(layers, flat.split(sizes), strict=True)
        weights = {_weight_name(layer): part.view(layer.weight.shape) for layer, part in parts}
        outputs = functional_call(model, fixed | weights, (inputs,))
        return loss.sum_loss(outputs, _to_double(targets)) / len(inputs)

    return hessian(mean_loss)(torch.cat([fixed[_weight_name(layer)].flatten() for layer in layers]))


def layer_blocks(H: torch.Tensor, layers: list[WeightLayer]) -> dict[str, torch.Tensor]:
    """Cut the diagonal blocks of single layers out of the Hessian.

    Args:
        H: [D, D], as `dense_hessian` returns it.
        layers: All weight layers of the network, in the same order.

    Returns:
        Layer name to its block, [m n, m n].

    Raises:
        InputError: If the layers do not have D weights.
    """
    sizes = [layer.weight.numel() for layer in layers]
    if sum(sizes) != len(H):
        raise InputError(f"layer blocks: expected layers with {len(H)} weights in all, got {sum(sizes)}")
    blocks, start = {}, 0
    for layer, size in zip(layers, sizes, strict=True):
        blocks[layer.name] = H[start : start + size, start : start + size]
        start += size
    return blocks


def hessian_spectrum(H: torch.Tensor) -> torch.Tensor:
    """Compute all eigenvalues of a symmetric matrix.

    Args:
        H: [D, D]; only its symmetric part counts.

    Returns:
        [D], descending, in the dtype of H.
    """
    return torch.linalg.eigvalsh((H + H.T) / 2).flip(0)


def _weight_name(layer: WeightLayer) -> str:
    return f"{layer.name}.weight" if layer.name else "weight"


def _to_double(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor
