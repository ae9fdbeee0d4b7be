"""Fits on plain numbers (numpy and scipy only).

- `reproducible`: sums, logarithms and exponentials that have the same bits on every machine
- `segments`: vectors of different lengths laid end to end, for many fits at once
- `student_t`: quantiles and tails of the t distribution
- `power_law`: one log-log least-squares line with its interval
- `robust`: log-log slopes that a few points cannot carry away
- `spectral_exponents`: alpha, gamma and s of one layer from its sigma and h lists
- `quartiles`: alpha along the spectrum
- `alpha_controls`: alpha without the largest direction, and robustly
- `decomposition`: the five slopes whose sum is alpha
- `selection`: alpha as two, an information term and a selection term; what noise alone would give
- `step_survival`: what a step along singular directions keeps on other samples
- `forecast`: predictions made beforehand against what was measured
- `bootstrap`: an interval of alpha from the scatter of samples
- `transfer`, `transfer_null`: the error of s = alpha*gamma, its bound, a held-out error and two null distributions
- `model_selection`: which law a rank profile follows, by BIC
- `participation`: how many directions carry a spectrum, and what a power law says about it
- `separable_variance`: singular values of pure noise between two Kronecker factors
- `synthetic_spectra`: the same on factors whose law is planted
- `power_law_tail`: a heavy tail beside a log-normal one; imported by name, for it needs `powerlaw`
- `tail_exponent`: the exponent of a heavy tail
- `tridiagonal`: eigenvalues of tridiagonal matrices
- `rank_slope`: how fast singular values fall with their rank
- `gaussian_tails`: those of the tails of Gaussian matrices
- `determination`: R^2 of a straight line
- `prediction`: the interval of a mean, and where one more seed is to be expected
- `deterministic_equivalent`: the counting function behind it
- `spectral_bifurcation`: clusters of a deep linear network's Hessian spectrum, found and predicted
- `kronecker_quality`: how far Kronecker factors miss curvature and gradient
- `agreement`: labels against chance, numbers by correlation
- `equivalence`: the interval of a difference, two one-sided tests, and Holm's correction
"""

from claimgate.statistics.equivalence import difference_interval, equivalence_test, holm
from claimgate.statistics.forecast import forecast_correlation, forecast_coverage, forecast_errors, forecast_skill
from claimgate.statistics.prediction import mean_interval, prediction_interval, seeds_p_value
from layercurv.fits.agreement import (
    correlation,
    correlation_against_chance,
    correlation_p_value,
    label_agreement,
    label_shares,
    pearson,
    without_trend,
)
from layercurv.fits.alpha_controls import alpha_without_first, robust_alpha
from layercurv.fits.bootstrap import bootstrap_alpha
from layercurv.fits.decomposition import alignment_terms, decomposition_slopes
from layercurv.fits.determination import r_squared
from layercurv.fits.deterministic_equivalent import count_above
from layercurv.fits.gaussian_tails import gaussian_spectra, gaussian_tail_exponents, is_below_gaussian
from layercurv.fits.kronecker_quality import concentration_slack, log_correlation, log_mismatch, shape_mismatch
from layercurv.fits.model_selection import profile_bic, winners_count
from layercurv.fits.participation import effective_rank, finite_zeta_bound, participation_ratio, zeta_bound
from layercurv.fits.power_law import PowerLawFit, fit_power_law
from layercurv.fits.quartiles import alpha_by_quartile
from layercurv.fits.rank_slope import rank_slopes
from layercurv.fits.robust import robust_slope
from layercurv.fits.selection import null_exponents, selection_terms, unselected_exponent
from layercurv.fits.separable_variance import predicted_singular_values, sampled_singular_values
from layercurv.fits.spectral_exponents import fit_alpha, fit_spectral_exponents, usable_directions
from layercurv.fits.step_survival import step_survival
from layercurv.fits.synthetic_spectra import synthetic_agreement
from layercurv.fits.tail_exponent import tail_exponent
from layercurv.fits.transfer import held_out_error, transfer_bound, transfer_errors
from layercurv.fits.transfer_null import random_alpha_null, residual_permutation_null

__all__ = [
    "PowerLawFit",
    "alignment_terms",
    "alpha_by_quartile",
    "alpha_without_first",
    "bootstrap_alpha",
    "concentration_slack",
    "correlation",
    "correlation_against_chance",
    "correlation_p_value",
    "count_above",
    "decomposition_slopes",
    "difference_interval",
    "effective_rank",
    "equivalence_test",
    "finite_zeta_bound",
    "fit_alpha",
    "fit_power_law",
    "fit_spectral_exponents",
    "forecast_correlation",
    "forecast_coverage",
    "forecast_errors",
    "forecast_skill",
    "gaussian_spectra",
    "gaussian_tail_exponents",
    "held_out_error",
    "holm",
    "is_below_gaussian",
    "label_agreement",
    "label_shares",
    "log_correlation",
    "log_mismatch",
    "mean_interval",
    "null_exponents",
    "participation_ratio",
    "pearson",
    "predicted_singular_values",
    "prediction_interval",
    "profile_bic",
    "r_squared",
    "random_alpha_null",
    "rank_slopes",
    "residual_permutation_null",
    "robust_alpha",
    "robust_slope",
    "sampled_singular_values",
    "seeds_p_value",
    "selection_terms",
    "shape_mismatch",
    "step_survival",
    "synthetic_agreement",
    "tail_exponent",
    "transfer_bound",
    "transfer_errors",
    "unselected_exponent",
    "usable_directions",
    "winners_count",
    "without_trend",
    "zeta_bound",
]
