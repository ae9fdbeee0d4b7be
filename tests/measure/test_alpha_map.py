"""One call measures a network: its numbers are those of the engines, and an interruption changes none."""

import functools
import json
import logging
import sys

import numpy as np
import pytest
import torch
from torch import nn

from layercurv.curvature import (
    BatchLoss,
    CrossEntropy,
    OutputLoss,
    SquaredError,
    directional_curvature,
    gradient_directions,
    weight_layers,
)
from layercurv.errors import InputError
from layercurv.files import WriteError
from layercurv.fits import fit_alpha
from layercurv.measure import AlphaMap, Check, alpha_map, matching_layers
from layercurv.results import schema
from tests.cases import make_case


@functools.cache
def trained_weights():
    # At random weights the curvature of a smooth network is negative along most directions, and nothing can be fitted.
    model, batches = untrained(), samples()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(100):
        loss = sum(nn.functional.cross_entropy(model(x), y) for x, y in batches)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.state_dict()


def untrained():
    torch.manual_seed(0)
    blocks = [nn.Sequential(nn.Linear(6, 6), nn.GELU()) for _ in range(2)]
    return nn.Sequential(nn.Linear(8, 6), *blocks, nn.Linear(6, 5)).double().eval()


def network():
    model = untrained()
    model.load_state_dict(trained_weights())
    return model


def samples(n_batches=3):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(n_batches, 7, 8, dtype=torch.float64, generator=generator)
    return list(zip(inputs, torch.randint(5, (n_batches, 7), generator=generator), strict=True))


@pytest.fixture(scope="module")
def found():
    return alpha_map(network(), CrossEntropy(), samples(), top_k=4)


def test_sigma_h_and_alpha_are_those_of_the_engines_one_by_one(found):
    model = network()
    directions = gradient_directions(model, CrossEntropy(), samples(), weight_layers(model), 4)
    h = directional_curvature(model, CrossEntropy(), samples(), directions, "double_backward")
    assert [layer.name for layer in found] == list(directions)
    for layer in found:
        expected = directions[layer.name]
        assert layer.sigma.tolist() == expected.singular_values.tolist()
        np.testing.assert_allclose(layer.h, h[layer.name].curvatures, rtol=1e-9, atol=1e-15)
        fit = fit_alpha(layer.sigma, layer.h, expected.is_null.tolist())
        assert layer.alpha == fit["slope"]
        assert layer.check < 1e-8 and layer.engine in ("ggn", "tangent")
        assert sum(layer.slopes.values()) == pytest.approx(layer.alpha)


def test_the_mean_loss_and_the_samples_are_counted(found):
    model = network()
    losses = torch.cat([nn.functional.cross_entropy(model(x), y, reduction="none") for x, y in samples()])
    assert found.n_samples == 21
    assert found.mean_loss == pytest.approx(float(losses.detach().mean()))


def test_layers_are_chosen_by_pattern():
    found = alpha_map(network(), CrossEntropy(), samples(), top_k=4, layers="[12].*", decompose=False, check=None)
    assert [layer.name for layer in found] == ["1.0", "2.0"]
    assert found["1.0"].slopes is None and found["1.0"].check is None
    with pytest.raises(InputError, match=r"no weight layer fits 'head\*'; the network has: 0, 1.0, 2.0, 3"):
        alpha_map(network(), CrossEntropy(), samples(), layers=["0", "head*"])
    with pytest.raises(InputError, match=r"no layer '9' was measured; there are: 1.0, 2.0"):
        found["9"]


