"""Figures as pure functions of frozen records. No torch.

- `style`: one look, fixed sizes, no dates in the files
- `log_scale`: logarithmic axes with the same bits on every machine
- `registry`: figure names, what each reads, drawing to disk
- `ledger`: which figures need not be drawn again
- `alpha_map_layers`: the layer labels and groups all alpha_map figures share
- `alpha_map_power_law`: h against sigma on representative layers
- `alpha_map_depth`: alpha of every layer along the network
- `alpha_map_slopes`: the five slopes whose sum is alpha
- `alpha_triangle_transfer`: s against alpha*gamma, and its relative errors beside their bound and nulls
- `hvp_validation_finite_differences`: error and wrong signs of finite differences over the step
- `training_dynamics_alpha`: alpha of the convolutions along training, and by quarter of the singular index
- `spectral_newton_curves`: loss and accuracy of optimisers over steps and seconds, and what a step costs
- `spectral_newton_cosine`: Spectral Newton's step against the gradient, by layer and by what exceeds the damping
- `scalar_preconditioner_accuracy`: layer-wise rates against Adam, with the interval of the difference
- `depth_bifurcation_ratio`: Hessian spectra of deep linear networks, the ratio of their clusters, broken assumptions
- `rank_profile_fits`: records and laws that the rank_profile figures share
- `rank_profile_laws`: singular values of representative layers, three laws fitted to them, residuals
- `rank_profile_shares`: layers won by each law along training and with B, margins, agreement against permutations
"""
