import numpy as np
import pytest

from layercurv.errors import InputError
from layercurv.fits.spectral_bifurcation import (
    balanced_eigenvalues,
    closed_form_difference,
    cluster_ratio,
    find_clusters,
    predicted_counts,
)


def planted(n_dominant=4, n_bulk=14, n_null=106, scatter=0.0, noise=1e-9, depth=5, seed=0):
    """A spectrum of three clusters at depth, 1 and 0 in random order."""
    rng = np.random.default_rng(seed)
    clusters = (
        depth * np.exp(scatter * rng.standard_normal(n_dominant)),
        np.exp(scatter * rng.standard_normal(n_bulk)),
        noise * rng.standard_normal(n_null),
    )
    return rng.permutation(np.concatenate(clusters))


@pytest.mark.parametrize("depth", [2, 5, 10])
@pytest.mark.parametrize("scatter", [0.0, 0.02])
def test_planted_clusters_are_found_whatever_their_order(depth, scatter):
    found = find_clusters(planted(scatter=scatter, depth=depth), 1e-6, depth)
    assert (found["n_dominant"], found["n_bulk"], found["n_null"], found["n_negative"]) == (4, 14, 106, 0)
    assert found["ratio"] == pytest.approx(depth, rel=2 * scatter + 1e-12)
    assert found["gap"] == pytest.approx(depth, rel=6 * scatter + 1e-12)
    assert found["gap"] > 1.5 * found["runner_up_gap"]


def test_scaling_the_loss_changes_no_count_and_no_ratio():
    first, second = (find_clusters(scale * planted(scatter=0.1), 1e-6, 5) for scale in (1, 1e-5))
    for key in ("n_dominant", "n_bulk", "n_null", "ratio", "gap", "spread_bulk"):
        assert first[key] == pytest.approx(second[key], rel=1e-12), key


def test_negative_curvature_is_in_no_cluster():
    found = find_clusters(np.append(planted(), [-0.5, -2.0]), 1e-6, 5)
    assert (found["n_negative"], found["n_bulk"], found["max_abs_rest"]) == (2, 14, 2.0)


def test_means_spreads_and_ratio_are_those_of_the_counts_given():
    found = cluster_ratio([1.0, 6.0, 4.0, 2.0, 1.5, -0.25], 2, 2, depth=3)  # exact in binary, but for two quotients
    assert (found["mean_dominant"], found["mean_bulk"]) == (5.0, 1.75)
    assert (found["spread_dominant"], found["spread_bulk"]) == (2 / 5, 0.5 / 1.75)
    assert (found["ratio"], found["ratio_minus_depth"]) == (5 / 1.75, 5 / 1.75 - 3)
    assert found["max_abs_rest"] == pytest.approx(1.0)


def test_the_theory_s_counts_fill_the_tangent_space_of_rank_r_maps():
    for d_in, d_out, rank in ((5, 6, 2), (3, 3, 3), (4, 9, 1)):
        assert sum(predicted_counts(d_in, d_out, rank)) == rank * (d_in + d_out - rank)  # its dimension
    assert predicted_counts(5, 6, 2) == (4, 14)


@pytest.mark.parametrize("depth", [2, 3, 7])
def test_the_closed_form_has_the_theory_s_clusters_and_at_depth_two_sums_of_squares(depth):
    found = balanced_eigenvalues([1.0, 1.0], depth, 5, 6)
    assert found.tolist() == [depth] * 4 + [1.0] * 14 + [0.0] * 12
    s = np.array([4.0, 2.25, 0, 0, 0, 0])  # layers 2 and 1.5: with L = 2 an eigenvalue is s_a + s_b
    assert balanced_eigenvalues([4.0, 2.25], 2, 5, 6) == pytest.approx(np.sort(np.add.outer(s, s[:5]), None)[::-1])


def test_the_difference_from_the_closed_form_is_relative_and_the_largest():
    assert balanced_eigenvalues([1.0, 1e-16], 10, 2, 3)[4] == 0  # and not 1e-16^(2/10)
    spectrum = np.append(balanced_eigenvalues([1.0], 4, 2, 3), [0.0, 0.0])
    spectrum[1] += 0.5
    spectrum[-1] -= 1.0
    assert closed_form_difference(spectrum, [1.0], 4, 2, 3) == pytest.approx(1 / 4, rel=1e-12)
    with pytest.raises(InputError, match="at most 2 singular values, got 3"):
        balanced_eigenvalues([1.0, 1.0, 1.0], 4, 2, 3)


@pytest.mark.parametrize(
    ("eigenvalues", "message"),
    [
        ([2.0, 1.0, 1e-9], "at least 3 positive eigenvalues that are not null, got 2"),
        ([-1.0, -2.0, -3.0], "at least 3 positive eigenvalues that are not null, got 0"),
        ([0.0, 0.0, 0.0], "at least 3 positive eigenvalues that are not null, got 0"),
        ([1.0, 1.0, 1.0 + 1e-9, 0.0], "the 3 eigenvalues that are not null form one cluster"),
    ],
)
def test_where_there_are_no_two_clusters_it_says_so(eigenvalues, message):
    with pytest.raises(InputError, match=message):
        find_clusters(eigenvalues, 1e-6, 3)


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(InputError, match=r"expected 4 \+ 0 out of 5"):
        cluster_ratio([1.0] * 5, 4, 0, 3)
    with pytest.raises(InputError, match=r"expected 4 \+ 2 out of 5"):
        cluster_ratio([1.0] * 5, 4, 2, 3)
    with pytest.raises(InputError, match="bulk with a positive mean"):
        cluster_ratio([1.0, 0.0, 0.0], 1, 2, 3)
