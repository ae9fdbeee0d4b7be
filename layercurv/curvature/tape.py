"""Layer inputs and outputs of one forward pass, tied into the graph so that output gradients can be asked for."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn

from layercurv.curvature.layers import WeightLayer
from layercurv.errors import InputError

_MODE_DEPENDENT = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


@contextmanager
def frozen(model: nn.Module) -> Generator[None]:
    """Switch off weight gradients while activations' gradients are taken; restores each parameter's flag.

    Args:
        model: The network, in eval mode.

    Yields:
        None.

    Raises:
        InputError: If a BatchNorm or dropout layer is in train mode, where samples would not be independent.
    """
    require_eval_mode(model)
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        for parameter, _ in flags:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


def require_eval_mode(model: nn.Module) -> None:
    """Raise if a layer behaves differently in training than in evaluation and is in train mode.

    Args:
        model: The network.

    Raises:
        InputError: Naming the first such layer.
    """
    for name, module in model.named_modules():
        if isinstance(module, _MODE_DEPENDENT) and module.training:
            raise InputError(f"layer {name}: expected {type(module).__name__} in eval mode; call model.eval() first")


class LayerTape:
    """Records each layer's input and output in a forward pass under `frozen`."""

    def __init__(self, layers: list[WeightLayer]):
        """Prepare to record.

        Args:
            layers: The layers to record.
        """
        self._layers = layers
        self.inputs: dict[str, torch.Tensor] = {}
        self.outputs: dict[str, torch.Tensor] = {}

    def record(self, model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        """Run the network once.

        Args:
            model: The network the layers belong to.
            inputs: One micro-batch.

        Returns:
            The network's output, with a graph back to every recorded layer's output.

        Raises:
            InputError: If a layer runs never or twice, its output is overwritten in place, or the output is not finite.
        """
        self.inputs, self.outputs = {}, {}
        handles = [layer.module.register_forward_hook(self._hook(layer.name)) for layer in self._layers]
        try:
            # Inputs that require gradients make every layer's output part of a graph, the first layer's too.
            result = model(inputs.detach().requires_grad_(inputs.is_floating_point()))
        finally:
            for handle in handles:
                handle.remove()
        self._check(result)
        return result

    def output_gradients(self, network_output: torch.Tensor, column: torch.Tensor) -> dict[str, torch.Tensor]:
        """Pull one vector per sample back from the network's output to every layer's output.

        Args:
            network_output: What `record` returned.
            column: The vectors, shaped like `network_output`.

        Returns:
            Layer name to gradient, shaped like the layer's output.
        """
        gradients = torch.autograd.grad(network_output, list(self.outputs.values()), column, retain_graph=True)
        return dict(zip(self.outputs, gradients, strict=True))

    def _hook(self, name: str):
        def keep(_module, arguments, output):
            if name in self.outputs:
                raise InputError(f"layer {name}: expected to run once per forward pass, ran twice (a shared layer)")
            if not output.requires_grad:  # behind an embedding of integer inputs
                output.requires_grad_()
            self.inputs[name], self.outputs[name] = arguments[0].detach(), output
            self._versions[name] = output._version

        self._versions: dict[str, int] = {}
        return keep

    def _check(self, result: torch.Tensor) -> None:
        for layer in self._layers:
            if layer.name not in self.outputs:
                raise InputError(f"layer {layer.name}: expected to run in the forward pass, it did not")
            if self.outputs[layer.name]._version != self._versions[layer.name]:
                raise InputError(
                    f"layer {layer.name}: what follows overwrites its output in place (often ReLU(inplace=True)); "
                    "use inplace=False"
                )
        if not torch.isfinite(result).all():
            raise InputError("the network's output holds NaN or infinity; check inputs and weights")
