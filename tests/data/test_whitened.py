import pytest
import torch

from layercurv.data.whitened import linear_teacher, power_law_eigenvalues, random_orthogonal
from layercurv.errors import InputError
from tests.compare import assert_close

OPTIONS = {
    "d_in": 5, "d_out": 6, "singular_values": [1.5, 0.5], "n_samples": 40, "covariance": "white",
    "condition_number": 10.0, "noise": 0.0,
}  # fmt: skip


def teach(seed=0, **changes):
    return linear_teacher(**(OPTIONS | changes), generator=torch.Generator().manual_seed(seed))


def covariance_of(inputs):
    centred = inputs - inputs.mean(0)
    return centred.T @ centred / len(inputs)


@pytest.mark.parametrize("n_samples", [6, 40])
def test_the_white_sample_is_exactly_white_and_centred(n_samples):
    inputs = teach(n_samples=n_samples).inputs
    assert inputs.dtype == torch.float64 and inputs.shape == (n_samples, 5)
    assert_close(inputs.T @ inputs / n_samples, torch.eye(5), 0, 1e-14)
    assert_close(inputs.mean(0), torch.zeros(5), 0, 1e-14)


def test_the_skewed_sample_has_exactly_the_power_law_along_no_axis():
    found = covariance_of(teach(covariance="skewed").inputs)
    expected = power_law_eigenvalues(5, 10.0)
    assert_close(torch.linalg.eigvalsh(found).flip(0), expected, 1e-12)
    assert (found - found.diag().diag()).abs().max() > 0.1


def test_the_power_law_is_straight_of_mean_one_and_given_condition():
    eigenvalues = power_law_eigenvalues(8, 30.0)
    assert eigenvalues.mean().item() == pytest.approx(1, rel=1e-14)
    assert (eigenvalues[0] / eigenvalues[-1]).item() == pytest.approx(30, rel=1e-12)
    ranks = torch.arange(1, 9, dtype=torch.float64).log()
    slopes = eigenvalues.log().diff() / ranks.diff()
    assert_close(slopes, slopes[0].expand(7), 1e-12)


def test_the_balanced_sample_is_white_up_to_sampling_error():
    # entries of the covariance scatter by at most sqrt(2 / N)
    error = (covariance_of(teach(covariance="balanced", n_samples=4000).inputs) - torch.eye(5)).abs().max()
    assert 1e-4 < error < 5 * (2 / 4000) ** 0.5


def test_the_map_has_the_given_singular_values_and_makes_the_targets():
    data = teach()
    assert_close(torch.linalg.svdvals(data.W), [1.5, 0.5, 0, 0, 0], 1e-12, 1e-14)
    assert_close(data.targets, data.inputs @ data.W.T, 1e-13, 1e-14)


def test_noise_has_its_scale_and_changes_nothing_else():
    quiet, noisy = teach(n_samples=4000), teach(n_samples=4000, noise=0.3)
    assert torch.equal(quiet.inputs, noisy.inputs) and torch.equal(quiet.W, noisy.W)
    errors = noisy.targets - quiet.targets
    n = errors.numel()
    assert abs(errors.std().item() - 0.3) < 3 * 0.3 / (2 * n) ** 0.5
    assert abs(errors.mean().item()) < 3 * 0.3 / n**0.5


@pytest.mark.parametrize("covariance", ["white", "balanced", "skewed"])
def test_a_seed_gives_one_map_whatever_the_covariance_and_leaves_the_stream_at_one_place(covariance):
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    first = linear_teacher(**OPTIONS, generator=generators[0])
    second = linear_teacher(**(OPTIONS | {"covariance": covariance, "noise": 1.0}), generator=generators[1])
    assert torch.equal(first.W, second.W)
    assert torch.equal(*[torch.rand(3, generator=generator) for generator in generators])
    assert not torch.equal(first.W, teach(seed=4).W)
    assert first.provenance["source"] == "generated from seed 3"


def test_random_orthogonal_matrices_are_orthogonal_and_centred():
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([random_orthogonal(3, generator) for _ in range(600)])
    assert_close(drawn @ drawn.mT, torch.eye(3, dtype=torch.float64).expand(600, 3, 3), 0, 1e-14)
    # an entry has mean 0 and variance 1/3; five standard errors for the largest of nine
    assert drawn.mean(0).abs().max() < 5 * (1 / 3 / 600) ** 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"singular_values": []}, "expected 1 to 5 values for a 6 x 5 map, got 0"),
        ({"singular_values": [1.0] * 6}, "expected 1 to 5 values for a 6 x 5 map, got 6"),
        ({"singular_values": [1.0, 0.0]}, "expected positive numbers"),
        ({"n_samples": 5}, "expected more than d_in = 5, got 5"),
        ({"condition_number": 0.5}, "condition_number >= 1"),
        ({"noise": -1.0}, "noise >= 0"),
        ({"covariance": "grey"}, "expected one of: balanced, skewed, white"),
    ],
)
def test_bad_requests_are_one_clear_error(change, message):
    with pytest.raises(InputError, match=message):
        teach(**change)
