"""ResNet-50 with ImageNet weights: torchvision's own, or a product-quantised copy in a local file of 4 MB."""

import torch
from safetensors.torch import load_file
from torch import nn

from layercurv.errors import InputError, choose
from layercurv.models.vision_import import torchvision
from layercurv.models.weight_files import verified_weights


def resnet50_imagenet(weights: str, root: str | None = None) -> nn.Module:
    """Build torchvision's ResNet-50 with weights trained on ImageNet.

    The weights "pqf" were made from torchvision's IMAGENET1K_V1 by product quantisation and fine-tuning (Martinez et
    al. 2021, "Permute, quantize, and fine-tune"); they are other weights, of 72.2 % instead of 76.1 % top-1 accuracy,
    and whoever reports a measurement on them must say so. Their BatchNorm statistics are folded: mean 0, variance 1.
    Their licence is non-commercial.

    Args:
        weights: "IMAGENET1K_V1", which torchvision downloads once, or "pqf".
        root: For "pqf", the folder that holds MANIFEST.json and resnet50-pqf-large/compact.safetensors.

    Returns:
        The network in eval mode, in float32 on the CPU: 53 convolutions and one linear head, 1000 classes, images of
        224 x 224 normalised as torchvision does.

    Raises:
        InputError: If the weights are unknown, their file is missing or altered, or cannot be downloaded.
    """
    sources = {"IMAGENET1K_V1": lambda: _torchvision_weights(weights), "pqf": lambda: _quantised_weights(root)}
    parameters = choose("model.weights", weights, sources)()
    network = torchvision.models.resnet50()
    network.load_state_dict(parameters)
    return network.eval()


def decode(compact: dict[str, torch.Tensor], shapes: dict[str, torch.Size]) -> dict[str, torch.Tensor]:
    """Write out product-quantised weights.

    A layer's weight, flattened, is a sequence of entries of its codebook: entry codes[0], entry codes[1], and so on.

    Args:
        compact: `<layer>.codebook` [entries, length] and `<layer>.codes_matrix` [outputs, entries per output] of each
            quantised layer; other parameters as they are.
        shapes: Shape of every entry of the network's state.

    Returns:
        The network's state, BatchNorm with mean 0 and variance 1.
    """
    state = {name: value for name, value in compact.items() if not name.endswith((".codebook", ".codes_matrix"))}
    for name in compact:
        layer, _, kind = name.rpartition(".")
        if kind == "codebook":
            entries = compact[name].float()[compact[f"{layer}.codes_matrix"].flatten().long()]
            state[f"{layer}.weight"] = entries.reshape(shapes[f"{layer}.weight"])
    fillers = {"running_mean": torch.zeros, "running_var": torch.ones}
    for name, shape in shapes.items():
        kind = name.rpartition(".")[2]
        if kind in fillers:
            state[name] = fillers[kind](shape)
        elif kind == "num_batches_tracked":
            state[name] = torch.tensor(0)
    return state


def _torchvision_weights(name: str) -> dict[str, torch.Tensor]:
    found = torchvision.models.ResNet50_Weights[name]
    try:
        return found.get_state_dict(check_hash=True)
    except OSError as error:  # urllib's errors are among them
        raise InputError(
            f"cannot download {found.url} ({error}). Go online, put the file into the folder checkpoints of "
            f"{torch.hub.get_dir()}, or set model.weights=pqf and model.root"
        ) from error


def _quantised_weights(root: str | None) -> dict[str, torch.Tensor]:
    elsewhere = "torchvision's own weights need no file: resnet50_imagenet(weights='IMAGENET1K_V1'), online"
    compact = load_file(verified_weights(root, "resnet50-pqf-large", "compact.safetensors", elsewhere).path)
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in torchvision.models.resnet50().state_dict().items()}
    return decode(compact, shapes)
