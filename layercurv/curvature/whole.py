"""A network is measured where it lies whole: on one device of this process, wrapped by nothing that talks to others."""

import sys

from torch import nn

from layercurv.errors import InputError

# By name, so that nothing is imported that the user has not.
_SHARDING = {"FSDPModule", "FullyShardedDataParallel"}
_REPLICATING = {"DistributedDataParallel", "DataParallel"}


def require_whole(model: nn.Module) -> None:
    """Refuse networks whose weights are spread over processes or devices.

    Args:
        model: The network.

    Raises:
        InputError: If it is wrapped, sharded, or lies on several devices; with what to do instead.
    """
    for name, module in model.named_modules():
        kinds = {kind.__name__ for kind in type(module).__mro__}
        if kinds & _REPLICATING:
            raise InputError(
                f"{_place(name)}: expected the network itself, got one wrapped by {type(module).__name__}, whose "
                "forward pass talks to other processes or devices; pass its .module, and let processes share the "
                "samples by layercurv.measure.Processes"
            )
        if kinds & _SHARDING:
            raise InputError(_sharded(_place(name), "is sharded by FSDP"))
    tensor = sys.modules.get("torch.distributed.tensor")
    for name, parameter in model.named_parameters():
        if tensor is not None and isinstance(parameter, tensor.DTensor):
            raise InputError(_sharded(f"parameter {name}", "is a DTensor"))
    devices = sorted({str(parameter.device) for parameter in model.parameters()})
    if len(devices) > 1:
        raise InputError(
            f"expected all weights on one device, got them on {', '.join(devices)} (device_map, or offloaded weights, "
            "which lie on meta between uses); load the network with device_map={'': DEVICE}, in bfloat16 if it is "
            "large: weights are cast to float32 while they are measured"
        )


def _place(name: str) -> str:
    return f"module {name}" if name else "the network"


def _sharded(what: str, how: str) -> str:
    return (
        f"{what} {how}: each process holds a part of the weight, and singular directions and second derivatives need "
        "all of it. Gather the weights (torch.distributed.checkpoint.state_dict.get_model_state_dict with "
        "StateDictOptions(full_state_dict=True)), load them into a network that is not sharded, and let "
        "processes share the samples by layercurv.measure.Processes"
    )
