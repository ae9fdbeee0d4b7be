"""No kernel is trusted: planted ones and oneDNN's own are found, named, and never remembered as right."""

import json
import re

import pytest
import torch
from torch import nn

from layercurv.errors import InputError
from layercurv.kernels import LAYOUTS, Kernels, collect, isolation, numerics, trust
from layercurv.kernels.isolation import failures
from layercurv.kernels.known_faults import known_fault
from layercurv.kernels.passes import Passes
from layercurv.models import convnext, resnet18_cifar
from tests.kernels import planted

CPU = torch.device("cpu")
LIMIT_S = 5.0


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "layercurv"


@pytest.fixture
def plant(monkeypatch):
    monkeypatch.setattr(isolation, "CHILD", planted.__name__)


def network(*kernels: tuple[int, int], channels: int = 2) -> nn.Sequential:
    layers = [nn.Conv2d(channels, channels, size, padding=size[0] // 2) for size in kernels]
    return nn.Sequential(*layers)


def operations(*kernels: tuple[int, int]) -> dict:
    return collect(network(*kernels), torch.randn(2, 2, 12, 12))


def shortcut(c_in: int, size: int, layout: str = "channels_last") -> dict:
    model = nn.Conv2d(c_in, 2 * c_in, 1, stride=2, bias=False).to(memory_format=LAYOUTS[layout])
    return collect(model, torch.randn(32, c_in, size, size).to(memory_format=LAYOUTS[layout]))


def test_one_pass_lists_every_kind_of_operation_once_with_its_module():
    found = collect(resnet18_cifar(4, 10), torch.randn(2, 3, 32, 32))
    assert len(found) == 12 and set(list(found.values())[:3]) == {"conv1", "layer1.0.conv1", "layer2.0.conv1"}
    linear = next(operation for operation in found if operation.kind == "product")
    assert found[linear] == "fc" and linear.shapes == ((2, 32), (32, 10)) and linear.multiplications == 640
    strided = next(operation for operation, name in found.items() if name == "layer2.0.downsample.0")
    assert strided.multiplications == 2 * 16 * 16 * 8 * 4
    assert str(strided).startswith("convolution [2, 4, 32, 32] with [8, 4, 1, 1], stride [2, 2], padding [0, 0],")


def test_layouts_that_come_about_inside_the_network_are_seen():
    """ConvNeXt permutes axes for its LayerNorm, and what lies behind is channels_last whatever the images are."""
    found = collect(convnext([4, 8, 12, 16], [1, 1, 1, 1], 10, 2), torch.randn(2, 3, 16, 16))
    assert {operation.layout for operation in found} == {"contiguous", "channels_last"}


def test_text_has_products_and_an_embedding():
    model = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 3))
    assert [operation.kind for operation in collect(model, torch.tensor([[1, 2, 6]]))] == ["embedding", "product"]


@pytest.mark.parametrize(
    ("kernel", "text"), [(planted.ABORTS, "killed its process: SIGABRT"), (planted.HANGS, "did not end in 5 s")]
)
def test_an_abort_and_a_hang_are_failures(plant, kernel, text):
    [found] = failures(list(operations(kernel)), CPU, LIMIT_S).values()
    assert found.startswith(text)


@pytest.mark.slow
def test_planted_kernels_fail_each_for_its_own_reason_and_right_ones_beside_them_pass(plant):
    sizes = [planted.RIGHT, planted.OFF_BY_ONE_PERCENT, planted.ABORTS, planted.HANGS, planted.DIES_LATER]
    asked = operations(*sizes)
    found = failures(list(asked), CPU, LIMIT_S)
    texts = {operation.shapes[1][2:]: text for operation, text in found.items()}
    assert set(texts) == set(sizes[1:])
    assert re.match(
        r"weight gradient off by 0\.0[1-3]\d* \(rounding explains \de-0\d\)", texts[planted.OFF_BY_ONE_PERCENT]
    )
    assert texts[planted.ABORTS].startswith("killed its process: SIGABRT")
    assert texts[planted.HANGS] == "did not end in 5 s"
    assert texts[planted.DIES_LATER].startswith("killed its process: SIGABRT")


def test_a_wrong_operation_stops_the_run_with_one_error_that_names_it(plant, cache):
    kernels, asked = Kernels(CPU), operations(planted.RIGHT, planted.OFF_BY_ONE_PERCENT)
    with pytest.raises(InputError) as error:
        kernels.trust(lambda layout: asked)
    text = str(error.value)
    facts = numerics("contiguous")
    versions = torch.__version__, f"oneDNN {facts['onednn']}", facts["cpu_capability"]
    operation = "layer 1: convolution [2, 2, 12, 12] with [2, 2, 2, 2]", "weight gradient off by 0.0", "contiguous"
    for word in (*versions, *operation, "try another torch"):
        assert word in text, word
    assert "\n" not in text and kernels.layout is None
    [path] = cache.iterdir()
    passed = json.loads(path.read_text())["passed"]
    assert len(passed) == 1 and "[2,2,1,1]" in passed[0]  # the right one; failures are not remembered


