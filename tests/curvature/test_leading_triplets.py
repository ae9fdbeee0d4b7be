"""Leading triplets against a full decomposition, on spectra that make an iteration fail."""

import pytest
import torch

from layercurv.curvature import leading_triplets as module
from layercurv.curvature import top_singular_directions
from layercurv.curvature.leading_triplets import is_large, leading_eigenvalues, leading_triplets
from tests.compare import assert_close

N, K, EPS = 640, 20, torch.finfo(torch.float64).eps


def planted(singular_values, shape=(N, N + 100)):
    generator = torch.Generator().manual_seed(0)
    count = len(singular_values)
    U, V = (torch.linalg.qr(torch.randn(side, count, dtype=torch.float64, generator=generator)).Q for side in shape)
    return (U * singular_values) @ V.T


ranks = torch.arange(1, N + 1, dtype=torch.float64)
SPECTRA = {
    "falls": ranks**-1,
    "falls slowly": ranks**-0.3,
    "falls fast": 0.5**ranks,
    "low rank": (ranks**-1)[:10],
    "one": torch.ones(1, dtype=torch.float64),
    "equal ones at the top": torch.cat([torch.full((K,), 3.0).double(), ranks**-1])[:N],
    "equal ones at the end of K": torch.cat([ranks[:10].flip(0) + 2, torch.full((14,), 2.0).double(), ranks**-1])[:N],
    "all equal": torch.ones(N, dtype=torch.float64),
}


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("name", SPECTRA)
def test_triplets_are_those_planted(name, transposed):
    G, sigma = planted(SPECTRA[name]), torch.zeros(K, dtype=torch.float64)
    G = G.T if transposed else G
    sigma[: len(SPECTRA[name][:K])] = SPECTRA[name][:K]
    found = leading_triplets(G, K)
    assert is_large(G.shape, K) and found is not None
    assert_close(found.singular_values, sigma, 1e-13, 1e-13)
    for basis in (found.left, found.right):
        assert_close(basis.T @ basis, torch.eye(K).double(), 1e-12, 1e-12)
    assert_close(G @ found.right, found.left * found.singular_values, 1e-12, 1e-12 * float(sigma[0]))
    assert_close(G.T @ found.left, found.right * found.singular_values, 1e-12, 1e-12 * float(sigma[0]))
    assert found.residuals.max() <= module.TOLERANCE * sigma[0]


def test_noise_alone_which_has_no_gaps_agrees_with_a_full_decomposition():
    G = torch.randn(N, N, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = leading_triplets(G, K)
    U, S, _ = torch.linalg.svd(G)
    assert_close(found.singular_values, S[:K], 1e-13)
    assert_close((found.left * U[:, :K]).sum(0).abs(), torch.ones(K), 1e-10)


def test_directions_are_the_same_by_either_way(monkeypatch):
    G = planted(ranks**-1)
    found = top_singular_directions(G, K, EPS)
    monkeypatch.setattr("layercurv.curvature.directions.is_large", lambda *given: False)
    expected = top_singular_directions(G, K, EPS)
    assert_close(found.singular_values, expected.singular_values, 1e-12)
    assert_close((found.left * expected.left).sum(0).abs(), torch.ones(K), 1e-12)


def test_small_singular_values_keep_their_digits():
    sigma = torch.logspace(0, -9, K, dtype=torch.float64)
    found = top_singular_directions(planted(sigma), K, EPS)
    assert_close(found.singular_values, sigma, 1e-6)
    assert not found.is_null.any()


def test_what_does_not_converge_is_decomposed_in_full(monkeypatch):
    G = planted(ranks**-0.3)
    expected = top_singular_directions(G, K, EPS).singular_values
    monkeypatch.setattr(module, "MAX_STEPS", 2)
    assert leading_triplets(G, K) is None
    assert_close(top_singular_directions(G, K, EPS).singular_values, expected, 1e-12)
    C = G @ G.T
    assert_close(leading_eigenvalues(C, K), expected**2, 1e-11)


def test_eigenvalues_of_large_and_small_matrices_are_those_of_a_full_decomposition():
    for n in (30, N):
        X = planted(ranks[:n] ** -1, (n, n + 5))
        assert_close(leading_eigenvalues(X @ X.T, K), torch.linalg.eigvalsh(X @ X.T).flip(0)[:K], 1e-12, 1e-15)


@pytest.mark.parametrize(
    ("shape", "count", "large"), [((512, 9000), 20, False), ((600, 600), 20, True), ((600, 600), 60, False)]
)
def test_small_matrices_are_decomposed_in_full(shape, count, large):
    assert is_large(shape, count) is large
