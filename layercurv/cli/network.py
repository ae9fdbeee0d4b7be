"""A network from a file, a folder, torchvision or the hub, with all that its samples need."""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
import torch
from safetensors import SafetensorError
from torch import nn

from layercurv.cli.state_dict import build_architecture, load_weights, state_dict_of
from layercurv.curvature.objective import told
from layercurv.errors import InputError
from layercurv.models.transformers_import import transformers
from layercurv.models.vision_import import torchvision

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and std of pixels, torchvision's
HEADS = ("ForCausalLM", "LMHeadModel", "ForImageClassification")


@dataclass(frozen=True)
class Network:
    """A network and how its inputs are prepared."""

    model: nn.Module
    source: str
    tokenizer: Any = None  # of transformers; None makes bytes the tokens
    image_size: int | None = None  # pixels
    mean: tuple[float, ...] = IMAGENET[0]
    std: tuple[float, ...] = IMAGENET[1]


def load_network(name: str, architecture: str | None, trust_pickle: bool) -> Network:
    """Load a network.

    Args:
        name: A folder of `save_pretrained`, a file of `torch.save` or safetensors, a model name of torchvision, or one
            of the Hugging Face hub.
        architecture: Of a state dict.
        trust_pickle: Whether code in a file may be run.

    Returns:
        The network.

    Raises:
        InputError: If it cannot be found, read or downloaded.
    """
    path = Path(name)
    if path.is_dir():
        return _pretrained(name, local=True)
    if path.is_file():
        return _from_file(path, architecture, trust_pickle)
    if path.suffix in (".pt", ".pth", ".bin", ".safetensors") or name.startswith((".", "/", "~")):
        raise InputError(f"--model {name}: no such file")
    if name in torchvision.models.list_models():
        return _from_torchvision(name)
    return _pretrained(name, local=False)


def _from_file(path: Path, architecture: str | None, trust_pickle: bool) -> Network:
    if path.suffix == ".safetensors":
        weights = state_dict_of(path)
    else:
        try:
            with told(f"{path}: expected a file of torch.save", but=pickle.UnpicklingError):
                weights = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            if not trust_pickle:
                raise InputError(
                    f"{path} holds more than tensors (a module saved whole?), and loading it runs code that is in the "
                    "file: add --trust-pickle if you trust it, or save model.state_dict() instead"
                ) from error
            return Network(_unpickled(path), path.name)
    if architecture is None:
        raise InputError(f"{path} holds weights only: say of which network with --architecture, such as resnet18")
    weights = state_dict_of(path, weights)
    model = build_architecture(architecture, weights)
    load_weights(model, weights, path)
    return Network(model, f"{architecture} from {path.name}")


def _unpickled(path: Path) -> nn.Module:
    try:
        model = torch.load(path, map_location="cpu", weights_only=False)
    except (AttributeError, ImportError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path}: the saved module cannot be loaded ({error}); its classes must be importable from this folder"
        ) from error
    if not isinstance(model, nn.Module):
        raise InputError(f"{path}: expected an nn.Module, got {type(model).__name__}")
    return model


def _from_torchvision(name: str) -> Network:
    weights = torchvision.models.get_model_weights(name).DEFAULT
    try:
        model = torchvision.models.get_model(name, weights=weights)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"cannot download torchvision's weights of {name} ({error}); give a file with --model FILE "
            f"--architecture {name} instead"
        ) from error
    prepared = weights.transforms()
    size = prepared.crop_size[0]
    return Network(model, f"torchvision {name}, {weights}", None, size, tuple(prepared.mean), tuple(prepared.std))


def _pretrained(name: str, local: bool) -> Network:
    if local and not (Path(name) / "config.json").is_file():
        raise InputError(f"--model {name}: expected a folder of save_pretrained, with config.json, found none")
    transformers.utils.logging.set_verbosity_error()
    huggingface_hub.utils.logging.set_verbosity_error()  # its retry notices would bury the one message
    transformers.utils.logging.disable_progress_bar()
    try:
        config = transformers.AutoConfig.from_pretrained(name, local_files_only=local)
    except (OSError, ValueError) as error:
        where = "cannot be loaded" if local else "is no file, no name of torchvision, and not to be had from the hub"
        raise InputError(f"--model {name} {where}: {str(error).splitlines()[0]}") from error
    model_class = _with_head(name, config)
    try:
        model, info = model_class.from_pretrained(name, local_files_only=local, output_loading_info=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"--model {name}: its weights cannot be loaded: {str(error).splitlines()[0]}") from error
    if info["missing_keys"]:
        first = ", ".join(sorted(info["missing_keys"])[:3])
        raise InputError(
            f"--model {name}: it has no weights for {first}, which would be random; expected a network saved as "
            f"{model_class.__name__}"
        )
    tokenizer = _tokenizer(name, local) if not hasattr(config, "image_size") else None
    return Network(model, name, tokenizer, **_preprocessing(name, config, local))


def _with_head(name: str, config: Any) -> Any:
    known = [head for head in config.architectures or [] if head.endswith(HEADS)]
    if not known:
        raise InputError(
            f"--model {name}: expected a causal language model or an image classifier, got "
            f"{', '.join(config.architectures or ['no head'])}; call layercurv.measure.alpha_map for others"
        )
    return getattr(transformers, known[0])


def _tokenizer(name: str, local: bool) -> Any:
    files = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "spiece.model", "tokenizer.model")
    if local and not any((Path(name) / file).is_file() for file in files):
        return None
    return transformers.AutoTokenizer.from_pretrained(name, local_files_only=local)


def _preprocessing(name: str, config: Any, local: bool) -> dict[str, Any]:
    size = getattr(config, "image_size", None)
    found: dict[str, Any] = {} if size is None else {"image_size": size if isinstance(size, int) else size[0]}
    file = Path(name) / "preprocessor_config.json"
    if local and file.is_file():
        settings = json.loads(file.read_text(encoding="utf-8"))
        pairs = (("mean", "image_mean"), ("std", "image_std"))
        found |= {ours: tuple(settings[theirs]) for ours, theirs in pairs if theirs in settings}
    elif size is not None and not local:
        processor = transformers.AutoImageProcessor.from_pretrained(name)
        found |= {"mean": tuple(processor.image_mean), "std": tuple(processor.image_std)}
    return found
