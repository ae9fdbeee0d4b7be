"""Networks of transformers, in tiny configurations."""

import torch
from torch import nn

from layercurv.curvature import BatchLoss, CrossEntropy, ModelLoss
from layercurv.models.transformers_import import transformers
from tests.zoo.case import Case, images, seeded, tokens
from tests.zoo.vision import LABELS, spread

VOCABULARY = 17
BASE = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, vocab_size=VOCABULARY)
CAUSAL = dict(BASE, max_position_embeddings=16, use_cache=False, bos_token_id=None, eos_token_id=None, pad_token_id=0)
GPT2 = dict(vocab_size=VOCABULARY, n_positions=16, n_embd=8, n_layer=2, n_head=2, use_cache=False)
VISION = dict(
    hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, image_size=8, patch_size=4
)


def hf(config, network, **settings):
    def build():
        return spread(getattr(transformers, network)(getattr(transformers, config)(**settings)))

    return seeded(build)


CAUSAL_NETWORKS = {
    "gpt2": hf("GPT2Config", "GPT2LMHeadModel", **GPT2),
    "gpt2_untied": hf("GPT2Config", "GPT2LMHeadModel", **GPT2, tie_word_embeddings=False),
    "gpt2_scaled_by_layer": hf("GPT2Config", "GPT2LMHeadModel", **GPT2, scale_attn_by_inverse_layer_idx=True),
    "gpt_neo": hf(
        "GPTNeoConfig",
        "GPTNeoForCausalLM",
        **dict(CAUSAL, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]], window_size=3),
    ),
    "gpt_neox": hf("GPTNeoXConfig", "GPTNeoXForCausalLM", **CAUSAL),
    "gptj": hf("GPTJConfig", "GPTJForCausalLM", **dict(GPT2, rotary_dim=2, bos_token_id=None, eos_token_id=None)),
    "llama": hf("LlamaConfig", "LlamaForCausalLM", **CAUSAL),
    "llama_grouped_query": hf("LlamaConfig", "LlamaForCausalLM", **CAUSAL, num_key_value_heads=1),
    "mistral": hf("MistralConfig", "MistralForCausalLM", **CAUSAL, num_key_value_heads=1, sliding_window=3),
    "qwen2": hf("Qwen2Config", "Qwen2ForCausalLM", **CAUSAL, num_key_value_heads=1),
    "phi": hf("PhiConfig", "PhiForCausalLM", **CAUSAL),
    "gemma": hf("GemmaConfig", "GemmaForCausalLM", **CAUSAL, num_key_value_heads=1, head_dim=4),
    "opt": hf("OPTConfig", "OPTForCausalLM", **dict(CAUSAL, ffn_dim=12, word_embed_proj_dim=8, dropout=0.0)),
    "bloom": hf("BloomConfig", "BloomForCausalLM", **dict(CAUSAL, n_layer=2, n_head=2)),
    "falcon": hf("FalconConfig", "FalconForCausalLM", **CAUSAL),
    "stablelm": hf("StableLmConfig", "StableLmForCausalLM", **CAUSAL, num_key_value_heads=1),
    "olmo": hf("OlmoConfig", "OlmoForCausalLM", **CAUSAL),
    "mixtral": hf(
        "MixtralConfig",
        "MixtralForCausalLM",
        **CAUSAL,
        num_key_value_heads=1,
        num_local_experts=2,
        num_experts_per_tok=1,
        experts_implementation="eager",
    ),
    "mamba": hf(
        "MambaConfig",
        "MambaForCausalLM",
        vocab_size=VOCABULARY,
        hidden_size=8,
        num_hidden_layers=1,
        state_size=4,
        use_cache=False,
    ),
}
ENCODERS = {
    "bert": hf("BertConfig", "BertForSequenceClassification", **BASE, num_labels=LABELS),
    "roberta": hf(
        "RobertaConfig", "RobertaForSequenceClassification", **BASE, num_labels=LABELS, max_position_embeddings=20
    ),
    "distilbert": hf(
        "DistilBertConfig",
        "DistilBertForSequenceClassification",
        vocab_size=VOCABULARY,
        dim=8,
        hidden_dim=12,
        n_layers=2,
        n_heads=2,
        num_labels=LABELS,
    ),
    "albert": hf("AlbertConfig", "AlbertForSequenceClassification", **BASE, embedding_size=6, num_labels=LABELS),
    "electra": hf("ElectraConfig", "ElectraForSequenceClassification", **BASE, embedding_size=6, num_labels=LABELS),
    "deberta": hf("DebertaV2Config", "DebertaV2ForSequenceClassification", **BASE, num_labels=LABELS),
    "xlm_roberta": hf(
        "XLMRobertaConfig", "XLMRobertaForSequenceClassification", **BASE, num_labels=LABELS, max_position_embeddings=20
    ),
    "mpnet": hf("MPNetConfig", "MPNetForSequenceClassification", **BASE, num_labels=LABELS, max_position_embeddings=20),
    "fnet": hf("FNetConfig", "FNetForSequenceClassification", **BASE, num_labels=LABELS),
    "squeezebert": hf(
        "SqueezeBertConfig", "SqueezeBertForSequenceClassification", **BASE, embedding_size=8, num_labels=LABELS
    ),
}
HF_VISION = {
    "hf_vit": hf("ViTConfig", "ViTForImageClassification", **VISION, num_labels=LABELS),
    "hf_deit": hf("DeiTConfig", "DeiTForImageClassification", **VISION, num_labels=LABELS),
    "hf_convnext": hf(
        "ConvNextConfig",
        "ConvNextForImageClassification",
        hidden_sizes=[4, 8],
        depths=[1, 1],
        num_stages=2,
        patch_size=2,
        num_labels=LABELS,
    ),
    "hf_resnet": hf(
        "ResNetConfig",
        "ResNetForImageClassification",
        embedding_size=4,
        hidden_sizes=[8, 8],
        depths=[1, 1],
        num_labels=LABELS,
    ),
    "hf_swin": hf(
        "SwinConfig",
        "SwinForImageClassification",
        image_size=8,
        patch_size=2,
        embed_dim=8,
        depths=[1, 1],
        num_heads=[2, 2],
        window_size=2,
        num_labels=LABELS,
    ),
    "hf_poolformer": hf(
        "PoolFormerConfig",
        "PoolFormerForImageClassification",
        hidden_sizes=[4, 8],
        depths=[1, 1],
        num_encoder_blocks=2,
        patch_sizes=[3, 3],
        strides=[2, 2],
        padding=[1, 1],
        num_labels=LABELS,
    ),
}


