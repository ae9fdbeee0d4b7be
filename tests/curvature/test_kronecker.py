import torch

from layercurv.curvature import GGNCurvature, KroneckerFactors, gradient_directions, sweep, weight_layers
from tests.cases import make_case
from tests.compare import assert_close


def measure(name: str):
    case = make_case(name)
    layers = weight_layers(case.model)
    directions = gradient_directions(case.model, case.loss, [case.batch], layers, top_k=3)
    curvatures, factors = GGNCurvature(layers, directions), KroneckerFactors(layers)
    sweep(case.model, case.loss, case.micro_batches(2), layers, [curvatures, factors])
    return case, layers, directions, curvatures.result(), factors


def test_factors_equal_a_loop_over_samples_and_positions():
    case, layers, _, _, factors = measure("residual_convolutions")
    conv = next(layer for layer in layers if layer.name == "conv")
    seen = {}
    conv.module.register_forward_hook(lambda _m, arguments, output: seen.update(a=arguments[0], z=output))
    A, empirical, ggn, count = torch.zeros(27, 27), torch.zeros(4, 4), torch.zeros(4, 4), 0
    for x, y in case.micro_batches(1):
        logits = case.model(x)
        loss = torch.nn.functional.cross_entropy(logits, y)
        (d,) = torch.autograd.grad(loss, seen["z"], retain_graph=True)
        p = logits.softmax(1)[0].detach()
        jacobian = [torch.autograd.grad(logits[0, c], seen["z"], retain_graph=True)[0][0] for c in range(3)]
        padded = torch.nn.functional.pad(seen["a"][0], (1, 1, 1, 1))
        H = torch.diag(p) - torch.outer(p, p)  # Hessian of the loss in the logits
        for row in range(d.shape[2]):
            for column in range(d.shape[3]):
                patch = padded[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3].flatten()  # stride 2
                A = A + torch.outer(patch, patch)
                at = d[0, :, row, column]
                empirical = empirical + torch.outer(at, at)
                J = torch.stack([part[:, row, column] for part in jacobian])  # [C, m]
                ggn = ggn + J.T @ H @ J
                count += 1
    found = factors.factors("conv")
    for key, expected in (("A", A), ("empirical", empirical), ("ggn", ggn)):
        assert_close(found[key], expected / count, 1e-10, 1e-14, key)


def test_kronecker_equals_curvature_on_a_deep_linear_net():
    # Square loss and a linear net: the pulled-back unit vectors do not depend on the sample, so h = h_Kron exactly.
    _, layers, directions, curvatures, factors = measure("deep_linear")
    for layer in layers:
        spectra = factors.spectra(layer.name, directions[layer.name])
        product = spectra["ggn"]["rayleigh"] * spectra["A"]["rayleigh"] * factors.n_positions[layer.name]
        assert_close(curvatures[layer.name].curvatures, product, 1e-10, what=layer.name)


def test_eigenvalues_bound_the_quadratic_forms():
    _, layers, directions, _, factors = measure("residual_convolutions")
    for layer in layers:
        for key, spectrum in factors.spectra(layer.name, directions[layer.name]).items():
            largest = spectrum["eigenvalues"][0]
            assert (spectrum["rayleigh"] <= largest * (1 + 1e-12)).all(), (layer.name, key)
            assert (spectrum["eigenvalues"].diff() <= 1e-14).all(), (layer.name, key)


def test_per_sample_gradients_do_not_shrink_with_the_batch():
    # A factor 1/B in d would make C_d of one sample B^2 times that of B copies of it.
    case = make_case("relu_mlp")
    layers = weight_layers(case.model)
    factors = []
    for copies in (1, 8):
        found = KroneckerFactors(layers)
        batch = case.inputs[:1].repeat(copies, 1), case.targets[:1].repeat(copies)
        sweep(case.model, case.loss, [batch], layers, [found])
        factors.append(found.factors("2"))
    for key in ("A", "empirical", "ggn"):
        assert_close(factors[1][key], factors[0][key], 1e-10, 1e-16, key)


def test_factors_from_sampled_columns_tend_to_those_from_all():
    case, layers, _, _, exact = measure("relu_mlp")
    sampled = KroneckerFactors(layers)
    sweep(case.model, case.loss, case.micro_batches(2), layers, [sampled], n_sampled=3000)
    again = KroneckerFactors(layers)
    sweep(case.model, case.loss, case.micro_batches(2), layers, [again], n_sampled=3000)
    for layer in layers:
        expected, found = exact.factors(layer.name)["ggn"], sampled.factors(layer.name)["ggn"]
        assert (found - expected).norm() < 0.06 * expected.norm(), layer.name  # 1/sqrt(3000) = 0.018 for one entry
        assert torch.equal(again.factors(layer.name)["ggn"], found)
        assert torch.equal(sampled.factors(layer.name)["empirical"], exact.factors(layer.name)["empirical"])
