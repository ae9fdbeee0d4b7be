"""A tiny LLaMA, the architecture of SmolLM2: RMSNorm, rotary positions, SiLU gates, grouped keys and values."""

import torch

from layercurv.models.transformers_import import transformers

TOKENS, BLOCKS, HEADS, KEY_HEADS = 29, 2, 4, 2
N_LAYERS = 7 * BLOCKS  # without the output layer, whose weight is the input embedding too


def tiny_llama(vocabulary_size: int = TOKENS, use_cache: bool = False):
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=BLOCKS,
        num_attention_heads=HEADS,
        num_key_value_heads=KEY_HEADS,
        max_position_embeddings=64,
        use_cache=use_cache,
        tie_word_embeddings=True,
        attn_implementation="eager",
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    model = transformers.LlamaForCausalLM(config).eval()
    for parameter in model.parameters():  # none zero; attention not flat
        scale = 0.1 if parameter.dim() == 1 else 2 / parameter[0].numel() ** 0.5
        parameter.data += scale * torch.randn_like(parameter)
    return model
