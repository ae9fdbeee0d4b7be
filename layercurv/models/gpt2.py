"""The GPT-2 of transformers, as a language model and as a classifier of sequences."""

from torch import nn

from layercurv.models.norms import replace_layer_norm
from layercurv.models.sizes import require_multiple, require_positive
from layercurv.models.transformers_import import transformers


def gpt2_language_model(
    n_blocks: int, hidden_size: int, n_heads: int, n_positions: int, vocabulary_size: int, norm: str
) -> nn.Module:
    """Build a GPT-2 (Radford et al. 2019) that predicts the next token.

    Differs from the paper: input and output embedding are two matrices, so that the output layer's weight is used once
    and its curvature is its own.

    Args:
        n_blocks: Blocks; 12 in the smallest GPT-2.
        hidden_size: Width of a token; 768 there. A block's hidden layer has four times as many.
        n_heads: Attention heads; 12 there.
        n_positions: Most tokens of an input; 1024 there.
        vocabulary_size: Token ids, from 0; 50,257 there.
        norm: "layer" as in the paper, or what replaces every LayerNorm: "rms", "batch" or "none" (see `norms`).

    Returns:
        The network in train mode, in float32 on the CPU, initialised from torch's global generator, without dropout.
        It maps token ids [N, T] to an object with `logits` [N, T, vocabulary_size] and has 4 linear layers a block and
        the output layer.

    Raises:
        InputError: If a size is not positive or does not fit another, or the norm is unknown.
    """
    config = _config(n_blocks, hidden_size, n_heads, n_positions, vocabulary_size)
    return replace_layer_norm(transformers.GPT2LMHeadModel(config), norm)


def gpt2_classifier(
    n_blocks: int, hidden_size: int, n_heads: int, n_positions: int, vocabulary_size: int, n_classes: int, norm: str
) -> nn.Module:
    """Build a GPT-2 that classifies a sequence by its last token.

    Args:
        n_blocks: Blocks.
        hidden_size: Width of a token.
        n_heads: Attention heads.
        n_positions: Most tokens of an input.
        vocabulary_size: Token ids, one more than the data has: the last id is padding, and the token classified by is
            the last that is not padding. Bytes make 257.
        n_classes: Outputs.
        norm: "layer", or what replaces every LayerNorm: "rms", "batch" or "none" (see `norms`).

    Returns:
        The network in train mode, in float32 on the CPU, initialised from torch's global generator, without dropout.
        It maps token ids [N, T] to an object with `logits` [N, n_classes] and has 4 linear layers a block and the head.

    Raises:
        InputError: If a size is not positive or does not fit another, or the norm is unknown.
    """
    require_positive(n_classes=n_classes)
    options = {"num_labels": n_classes, "pad_token_id": vocabulary_size - 1}
    config = _config(n_blocks, hidden_size, n_heads, n_positions, vocabulary_size, **options)
    return replace_layer_norm(transformers.GPT2ForSequenceClassification(config), norm)


def _config(n_blocks: int, hidden_size: int, n_heads: int, n_positions: int, vocabulary_size: int, **options):
    require_positive(n_blocks=n_blocks, hidden_size=hidden_size, n_heads=n_heads)
    require_positive(n_positions=n_positions, vocabulary_size=vocabulary_size)
    require_multiple("hidden_size", hidden_size, "n_heads", n_heads)
    return transformers.GPT2Config(
        n_layer=n_blocks,
        n_embd=hidden_size,
        n_head=n_heads,
        n_positions=n_positions,
        vocab_size=vocabulary_size,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
        tie_word_embeddings=False,
        **options,
    )
