"""Import torchvision also under a CPU build of torch.

PyPI's torchvision wheels link CUDA; under a CPU torch their compiled operators do not load, and the Python side then
fails while registering `torchvision::nms`. Nothing here uses those operators, so they are declared (without a body)
and the import is tried again. With a fitting build nothing is declared: there the second declaration would crash.
"""

import importlib
import sys

import torch

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_libraries = []  # a torch.library.Library undoes its declarations when it is collected


def import_torchvision():
    """Import torchvision, declaring its missing operators if need be.

    Returns:
        The torchvision module, with `torchvision.models` usable.

    Raises:
        RuntimeError: If the import fails for another reason than the missing operators.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _OPERATORS:
        library.define(schema)
    _libraries.append(library)
    return importlib.import_module("torchvision")


torchvision = import_torchvision()
