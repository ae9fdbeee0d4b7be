"""What is recomputed from the paper's lists, on entries whose answers are known in closed form."""

import math

import numpy as np
import pytest

from claimgate.checks import NotEvaluable
from layercurv.claims.published.source_list_quantities import LIST_QUANTITIES
from layercurv.claims.published.source_quantities import QUANTITIES

K = np.arange(1.0, 11)
SIGMA = 2 * K**-0.8
NOISE = np.exp(0.3 * np.sin(7 * K))


def entry(alpha=1.5, **changes) -> dict:
    fields = {
        "name": "block3.mlp.0",
        "shape": [4, 3, 2],
        "sigma": SIGMA.tolist(),
        "h_exact": (3 * SIGMA**alpha).tolist(),
        "h_kron": (0.5 * SIGMA**1.25).tolist(),
        "h_sum_of_products": (2 * K).tolist(),
        "h_product_of_sums": (K**2).tolist(),
        "s_weight": 0.4,
        "alpha": 2.0,
        "gamma": 1.5,
        "s_hessian": 2.5,
        "eff_rank_curvature_pr": 1.2,
        "eff_rank_delta": 12.0,
        "eff_rank_A": 7.0,
        "sigma_top30": SIGMA.tolist(),
        "h_kron_top30": (5 * SIGMA**2).tolist(),
        "sigma_bic": {"bic_pl": 3.0, "bic_exp": 1.0, "bic_ln": 2.0},
        "delta_bic": {"bic_pl": 1.0, "bic_exp": 2.0, "bic_ln": 3.0},
        "A_bic": {"bic_pl": 3.0, "bic_exp": 1.0, "bic_ln": 2.0},
    }
    return fields | changes


