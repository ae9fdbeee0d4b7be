"""The command `layercurv measure` on networks and samples in files: what it ends in, and what it refuses."""

import logging
import shutil
import subprocess

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from layercurv.cli.main import main
from layercurv.cli.state_dict import load_weights, state_dict_of
from layercurv.measure import AlphaMap
from layercurv.models.transformers_import import transformers
from layercurv.models.vision_import import torchvision

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}


class Plain(nn.Sequential):
    """A module whose class can be imported, so that it can be saved whole."""

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 4))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    torch.manual_seed(0)
    causal = transformers.GPT2Config(vocab_size=256, n_positions=32, n_embd=16, n_layer=1, n_head=2)
    transformers.GPT2LMHeadModel(causal).save_pretrained(folder / "gpt2")
    transformers.LlamaForCausalLM(
        transformers.LlamaConfig(vocab_size=256, num_key_value_heads=2, **SIZES)
    ).save_pretrained(folder / "llama")
    vit = transformers.ViTConfig(image_size=8, patch_size=4, num_labels=4, **SIZES)
    transformers.ViTForImageClassification(vit).save_pretrained(folder / "vit")
    transformers.ViTModel(vit).save_pretrained(folder / "headless")
    shutil.copytree(folder / "vit", folder / "incomplete")
    weights = load_file(folder / "vit" / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "incomplete" / "model.safetensors", metadata={"format": "pt"})
    squeezed = torchvision.models.squeezenet1_1(num_classes=4)
    weights = {f"module.{name}": value for name, value in squeezed.state_dict().items()}
    torch.save({"state_dict": weights, "epoch": 3}, folder / "squeezenet.pth")
    torch.save(Plain(), folder / "whole.pt")
    torch.save(Plain().state_dict(), folder / "plain.pt")
    torch.save({"epoch": 3}, folder / "empty.pt")
    inside = {f"model.{name}": value for name, value in Plain().state_dict().items()}
    torch.save({"state_dict": inside, "epoch": 3}, folder / "lightning.ckpt")
    (folder / "noise.pt").write_bytes(b"nothing of torch")
    (folder / "nothing.pt").write_bytes(b"")
    (folder / "word.pt").write_bytes(b"junk")
    (folder / "latin.txt").write_bytes(b"\xe9" * 100)
    shutil.copytree(folder / "gpt2", folder / "damaged")
    (folder / "damaged" / "model.safetensors").write_bytes(b"x" * 50)
    torch.save((torch.randn(12, 3, 8, 8), torch.randint(4, (12,))), folder / "images.pt")
    torch.save((torch.randn(12, 3, 8, 8), torch.rand(12)), folder / "regression.pt")
    np.savez(folder / "bytes.npz", inputs=np.zeros((12, 3, 8, 8), np.uint8), targets=[0, 1, 2, 3] * 3)
    (folder / "junk.npz").write_bytes(b"PK\x03\x04 no archive")
    np.savez(folder / "objects.npz", inputs=np.array([{}, {}], dtype=object), targets=[0, 1])
    np.savez(folder / "tokens.npz", inputs=np.full((9, 16), 97, np.uint8), targets=np.full((9, 16), 98, np.uint8))
    np.savez(
        folder / "images.npz",
        inputs=np.random.default_rng(0).random((12, 3, 64, 64), np.float32),
        targets=[0, 1, 2, 3] * 3,
    )
    (folder / "text.txt").write_text("A network is measured on this text, byte by byte. " * 12)
    for label in range(4):
        (folder / "pictures" / f"class{label}").mkdir(parents=True)
        for index in range(3):
            pixels = np.random.default_rng(label * 3 + index).integers(0, 256, (10, 12, 3), np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / f"class{label}" / f"{index}.png")
    return folder


