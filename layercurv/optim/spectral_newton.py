"""Spectral Newton as a torch optimiser: the spectral step for weight matrices, AdamW for the rest."""

import math
from collections.abc import Callable, Iterable, Sequence
from numbers import Real

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.adamw import adamw

from layercurv.errors import InputError
from layercurv.optim.layer_weights import from_matrix, to_matrix
from layercurv.optim.spectral_step import spectral_step


class SpectralNewton(Optimizer):
    """Steps along the gradient's singular directions by T(sigma; alpha) = sigma / (sigma^alpha + d).

    A group with `spectral=True`, for each of its parameters W with gradient g, view as a matrix G:

        b <- momentum b + g;   g' = g + momentum b (nesterov) or b;   W <- (1 - lr weight_decay) W - lr T(G')

    The buffer b starts as the first gradient, as in torch.optim.SGD; the weight decay is decoupled, as in AdamW. A
    group with `spectral=False` is stepped by torch's own AdamW. `param_groups.spectral_groups` splits a network.

    As d grows, T(G) -> G / d: with lr = eta d this is SGD with rate eta. With alpha = 0 it is SGD with rate
    lr / (1 + d), all else equal: the control that knows no spectrum. With alpha = 1 and d = 0 it is Muon with an
    exact polar factor, apart from Muon's scaling of the rate and of the buffer.

    Source: arXiv 2606.02596, which gives d = 0.1 and alpha = 2; it states neither momentum nor weight decay.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float,
        *,
        alpha: float = 2.0,
        damping: float = 0.1,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        spectral: bool = True,
        is_transposed: bool = False,
    ):
        """Build the optimiser; a parameter group may set each option for itself.

        Args:
            params: Parameters or parameter groups. A spectral parameter is viewed as [out, the other dimensions].
            lr: Learning rate.
            alpha: Curvature exponent of a spectral group; 0 takes no notice of the spectrum.
            damping: d of a spectral group.
            momentum: Heavy ball on the gradient, before the step.
            nesterov: Whether the step looks ahead by the momentum.
            weight_decay: Decoupled: relative shrinkage per step is lr times this, in both kinds of groups.
            betas: AdamW's two decay rates.
            eps: AdamW's.
            spectral: Whether the group takes the spectral step.
            is_transposed: Whether the group's weights are transposed, as in transformers' `Conv1D`. T(G^T) = T(G)^T, so
                this only fixes which dimension counts as outputs.

        Raises:
            InputError: If an option is out of range, or a spectral parameter has fewer than two dimensions.
        """
        options = {
            "lr": lr,
            "alpha": alpha,
            "damping": damping,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
            "betas": betas,
            "eps": eps,
            "spectral": spectral,
            "is_transposed": is_transposed,
        }
        super().__init__(params, options)

    def add_param_group(self, param_group: dict) -> None:
        """Add a group after checking it.

        Args:
            param_group: "params" and any options.

        Raises:
            InputError: If an option is out of range, or a spectral parameter has fewer than two dimensions.
        """
        super().add_param_group(param_group)
        try:
            _require_usable(self.param_groups[-1])
        except InputError:
            del self.param_groups[-1]
            raise

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step with the gradients at hand.

        Args:
            closure: Evaluates the loss and its gradients, if given.

        Returns:
            The closure's loss, None without one.

        Raises:
            InputError: If a gradient is sparse, or a spectral one is not finite.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._require_finite_gradients()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if any(parameter.grad.is_sparse for parameter in parameters):
                raise InputError(f"{_place(group)}: expected dense gradients, got a sparse one; use sparse=False")
            if group["spectral"]:
                self._step_spectral(parameters, group)
            else:
                self._step_adamw(parameters, group)
        return loss

    def _require_finite_gradients(self) -> None:
        # Before anything is changed, so that a refused step leaves weights and momentum as they were.
        found = [
            (group, parameter.grad.abs().amax())
            for group in self.param_groups
            if group["spectral"]
            for parameter in group["params"]
            if parameter.grad is not None and not parameter.grad.is_sparse
        ]
        if found and not torch.isfinite(torch.stack([largest for _, largest in found])).all():
            group = next(group for group, largest in found if not torch.isfinite(largest))
            raise InputError(
                f"{_place(group)}: expected a finite gradient, got NaN or infinity; lower the learning rate"
            )

    def _step_spectral(self, parameters: list[nn.Parameter], group: dict) -> None:
        lr, is_transposed = float(group["lr"]), group["is_transposed"]
        for parameter in parameters:
            G = to_matrix(self._with_momentum(parameter, group), is_transposed)
            try:
                step = spectral_step(G, group["alpha"], group["damping"])
            except InputError as error:
                raise InputError(f"{_place(group)}: {error}") from error
            parameter.mul_(1 - lr * group["weight_decay"])
            parameter.add_(from_matrix(step, parameter.shape, is_transposed), alpha=-lr)

    def _with_momentum(self, parameter: nn.Parameter, group: dict) -> torch.Tensor:
        gradient, momentum = parameter.grad, group["momentum"]
        if momentum == 0:
            return gradient
        state = self.state[parameter]
        if "momentum_buffer" in state:
            state["momentum_buffer"].mul_(momentum).add_(gradient)
        else:
            state["momentum_buffer"] = gradient.clone()
        buffer = state["momentum_buffer"]
        return gradient.add(buffer, alpha=momentum) if group["nesterov"] else buffer

    def _step_adamw(self, parameters: list[nn.Parameter], group: dict) -> None:
        states = [self._adamw_state(parameter) for parameter in parameters]
        adamw(
            parameters,
            [parameter.grad for parameter in parameters],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],  # maxima, kept by AMSGrad only
            [state["step"] for state in states],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def _adamw_state(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.tensor(0.0)  # on the CPU wherever the parameter lies, as in torch.optim.AdamW
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state


def _require_usable(group: dict) -> None:
    for key in ("lr", "alpha", "damping", "momentum", "weight_decay", "eps"):
        if not _is_number(group[key]) or group[key] < 0:
            raise InputError(f"{_place(group)}, {key}: expected a number that is not negative, got {group[key]!r}")
    betas = group["betas"]
    if not isinstance(betas, Sequence) or len(betas) != 2 or not all(_is_number(b) and 0 <= b < 1 for b in betas):
        raise InputError(f"{_place(group)}, betas: expected two numbers from 0 to below 1, got {betas!r}")
    if group["nesterov"] and group["momentum"] == 0:
        raise InputError(f"{_place(group)}, nesterov: expected a momentum above 0, got 0")
    flat = [tuple(parameter.shape) for parameter in group["params"] if parameter.ndim < 2]
    if group["spectral"] and flat:
        raise InputError(
            f"{_place(group)}: the spectral step expects two or more dimensions, got shape {flat[0]}; give such "
            "parameters a group with spectral=False, as spectral_groups does"
        )


def _is_number(value: object) -> bool:
    if torch.is_tensor(value):  # a learning rate may be one, for compiled steps
        return value.numel() == 1 and bool(torch.isfinite(value))
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _place(group: dict) -> str:
    kind = "spectral" if group["spectral"] else "AdamW"
    return f"layer {group['name']}" if "name" in group else f"{kind} parameter group"