def test_a_generator_of_batches_gives_what_a_list_gives(found):
    once = alpha_map(network(), CrossEntropy(), (batch for batch in samples()), top_k=4)
    assert once.entries == found.entries


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("error", [StoppedError, WriteError])  # a full disk is no refusal of an engine's
@pytest.mark.parametrize("stage", ["grow", "_save"])
@pytest.mark.parametrize("nth", [1, 2, 3, 5])
def test_an_interrupted_measurement_goes_on_with_the_same_numbers(found, tmp_path, monkeypatch, stage, nth, error):
    from layercurv.measure.resume import Resumable

    original, calls = getattr(Resumable, stage), []

    def interrupt(self, *arguments):
        result = original(self, *arguments)
        calls.append(stage)
        if len(calls) == nth:
            raise error
        return result

    given = network(), CrossEntropy(), samples(), 4
    options = {"checkpoint": tmp_path / "half.pt", "checkpoint_s": 0}
    with monkeypatch.context() as patch:
        patch.setattr(Resumable, stage, interrupt)
        if stage == "grow" and nth > 3:
            pytest.skip("there are three micro-batches")
        with pytest.raises(error):
            alpha_map(*given, **options)
    assert alpha_map(*given, **options).entries == found.entries


def test_what_is_known_is_not_measured_again(tmp_path, monkeypatch):
    given, path = (network(), CrossEntropy(), samples(), 4), tmp_path / "done.pt"
    first = alpha_map(*given, checkpoint=path)
    measuring = ("measurement.check_engines", "measurement.sweep", "measurement.measured", "measurement.network_output")
    for name in (*measuring, "engines.gradient_sums", "engines.sweep"):
        monkeypatch.setattr(f"layercurv.measure.{name}", lambda *a, **k: pytest.fail("measured again"))
    again = alpha_map(*given, checkpoint=path)
    assert again.entries == first.entries and again.mean_loss == first.mean_loss


@pytest.mark.parametrize("other", ["weights", "samples", "settings"])
def test_a_checkpoint_of_another_measurement_is_refused(tmp_path, other):
    path = tmp_path / "one.pt"
    alpha_map(network(), CrossEntropy(), samples(), 4, checkpoint=path)
    model, batches, top_k = network(), samples(), 3 if other == "settings" else 4
    if other == "weights":
        model[0].weight.data[0, 0] += 1e-9
    if other == "samples":
        batches[-1][1][-1] = (batches[-1][1][-1] + 1) % 5
    with pytest.raises(InputError, match="made with another configuration"):
        alpha_map(model, CrossEntropy(), batches, top_k, checkpoint=path)


def test_save_and_load_and_the_schema(found, tmp_path):
    path = found.save(tmp_path / "map.json")
    again = AlphaMap.load(path)
    assert again == found
    record = json.loads(path.read_text())
    assert not schema.violations(record, "measure")
    del record["measurements"]["layers"][0]["curvatures"]
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"does not meet schema v1/measure.json"):
        AlphaMap.load(path)


def test_a_frozen_record_of_the_experiment_can_be_loaded(root):
    path = sorted((root / "results" / "alpha_map").glob("resnet18*.json"))[0]
    loaded = AlphaMap.load(path)
    assert len(loaded) == 21 and loaded["conv1"].alpha is not None
    other = next((root / "results" / "hvp_validation").glob("*.json"))
    with pytest.raises(InputError, match="expected a record of `measure` or `alpha_map`, got 'hvp_validation'"):
        AlphaMap.load(other)


def test_tables(found):
    layers, directions = found.to_frame(), found.to_frame(directions=True)
    assert layers["layer"].tolist() == ["0", "1.0", "2.0", "3"]
    assert layers["alpha"].tolist() == [layer.alpha for layer in found]
    assert len(directions) == 16 and directions["h"][0] == found["0"].h[0]
    lines = found.summary().splitlines()
    assert len(lines) == 6 and lines[0].split()[:3] == ["layer", "shape", "alpha"]
    assert f"{found['3'].alpha:.2f}" in lines[4] and "21 samples" in lines[5]