# With h = 3 sigma^1.5 and sigma = 2 k^-0.8 exactly; chi = 6 sigma^0.25; participation ratios by their definition.
H = 3 * SIGMA**1.5
CHI = 6 * SIGMA**0.25
EXPECTED = {
    "alpha": 1.5,
    "alpha_r2": 1.0,
    "alpha_without_first": 1.5,
    "gamma": 0.8,
    "gamma_r2": 1.0,
    "s": 1.2,
    "predicted_s": 1.2,
    "transfer_error": 0.0,
    "transfer_relative_error": 0.0,
    "transfer_relative_error_without_null": 0.0,
    "fitted_transfer_relative_error": 0.2,
    "curvature_r2_of_sigma_squared": float(np.corrcoef(SIGMA**2, H)[0, 1] ** 2),
    "alpha_kronecker": 1.25,
    "chi_slope": 0.25,
    "chi_median": float(np.median(CHI)),
    "chi_log10_smallest": math.log10(CHI.min()),
    "chi_log10_median": math.log10(np.median(CHI)),
    "chi_log10_largest": math.log10(CHI.max()),
    "chi_decade": 0.0,
    "concentration_mean": float(np.mean(2 / K)),
    "concentration_median": float(np.median(2 / K)),
    "singular_value_gap": 2**0.8,
    "singular_values_participation": float(SIGMA.sum() ** 2 / (SIGMA**2).sum()),
    "curvatures_participation": float(H.sum() ** 2 / (H**2).sum()),
    "n_directions": 10.0,
    "n_negative": 0.0,
    "n_blocks": 4.0,
    "n_weights": 24.0,
    "kronecker_correlation": 1.0,
    "smallest_effective_rank": 7.0,
    "zeta_bound_holds": 1.0,
    "weight_decay_reaches_s": 0.0,
    "weight_tail_reaches_s": 1.0,  # 1 + 1/0.8 = 2.25 against 1.2
    "power_law_wins": 1.0,
    "exponential_wins": 0.0,
    "log_normal_wins": 0.0,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_entry_gives_what_was_planted(name):
    assert QUANTITIES[name](entry()) == pytest.approx(EXPECTED[name], rel=1e-9, abs=1e-12)


def test_every_quantity_has_a_planted_answer():
    others = {"zeta_bound", *(f"stored_{law}_wins" for law in ("power_law", "exponential", "log_normal"))}
    assert set(QUANTITIES) == set(EXPECTED) | others


def test_the_zeta_bound_is_zeta_squared_over_zeta_of_twice_the_exponent():
    assert QUANTITIES["zeta_bound"](2) == pytest.approx((math.pi**2 / 6) ** 2 / (math.pi**4 / 90), rel=1e-9)
    with pytest.raises(NotEvaluable, match=r"no bound at alpha\*gamma = 0\.9"):
        QUANTITIES["zeta_bound"](0.9)


def test_the_zeta_bound_is_held_against_raw_lists_or_else_against_what_is_stored():
    # h = sigma^2, but the first four directions curve alike: more of them carry it than a pure decay allows
    double = entry(2.0, h_exact=(SIGMA**2 * np.where(K <= 4, K**1.6, 1)).tolist(), eff_rank_curvature_pr=1.0)
    exponent, participation = QUANTITIES["predicted_s"](double), QUANTITIES["curvatures_participation"](double)
    assert participation > QUANTITIES["zeta_bound"](exponent)
    assert QUANTITIES["zeta_bound_holds"](double) == pytest.approx(0)
    stored = {key: value for key, value in entry().items() if key != "h_exact"}
    assert QUANTITIES["zeta_bound_holds"](stored) == pytest.approx(1.0)
    for share, holds in ((0.999, 1.0), (1.001, 0.0)):
        participation = {"eff_rank_curvature_pr": share * QUANTITIES["zeta_bound"](3.0)}
        assert QUANTITIES["zeta_bound_holds"](stored | participation) == pytest.approx(holds)
    assert QUANTITIES["zeta_bound_holds"](stored | {"eff_rank_curvature_pr": 1.9}) == pytest.approx(
        0.0
    )  # the bound at 3 is 1.42


def test_stored_winners_are_the_smallest_bic_under_either_name():
    for law, names in {"power_law": ("power_law", "bic_pl"), "exponential": ("exponential", "bic_exp")}.items():
        for keys in (("power_law", "exponential", "lognormal"), ("bic_pl", "bic_exp", "bic_ln")):
            bic = {key: 5.0 for key in keys} | {next(name for name in names if name in keys): 1.0}
            assert QUANTITIES[f"stored_{law}_wins"](bic) == pytest.approx(1.0)
            assert QUANTITIES["stored_log_normal_wins"](bic) == pytest.approx(0.0)
    assert QUANTITIES["stored_log_normal_wins"]({"power_law": 2, "exponential": 2, "lognormal": 1}) == pytest.approx(
        1.0
    )


def test_directions_without_a_logarithm_are_dropped_as_the_paper_does():
    sigma, h = SIGMA.copy(), H.copy()
    h[4] = -1.0
    assert QUANTITIES["alpha"](entry(h_exact=h.tolist())) == pytest.approx(1.5)
    assert QUANTITIES["n_negative"](entry(h_exact=h.tolist())) == 1
    kept = np.sort(h[h > 0])[::-1]
    slope = -np.polyfit(np.log(np.arange(1, 10)), np.log(kept), 1)[0]
    assert QUANTITIES["s"](entry(h_exact=h.tolist())) == pytest.approx(slope)
    sigma[-1] = 0.0
    assert QUANTITIES["gamma"](entry(sigma=sigma.tolist())) == pytest.approx(0.8)
    assert QUANTITIES["power_law_wins"](entry(sigma=sigma.tolist())) == pytest.approx(1.0)


def test_a_null_direction_spoils_the_transfer_error_and_leaving_it_out_mends_it():
    sigma, h = SIGMA.copy(), H.copy()
    sigma[-1], h[-1] = 1e-9, -1e-12
    spoilt = entry(sigma=sigma.tolist(), h_exact=h.tolist())
    assert QUANTITIES["transfer_relative_error"](spoilt) > 1
    assert QUANTITIES["transfer_relative_error_without_null"](spoilt) == pytest.approx(0, abs=1e-9)


def test_noise_shows_in_r2_and_in_the_error():
    noisy = entry(h_exact=(H * NOISE).tolist())
    slope = np.polyfit(np.log(SIGMA), np.log(H * NOISE), 1)[0]
    assert QUANTITIES["alpha"](noisy) == pytest.approx(slope)
    assert QUANTITIES["alpha_r2"](noisy) < 0.99
    assert QUANTITIES["transfer_error"](noisy) == pytest.approx(
        abs(QUANTITIES["alpha"](noisy) * QUANTITIES["gamma"](noisy) - QUANTITIES["s"](noisy))
    )


def test_the_earlier_name_of_the_kronecker_curvature_is_known():
    earlier = entry(h_kron_naive=(2 * SIGMA**1.25).tolist())
    del earlier["h_kron"]
    assert QUANTITIES["chi_median"](earlier) == pytest.approx(float(np.median(CHI)) / 4)


@pytest.mark.parametrize("bad", [[[1.0]], [float("nan")] * 10, [float("inf")] * 10])
def test_a_list_that_is_none_is_not_evaluable(bad):
    with pytest.raises(NotEvaluable, match="sigma: expected a list of finite numbers"):
        QUANTITIES["gamma"](entry(sigma=bad))


LAYERS = [
    entry(alpha, h_sum_of_products=(ratio * K).tolist(), h_product_of_sums=K.tolist())
    for alpha, ratio in ((2.0, 1.0), (2.5, 1.4), (1.6, 0.9))
]


def test_correlations_over_layers_are_those_of_what_was_planted():
    gaps, slacks = [0.0, 0.5, 0.4], [0.0, 0.4, 0.1]
    expected = np.corrcoef(gaps, slacks)[0, 1]
    assert LIST_QUANTITIES["alpha_gap_slack_correlation"](LAYERS) == pytest.approx(expected)
    assert LIST_QUANTITIES["alpha_gap_median_slack_correlation"](LAYERS) == pytest.approx(expected)
    skewed = [la | {"h_sum_of_products": [100.0, *la["h_sum_of_products"][1:]]} for la in LAYERS]
    medians = LIST_QUANTITIES["alpha_gap_median_slack_correlation"](skewed)
    assert medians == pytest.approx(expected) and LIST_QUANTITIES["alpha_gap_slack_correlation"](skewed) != medians
    noisy = [
        la | {"h_exact": (np.asarray(la["h_exact"]) * NOISE**p).tolist()}
        for la, p in zip(LAYERS, (1, 2, 3), strict=True)
    ]
    gaps = [abs(QUANTITIES["alpha"](la) - 2) for la in noisy]
    expected = np.corrcoef(gaps, [QUANTITIES["alpha_r2"](la) for la in noisy])[0, 1]
    assert LIST_QUANTITIES["alpha_gap_r2_correlation"](noisy) == pytest.approx(expected)


def test_a_law_is_matched_by_either_factor_or_by_one():
    laws = [{"bic_pl": 1.0, "bic_exp": 2.0, "bic_ln": 3.0}, {"bic_pl": 2.0, "bic_exp": 1.0, "bic_ln": 3.0}]
    layers = [
        entry(sigma_bic=laws[0], delta_bic=laws[0], A_bic=laws[1]),
        entry(sigma_bic=laws[0], delta_bic=laws[1], A_bic=laws[0]),
        entry(sigma_bic=laws[0], delta_bic=laws[1], A_bic=laws[1]),
        entry(sigma_bic=laws[1], delta_bic=laws[1], A_bic=laws[0]),
    ]
    assert LIST_QUANTITIES["share_matched_by_either_factor"](layers) == pytest.approx(0.75)
    assert LIST_QUANTITIES["share_matched_by_delta"](layers) == pytest.approx(0.5)
    assert LIST_QUANTITIES["share_matched_by_A"](layers) == pytest.approx(0.25)


def test_the_rank_rule_predicts_exponential_below_ten():
    exponential, log_normal = ({"bic_pl": 3.0, "bic_exp": e, "bic_ln": 2.0} for e in (1.0, 5.0))
    cases = [(9.9, exponential), (10.0, log_normal), (9.9, log_normal), (10.0, exponential)]
    layers = [entry(eff_rank_A=rank, eff_rank_delta=50.0, sigma_bic=law) for rank, law in cases]
    assert [LIST_QUANTITIES["share_rank_rule_holds"]([layer]) for layer in layers] == [1, 1, 0, 0]
    assert LIST_QUANTITIES["share_rank_rule_holds"](layers) == pytest.approx(0.5)


def test_differences_between_entries():
    assert LIST_QUANTITIES["alpha_difference"]([entry(1.5), entry(2.25)]) == pytest.approx(0.75)
    nets = [{"width": w, "eff_rank_curvature_pr": p} for w, p in ((64, 2.5), (128, 9.0), (512, 3.25))]
    assert LIST_QUANTITIES["participation_change"](nets) == pytest.approx(0.75)
    assert LIST_QUANTITIES["width_ratio"](nets) == 8
    exponential = entry(sigma=np.exp(-K / 3).tolist())
    epochs = [
        {"epoch": epoch, "layers": [entry()] * n + [exponential] * (3 - n)} for epoch, n in ((0, 1), (5, 3), (10, 2))
    ]
    assert LIST_QUANTITIES["epoch_of_most_power_law_wins"](epochs) == 5


def test_runs_are_compared_by_their_seeds():
    runs = [{"seeds": [2.0, 4.0, 6.0], "mean_best": 4.0}, {"seeds": [5.0, 5.5], "mean_best": 4.3}, {"seeds": [3.5]}]
    assert LIST_QUANTITIES["mean_gain"](runs) == pytest.approx(1.25)
    assert LIST_QUANTITIES["stored_mean_gain"](runs) == pytest.approx(0.3)
    assert LIST_QUANTITIES["largest_mean_difference"](runs) == pytest.approx(1.25)
    assert LIST_QUANTITIES["largest_mean_difference"](runs[::2]) == pytest.approx(0.5)  # below the baseline
    assert LIST_QUANTITIES["largest_difference_in_deviations"](runs) == pytest.approx(0.625)  # its deviation is 2


def test_zeros_are_dropped_wherever_a_logarithm_is_taken():
    h = [*H[:-1].tolist(), 0.0]
    expected = -np.polyfit(np.log(np.arange(1, 10)), np.log(H[:-1]), 1)[0]
    assert QUANTITIES["s"](entry(h_exact=h)) == pytest.approx(expected)
    assert QUANTITIES["alpha"](entry(h_exact=h)) == pytest.approx(1.5)
    sigma = [*SIGMA[:-1].tolist(), 0.0]
    assert QUANTITIES["alpha"](entry(sigma=sigma)) == pytest.approx(1.5)
    assert QUANTITIES["gamma"](entry(sigma=[str(value) for value in SIGMA])) == pytest.approx(0.8)
    for key in ("h_kron_top30", "sigma_top30"):
        values = [0.0, *entry()[key][1:]]
        assert QUANTITIES["kronecker_correlation"](entry(**{key: values})) == pytest.approx(1.0)
    noisy = entry(h_kron_top30=(SIGMA**2 * NOISE).tolist())
    expected = np.corrcoef(np.log(SIGMA**2 * NOISE), np.log(SIGMA))[0, 1]
    assert QUANTITIES["kronecker_correlation"](noisy) == pytest.approx(expected)


def test_a_null_direction_is_told_relative_to_the_largest():
    for scale in (1e-4, 1e4):
        sigma, h = scale * SIGMA, H.copy()
        sigma[-1], h[-1] = 1.5e-6 * sigma[0], 1e-9
        kept = entry(sigma=sigma.tolist(), h_exact=h.tolist())
        assert QUANTITIES["transfer_relative_error_without_null"](kept) > 0.01
        sigma[-1] = 0.5e-6 * sigma[0]
        dropped = entry(sigma=sigma.tolist(), h_exact=h.tolist())
        assert QUANTITIES["transfer_relative_error_without_null"](dropped) == pytest.approx(0, abs=1e-9)


def test_r2_of_curvatures_that_do_not_vary_is_undefined():
    with pytest.raises(NotEvaluable, match=r"^R2 of h against sigma\^2 is undefined$"):
        QUANTITIES["curvature_r2_of_sigma_squared"](entry(h_exact=[1.0] * 10))


@pytest.mark.parametrize(("decay", "tail", "both"), [(1.19, 1 / 0.42, (0.0, 1.0)), (1.21, 1 / 0.38, (1.0, 1.0))])
def test_weights_are_held_against_s(decay, tail, both):
    names = ("weight_decay_reaches_s", "weight_tail_reaches_s")
    assert [QUANTITIES[name](entry(s_weight=decay)) for name in names] == [both[0], 1.0]
    assert QUANTITIES["weight_tail_reaches_s"](entry(s_weight=tail)) == pytest.approx(float(1 + 0.5 / tail >= 1.2))


def test_nan_among_stored_values_is_never_passed_over():
    for key in ("bic_pl", "bic_exp", "bic_ln"):
        with pytest.raises(NotEvaluable, match="expected finite BIC"):
            QUANTITIES["stored_power_law_wins"]({"bic_pl": 1.0, "bic_exp": 2.0, "bic_ln": 3.0} | {key: math.nan})
    for key in ("eff_rank_delta", "eff_rank_A"):
        assert math.isnan(QUANTITIES["smallest_effective_rank"](entry(**{key: math.nan})))