@pytest.fixture
def measure(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAYERCURV_DATA", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def run(model, data, *options):
        given = ["--model", str(saved / model), "--data", str(saved / data), "--samples", "8", "--micro-batch", "4"]
        return main(["measure", *given, "--top-k", "4", "--output", "found", *options])

    return run


CASES = {
    "a state dict of torchvision": (
        "squeezenet.pth",
        "images.npz",
        "--architecture",
        "squeezenet1_1",
        "--layers",
        "f*.12.*",
    ),
    "a state dict of one's own": ("plain.pt", "images.pt", "--architecture", f"{__name__}:Plain"),
    "a module saved whole": ("whole.pt", "images.pt", "--trust-pickle"),
    "a vision transformer on a folder of pictures": ("vit", "pictures"),
    "a language model on a text": ("gpt2", "text.txt", "--context", "16"),
    "tokens in bytes, and biases": ("gpt2", "tokens.npz", "--layers", "*.mlp.*.bias"),
    "Llama in float64 without slopes": ("llama", "text.txt", "--context", "16", "--dtype", "float64", "--no-decompose"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_ends_in_a_table_a_record_and_a_picture(measure, case, tmp_path, capsys):
    assert measure(*CASES[case]) == 0
    printed = capsys.readouterr().out
    found = AlphaMap.load(tmp_path / "found.json")
    assert found.n_samples == 8
    assert all(layer.name in printed for layer in found) and "found.json and found.png" in printed
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.json", "found.png"]
    assert all(layer.check < 1e-4 for layer in found)


def test_the_same_command_gives_the_same_numbers_and_keeps_what_is_there(measure, tmp_path, capsys):
    case = CASES["a state dict of one's own"]
    assert measure(*case) == 0
    first = AlphaMap.load(tmp_path / "found.json")
    assert measure(*case) == 2
    assert "found.json exists: choose another --output, or --overwrite it" in capsys.readouterr().err
    assert measure(*case, "--overwrite") == 0
    assert AlphaMap.load(tmp_path / "found.json").entries == first.entries
    assert measure(*case, "--overwrite", "--seed", "1") == 0
    assert AlphaMap.load(tmp_path / "found.json").entries != first.entries


def test_an_interrupted_command_goes_on_where_it_stopped(measure, tmp_path, capsys, monkeypatch):
    case = CASES["a language model on a text"]
    with monkeypatch.context() as patch:
        patch.setattr("layercurv.measure.measurement.Measurement.curvatures", interrupt)
        assert measure(*case) == 130
    assert "the same command goes on where it stopped" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["found.partial.pt"]
    monkeypatch.setattr("layercurv.measure.engines.Engines.gradient_directions", interrupt)
    assert measure(*case) == 0


def interrupt(*given):
    raise KeyboardInterrupt


BAD = {
    "no such file": (("nowhere.pt", "images.pt"), "nowhere.pt: no such file"),
    "weights without architecture": (("plain.pt", "images.pt"), "say of which network with --architecture"),
    "unknown architecture": (("plain.pt", "images.pt", "--architecture", "resnet19"), "got 'resnet19'"),
    "other architecture": (
        ("plain.pt", "images.pt", "--architecture", "resnet18"),
        "does not fit ResNet: 'Missing key",
    ),
    "untrusted pickle": (("whole.pt", "images.pt"), "add --trust-pickle if you trust it"),
    "no file of torch": (("noise.pt", "images.pt", "--architecture", "resnet18"), "noise.pt"),
    "empty file": (
        ("nothing.pt", "images.pt", "--architecture", "resnet18"),
        "nothing.pt: expected a file of torch.save",
    ),
    "a word": (("word.pt", "images.pt", "--architecture", "resnet18"), "word.pt: expected a file of torch.save"),
    "a function that fails": (("plain.pt", "images.pt", "--architecture", "os:replace"), "os:replace: TypeError"),
    "no module": (("plain.pt", "images.pt", "--architecture", ":make"), "--architecture :make: ValueError"),
    "damaged weights": (("damaged", "text.txt"), "its weights cannot be loaded"),
    "empty data": (("vit", "nothing.pt"), "nothing.pt: expected inputs and targets, two arrays of one length"),
    "a word for data": (("vit", "word.pt"), "word.pt: expected inputs and targets, two arrays of one length"),
    "objects for data": (("vit", "whole.pt"), "found other objects than tensors"),
    "no UTF-8": (("gpt2", "latin.txt"), "latin.txt: expected a text in UTF-8"),
    "no weights": (("empty.pt", "images.pt", "--architecture", "resnet18"), "expected a state dict"),
    "no head": (("headless", "images.pt"), "expected a causal language model or an image classifier, got ViTModel"),
    "a layer is not in the file": (
        ("incomplete", "images.pt"),
        "no weights for classifier.weight, which would be random",
    ),
    "folder of something else": (("pictures", "images.pt"), "expected a folder of save_pretrained"),
    "no such data": (("vit", "nowhere.npz"), "nowhere.npz: no such file or folder"),
    "data of something else": (("vit", "plain.pt"), "expected inputs and targets"),
    "folder without pictures": (("vit", "gpt2"), "expected one folder of pictures per class, or Parquet files"),
    "too many samples": (("vit", "images.pt", "--samples", "13"), "--samples 13"),
    "targets that are no labels": (("vit", "regression.pt"), "expected class labels as targets, got torch.float32"),
    "no archive": (("vit", "junk.npz"), "junk.npz: expected inputs and targets, two arrays of one length: BadZipFile"),
    "objects": (("vit", "objects.npz"), "two arrays of one length, got NpzFile: Object arrays cannot be loaded"),
    "bytes for pictures": (("vit", "bytes.npz"), "the inputs are bytes (uint8), and the network takes real numbers"),
    "context": (("gpt2", "text.txt", "--context", "33"), "--context 33: the network takes at most 32 tokens"),
    "no folder to write to": (
        ("vit", "images.pt", "--output", "nowhere/found"),
        "--output: there is no folder nowhere",
    ),
    "no samples": (("vit", "images.pt", "--samples", "0"), "--samples: expected a positive integer, got 0"),
    "wrong size": (("vit", "images.npz"), "cannot take inputs of shape (1, 3, 64, 64)"),
    "text for pictures": (("vit", "text.txt", "--context", "16"), "vit cannot take inputs of shape (1, 16)"),
    "pictures for text": (("gpt2", "images.pt"), "gpt2 cannot take inputs of shape (1, 3, 8, 8)"),
    "pattern": (("vit", "images.pt", "--layers", "blocks.*"), "no weight layer fits 'blocks.*'; the network has:"),
    "engine": (("vit", "images.pt", "--engine", "ggn"), "the ggn engine is not exact here"),
    "device": (("vit", "images.pt", "--device", "tpu"), "--device: expected cpu or cuda, got 'tpu'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_message_and_exit_code_2(measure, case, tmp_path, capsys):
    given, message = BAD[case]
    assert measure(*given) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ") and message in last
    assert not list(tmp_path.glob("*.json"))


def test_a_folder_in_the_place_of_the_record_is_found_out_beforehand(measure, tmp_path, capsys):
    (tmp_path / "taken.json").mkdir()
    assert measure("vit", "images.pt", "--output", str(tmp_path / "taken"), "--overwrite") == 2
    assert "taken.json is no file: choose another --output" in capsys.readouterr().err


def test_weights_of_a_network_that_was_an_attribute_are_loaded(saved):
    plain = Plain()
    load_weights(plain, state_dict_of(saved / "lightning.ckpt", torch.load(saved / "lightning.ckpt")), saved)
    kept = torch.load(saved / "lightning.ckpt")["state_dict"]
    assert all(torch.equal(value, kept[f"model.{name}"]) for name, value in plain.state_dict().items())


def test_without_a_number_all_samples_of_a_small_file_are_taken(saved, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    given = ["measure", "--model", str(saved / "gpt2"), "--data", str(saved / "text.txt"), "--layers", "*.c_fc"]
    with caplog.at_level(logging.INFO, "layercurv"):
        assert main([*given, "--top-k", "4", "--output", "found"]) == 0
    windows = (len((saved / "text.txt").read_text()) - 1) // 32  # as many tokens as the network takes
    assert AlphaMap.load(tmp_path / "found.json").n_samples == windows
    assert f"text.txt has {windows} samples: all of them are taken" in caplog.text


@pytest.mark.parametrize("option", ["--model", "--data"])
def test_a_name_that_cannot_be_downloaded_is_an_error(saved, option, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    loader = {"--model": (transformers.AutoConfig, "from_pretrained"), "--data": (datasets, "load_dataset")}
    monkeypatch.setattr(*loader[option], offline)
    given = {"--model": str(saved / "vit"), "--data": str(saved / "images.pt"), "--samples": "8", option: "some/name"}
    assert main(["measure", *(part for pair in given.items() for part in pair)]) == 2
    assert f"error: {option} some/name is n" in (message := capsys.readouterr().err) and "no route" in message


def offline(*given, **options):
    raise OSError("no route")


def test_weights_of_torchvision_that_cannot_be_downloaded_are_an_error(saved, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    assert main(["measure", "--model", "resnet18", "--data", str(saved / "images.pt")]) == 2
    assert "cannot download torchvision's weights of resnet18 (no route)" in capsys.readouterr().err


def test_a_data_set_below_layercurv_data_is_found(measure, saved, tmp_path, monkeypatch, capsys):
    encoded = [{"bytes": (saved / "pictures" / "class0" / "0.png").read_bytes(), "path": None}] * 9
    table = datasets.Dataset.from_dict({"img": encoded, "label": [0, 1, 2] * 3})
    (tmp_path / "sets" / "mine").mkdir(parents=True)
    table.to_parquet(tmp_path / "sets" / "mine" / "train-0.parquet")
    monkeypatch.setenv("LAYERCURV_DATA", str(tmp_path / "sets"))
    given = ["measure", "--model", str(saved / "vit"), "--data", "mine", "--samples", "8", "--output", "found"]
    assert main([*given, "--layers", "classifier"]) == 0
    assert AlphaMap.load(tmp_path / "found.json").n_samples == 8
    assert main([*given, "--split", "test", "--overwrite"]) == 2
    assert "has no files test-*.parquet; its splits: train" in capsys.readouterr().err


def test_a_missing_package_is_named(measure, monkeypatch, capsys):
    monkeypatch.setattr("layercurv.cli.main.NEEDED", ("torch", "no_such_package"))
    assert measure("vit", "images.pt") == 2
    assert "not installed: no_such_package; pip install 'layercurv[measure]'" in capsys.readouterr().err


def test_the_module_is_the_command(root, python):
    done = subprocess.run([python, "-m", "layercurv", "--version"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("layercurv 0")
    assert not done.stderr