def test_a_layout_that_fails_is_replaced_by_contiguous_and_the_record_says_so(monkeypatch):
    wrong, right = operations(planted.OFF_BY_ONE_PERCENT), operations(planted.RIGHT)
    monkeypatch.setattr(trust, "failures", lambda new, *rest: {op: "weight gradient off" for op in new if op in wrong})
    asked, kernels = {"channels_last": wrong, "contiguous": right}, Kernels(CPU)
    assert kernels.trust(asked.__getitem__) == kernels.layout == "contiguous"
    assert kernels.facts()["n_operations"] == 1
    [replaced] = kernels.facts()["replaced"]
    assert replaced.startswith("layer 0: convolution") and "weight gradient off" in replaced
    with pytest.raises(InputError, match="contiguous"):  # weights lie in it: a later failure cannot be evaded
        kernels.trust(lambda layout: wrong)


def test_what_passed_is_not_tried_again_on_the_same_machine(monkeypatch, cache):
    asked, tried = operations(planted.RIGHT), []
    monkeypatch.setattr(trust, "failures", lambda new, *rest: tried.append(new) or {})
    for _ in range(2):
        Kernels(CPU).trust(lambda layout: asked)
        assert len(tried) == 1
    for name in ("ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE"):
        with monkeypatch.context() as changed:
            changed.setenv(name, "another")
            Kernels(CPU).trust(lambda layout: asked)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    Kernels(CPU).trust(lambda layout: asked)
    assert len(tried) == 4 == len(list(cache.iterdir()))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"machine": {}, "passed": ["x"]}', '{"passed": 3}'])
def test_a_cache_that_is_damaged_is_made_anew(cache, text):
    asked, passes = operations(planted.RIGHT), Passes(CPU)
    cache.mkdir(parents=True)
    passes.path.write_text(text)
    assert passes.read() == set()
    passes.add(asked)
    assert passes.read() == {operation.key for operation in asked}
    passes.add(operations(planted.HANGS))
    assert len(passes.read()) == 2  # those of other runs are kept


def test_without_a_place_to_remember_in_the_run_goes_on(cache, capsys, monkeypatch):
    cache.parent.joinpath("layercurv").write_text("a file where the folder should be")
    monkeypatch.setattr(trust, "failures", lambda new, *rest: {})
    Kernels(CPU).trust(lambda layout: operations(planted.RIGHT))
    assert "cannot be written" in capsys.readouterr().out


def test_what_writes_out_of_bounds_is_wrong_even_where_its_numbers_are_right(monkeypatch):
    """With AVX-512, 8 channels of 16 x 16 images give the right gradient; nobody knows what was overwritten."""
    monkeypatch.setattr(trust, "failures", lambda new, *rest: {})
    kernels = Kernels(CPU)
    assert kernels.trust(lambda layout: shortcut(8, 16, layout)) == "contiguous"
    assert "writes out of bounds" in kernels.replaced[0]
    right = [shortcut(16, 16), shortcut(8, 16, "contiguous"), operations((3, 3))]
    assert {known_fault(operation, CPU) for found in right for operation in found} == {None}
    assert known_fault(*shortcut(8, 16), torch.device("cuda")) is None


needs_the_bug = pytest.mark.skipif(
    numerics("contiguous")["onednn"] != "3.12.0", reason="the bug was seen in oneDNN 3.12.0 (oneDNN issue 6035)"
)
extensions = numerics("contiguous")["vector_extensions"] or []


@needs_the_bug
@pytest.mark.skipif("avx2" not in extensions, reason="needs AVX2")
@pytest.mark.parametrize("c_in", [4, *(pytest.param(c_in, marks=pytest.mark.slow) for c_in in (2, 3, 5, 6, 7))])
def test_the_check_finds_the_strided_pointwise_weight_gradient_of_avx2(monkeypatch, c_in):
    """With 2 to 7 input channels it is wrong, or out of bounds; from 8 on, and in contiguous layout, right."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert failures(list(shortcut(c_in, 16)), CPU)
    right = [*shortcut(8, 16), *shortcut(c_in, 16, "contiguous")]
    assert failures(right, CPU) == {}


@needs_the_bug
@pytest.mark.skipif("avx512f" not in extensions, reason="needs AVX-512")
def test_the_check_finds_it_on_avx512_with_8_channels_once_images_are_large(monkeypatch):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    [text] = failures(list(shortcut(8, 64)), CPU).values()
    assert "killed its process" in text
    assert failures([*shortcut(16, 64), *shortcut(8, 64, "contiguous")], CPU) == {}