def test_without_pandas_there_is_one_clear_error(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pip install pandas"):
        found.to_frame()


def test_the_picture_shows_every_layer(found, tmp_path):
    figure = found.plot(tmp_path / "map.png")
    left, right = figure.axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["0", "1.0", "2.0", "3"]
    assert sum(len(line.get_xdata()) > 0 for line in right.lines) == 4
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_decomposed_or_fitted_has_a_reason(tmp_path):
    """A weight used twice has curvature but no factors; two directions have curvature but no line."""

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared, self.head = nn.Linear(8, 8), nn.Linear(8, 1)

        def forward(self, x):
            return self.head(self.shared(self.shared(x).relu()))

    torch.manual_seed(0)
    batches = [(x, torch.zeros(len(x), 1, dtype=torch.float64)) for x, _ in samples()]
    found = alpha_map(Twice().double().eval(), SquaredError(), batches, top_k=4)
    assert found["shared"].slopes is None and "applied more than once" in found["shared"].missing["alpha_slopes"]
    assert len(found["shared"].h) == 4 and found["head"].alpha is None and found["head"].interval is None
    assert "at least 3 points" in found["head"].missing["fits"]
    assert AlphaMap.load(found.save(tmp_path / "map.json")) == found
    assert "head" in found.summary() and found.plot() is not None


def test_a_wrong_engine_is_found_out(monkeypatch):
    case = make_case("relu_mlp")
    monkeypatch.setattr(
        "layercurv.measure.check.chosen_engines", lambda *a: {n.name: "ggn" for n in weight_layers(a[0])}
    )
    twice = directional_curvature

    def off(model, loss, batches, directions, engine, *options):
        found = twice(model, loss, batches, directions, engine, *options)
        if engine == "ggn":
            found["0"].curvatures.mul_(1.01)
        return found

    monkeypatch.setattr("layercurv.measure.check.directional_curvature", off)
    with pytest.raises(InputError, match=r"layer 0: the ggn engine is off by 0\.01"):
        alpha_map(case.model, case.loss, [case.batch], 3)
    assert len(alpha_map(case.model, case.loss, [case.batch], 3, check=Check(tolerance=0.1))) > 1


def test_any_parameter_can_be_named_and_patterns_leave_out():
    model = network()
    names = [layer.name for layer in matching_layers(model, ["*", "!1.*", "!3"])]
    assert names == ["0", "2.0"]
    assert [layer.name for layer in matching_layers(model, ["1.0", "3.bias"])] == ["1.0", "3.bias"]
    with pytest.raises(InputError, match=r"layers: 0, !\* leaves none"):
        matching_layers(model, ["0", "!*"])
    found = alpha_map(model, CrossEntropy(), samples(), 4, layers="3.bias", decompose=True)
    assert found["3.bias"].shape == (5, 1) and len(found["3.bias"].h) == 1


def test_a_loss_of_model_and_batch_is_measured_by_the_reference_without_factors(found):
    def mean_loss(model, batch):
        return nn.functional.cross_entropy(model(batch["x"]), batch["y"])

    batches = [{"x": x, "y": y} for x, y in samples()]
    own = alpha_map(network(), BatchLoss(mean_loss, "mean"), batches, 4, layers=["1.*", "3"])
    assert {layer.engine for layer in own} == {"double_backward"}
    assert own.n_samples == found.n_samples and own.mean_loss == pytest.approx(found.mean_loss)
    np.testing.assert_allclose(own["3"].h, found["3"].h, rtol=1e-9)
    assert own["3"].slopes is None and own["3"].missing["alpha_slopes"]


def test_an_engine_that_a_later_batch_defeats_gives_way(tmp_path):
    class Routed(nn.Module):  # samples mix as soon as there are more than five
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Linear(8, 6), nn.Linear(6, 5)

        def forward(self, x):
            x = self.first(x).relu()
            return self.head(x - x.mean(0) if len(x) > 5 else x)

    torch.manual_seed(0)
    model = Routed().double().eval()
    batches = [tuple(part[:5] for part in samples()[0]), *samples()[1:]]
    found = alpha_map(model, CrossEntropy(), batches, 4, checkpoint=tmp_path / "half.pt")
    reference = alpha_map(model, CrossEntropy(), batches, 4, engine="double_backward", decompose=False)
    for layer in found:
        np.testing.assert_allclose(layer.h, reference[layer.name].h, rtol=1e-8, atol=1e-15)
    assert "no per-sample gradients" in found["first"].missing["alpha_slopes"]


def test_progress_goes_to_the_log(caplog):
    with caplog.at_level(logging.INFO, "layercurv"):
        alpha_map(network(), CrossEntropy(), samples(), 4)
    text = caplog.text
    assert "gradient: 3 of 3 micro-batches" in text and "per-sample gradients: 3 of 3 micro-batches" in text
    assert "curvature: 4 of 4 layers" in text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"engine": "magic"}, "engine: expected one of auto"),
        ({"top_k": "3"}, "top_k: expected a positive integer, got '3'"),
        ({"model": lambda x: x}, "model: expected an nn.Module, got function"),
        ({"batches": []}, "expected at least one micro-batch"),
    ],
)
def test_bad_input_is_named(changed, message):
    given = {"model": network(), "loss": CrossEntropy(), "batches": samples()} | changed
    with pytest.raises(InputError, match=message):
        alpha_map(**given)


