"""A network whose softmax is zero and one, as after a training that diverged: no curvature at all, and yet a record."""

import pytest

from experiments import _training
from layercurv.errors import InputError
from tests.experiments.smoke import smoke_record

EXPERIMENTS = (
    "alpha_map",
    "conv_gap",
    "full_spectrum",
    "kronecker_spectrum",
    "participation_ratio",
)


@pytest.fixture(autouse=True)
def sure_of_itself(monkeypatch):
    build = _training.build

    def saturated(config):
        model = build(config)
        model.fc.weight.data *= 1e6
        return model

    monkeypatch.setattr(_training, "build", saturated)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_what_cannot_be_fitted_is_null_with_a_reason(experiment, tmp_path):
    layers = smoke_record(experiment, tmp_path, "training=none")["measurements"]["layers"]
    assert all(layer["missing"] for layer in layers)


@pytest.mark.parametrize("experiment", ["noise_prediction", "sampling_noise"])
def test_noise_of_labels_that_the_network_is_sure_of_is_refused(experiment, tmp_path):
    with pytest.raises(InputError, match=r"layer conv1: .* zero"):
        smoke_record(experiment, tmp_path, "training=none")