def text(kind: str, pads: bool):
    """Dictionaries with labels, the second micro-batch with pads in it or not."""

    def draw():
        generator = torch.Generator().manual_seed(4)
        found = []
        for index in range(3):
            ids = torch.randint(1, VOCABULARY, (2, 6), generator=generator)
            mask = torch.ones_like(ids)
            if pads and index == 1:
                mask[0, 4:] = 0
            labels = torch.randint(0, LABELS, (2,), generator=generator)
            if kind == "causal":
                labels = ids.masked_fill(mask == 0, -100)
            found.append({"input_ids": ids * mask, "attention_mask": mask, "labels": labels})
        return found

    return draw


def own_loss(model, batch):
    return model(**batch).loss


T5 = dict(vocab_size=VOCABULARY, d_model=8, d_kv=4, d_ff=12, num_layers=1, num_heads=2, decoder_start_token_id=0)
BART = dict(
    vocab_size=VOCABULARY,
    d_model=8,
    encoder_layers=1,
    decoder_layers=1,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=12,
    decoder_ffn_dim=12,
    max_position_embeddings=16,
)
CASES = [
    *(
        Case(f"vision/{name}", build, images(n=2, size=8 if "resnet" not in name else 16), slow=True, tolerance=1e-6)
        for name, build in HF_VISION.items()
    ),
    *(
        Case(f"causal/{name}", build, tokens(n=2, length=6, vocabulary=VOCABULARY), slow=name != "gpt2", tolerance=1e-4)
        for name, build in CAUSAL_NETWORKS.items()
    ),
    *(
        Case(
            f"causal_own_loss/{name}",
            build,
            text("causal", pads=True),
            ModelLoss(),
            own_loss,
            slow=True,
            tolerance=1e-4,
        )
        for name, build in CAUSAL_NETWORKS.items()
        if name not in ("mamba",)
    ),
    *(
        Case(
            f"encoder_own_loss/{name}",
            build,
            text("classes", pads=True),
            ModelLoss(),
            own_loss,
            slow=True,
            tolerance=1e-4,
        )
        for name, build in ENCODERS.items()
    ),
    *(
        Case(
            f"encoder/{name}",
            build,
            text("classes", pads=True),
            CrossEntropy(),
            own_loss,
            slow=name != "bert",
            tolerance=1e-4,
        )
        for name, build in ENCODERS.items()
    ),
    Case(
        "seq2seq/t5",
        hf("T5Config", "T5ForConditionalGeneration", **T5),
        text("causal", pads=False),
        ModelLoss(),
        own_loss,
        tolerance=1e-4,
        slow=True,
    ),
    Case(
        "seq2seq/bart",
        hf("BartConfig", "BartForConditionalGeneration", **BART),
        text("causal", pads=False),
        BatchLoss(own_loss, reduction="mean"),
        own_loss,
        tolerance=1e-4,
        slow=True,
    ),
    Case(
        "tokens/bert",
        hf("BertConfig", "BertForTokenClassification", **BASE, num_labels=VOCABULARY),
        text("causal", pads=True),
        CrossEntropy(),
        own_loss,
        tolerance=1e-4,
        slow=True,
    ),
    Case(
        "masked/bert",
        hf("BertConfig", "BertForMaskedLM", **BASE),
        text("causal", pads=True),
        nn.CrossEntropyLoss(),
        own_loss,
        tolerance=1e-4,
        slow=True,
    ),
]
