"""torch's Muon for whole networks: convolution kernels viewed as matrices, AdamW for the rest."""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer

from layercurv.optim.layer_weights import from_matrix, is_transposed, layer_weights, other_parameters, to_matrix


class MuonWithAdamW(Optimizer):
    """Steps the weights of all linear and convolution layers by torch.optim.Muon, all else by torch.optim.AdamW.

    Muon takes matrices only, so each kernel is shown to it as [out, in / groups * kernel], in the same storage. Groups
    and state are kept here, under the network's own parameters, so schedulers and `state_dict` work as for any torch
    optimiser; the two inner optimisers are made anew each step around them.
    """

    def __init__(self, model: nn.Module, muon: dict, adamw: dict):
        """Split a network.

        Args:
            model: The network.
            muon: Options of torch.optim.Muon (lr, momentum, weight_decay, ...).
            adamw: Options of torch.optim.AdamW.

        Raises:
            InputError: If the network has no linear or convolution layer.
        """
        layers = layer_weights(model).values()
        groups = []
        for transposed in (False, True):
            weights = [layer.weight for layer in layers if is_transposed(layer) is transposed]
            groups.append(_with_defaults(Muon, muon) | {"params": weights, "muon": True, "is_transposed": transposed})
        groups.append(_with_defaults(AdamW, adamw) | {"params": other_parameters(model), "muon": False})
        super().__init__([group for group in groups if group["params"]], {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step with the gradients at hand.

        Args:
            closure: Evaluates the loss and its gradients, if given.

        Returns:
            The closure's loss, None without one.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters and group["muon"]:
                self._step_muon(parameters, group)
            elif parameters:
                inner = AdamW([group | {"params": parameters}])
                inner.state = self.state
                inner.step()
        return loss

    def _step_muon(self, parameters: list[nn.Parameter], group: dict) -> None:
        transposed = group["is_transposed"]
        matrices = [nn.Parameter(to_matrix(parameter.detach(), transposed)) for parameter in parameters]
        inner = Muon([group | {"params": matrices}])
        for parameter, matrix in zip(parameters, matrices, strict=True):
            matrix.grad = to_matrix(parameter.grad, transposed)
            inner.state[matrix] = self.state[parameter]
        inner.step()
        for parameter, matrix in zip(parameters, matrices, strict=True):
            if matrix.data_ptr() != parameter.data_ptr():  # a channels-last kernel has no such view, it was copied
                parameter.copy_(from_matrix(matrix, parameter.shape, transposed))


def _with_defaults(optimizer: type[Optimizer], options: dict) -> dict:
    # Has torch check the options and fill in the rest.
    return optimizer([nn.Parameter(torch.zeros(1, 1))], **options).defaults