@pytest.mark.parametrize("loss", [nn.L1Loss(), OutputLoss(nn.functional.l1_loss, reduction="mean")])
def test_a_loss_without_a_root_has_alpha_and_no_kronecker_factors(loss):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4)).eval()
    found = alpha_map(model, loss, [(torch.randn(8, 6), torch.randn(8, 4))], 4)
    assert found["0"].engine in ("tangent", "double_backward") and len(found["0"].h) == 4


def test_a_checkpoint_is_refused_to_code_of_equal_losses_and_other_gradients(tmp_path):
    class Held(nn.Sequential):
        def forward(self, x):
            return self[1](self[0](x).tanh().detach() * 0.5 + self[0](x).tanh() * 0.5)

    torch.manual_seed(0)
    first, last = nn.Linear(6, 8), nn.Linear(8, 4)
    batches, file = [(torch.randn(8, 6), torch.randint(4, (8,)))], tmp_path / "kept"
    whole = nn.Sequential(first, last)
    whole.forward = lambda x: last(first(x).tanh())
    alpha_map(whole.eval(), CrossEntropy(), batches, 4, decompose=False, checkpoint=file)
    with pytest.raises(InputError, match="the gradient of layer 0 on the first micro-batch is another now"):
        alpha_map(Held(first, last).eval(), CrossEntropy(), batches, 4, decompose=False, checkpoint=file)


@pytest.mark.parametrize("changed", ["activation", "loss"])
def test_a_checkpoint_is_refused_to_other_code_of_network_or_loss(tmp_path, changed):
    """Weights, samples and settings are the same: only what is computed of them differs."""
    torch.manual_seed(0)
    first, last = nn.Linear(6, 8), nn.Linear(8, 4)
    batches = [(torch.randn(8, 6), torch.randint(4, (8,)))]
    file = tmp_path / "kept"
    loss = OutputLoss(nn.functional.cross_entropy, reduction="mean")
    alpha_map(nn.Sequential(first, nn.Tanh(), last).eval(), loss, batches, 4, decompose=False, checkpoint=file)
    activation = nn.ReLU() if changed == "activation" else nn.Tanh()
    other = OutputLoss(lambda o, t: nn.functional.cross_entropy(3 * o, t), reduction="mean")
    given = nn.Sequential(first, activation, last).eval(), other if changed == "loss" else loss, batches, 4
    with pytest.raises(InputError, match=r"checkpoint: expected the network and loss it was made with"):
        alpha_map(*given, decompose=False, checkpoint=file)
