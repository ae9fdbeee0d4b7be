"""What is drawn of the frozen records: exponents by powerlaw without its bound, stored s, Gaussian matrices by svd."""

import numpy as np
import pytest

from layercurv.figures import style
from layercurv.figures import weight_tail_exponents as module
from tests.compare import assert_close
from tests.figures.frozen import axes_of, read, records_of


@pytest.fixture(scope="module")
def layers() -> dict:
    found = {}
    for path in module.RECORDS:
        record = read(path)
        network = record["variant"].rsplit("_seed", 1)[0]
        found.setdefault(network, []).append(record["measurements"]["layers"])
    return found


@pytest.fixture(scope="module")
def axes():
    return axes_of(module, records_of(module))


def tail(layer: dict) -> tuple[float, float]:
    powerlaw = pytest.importorskip("powerlaw")
    positive = [value for value in layer["weight_eigenvalues"] if value > 0]
    fit = powerlaw.Fit(positive, parameter_ranges={"alpha": [0, None]}, verbose=False).power_law
    return fit.alpha, fit.sigma


def s(layer: dict) -> float:
    return layer["fits"]["s"]["slope"]


def test_every_layer_and_seed_of_resnet18_has_its_exponent_interval_and_s(axes, layers):
    by_layer = list(zip(*layers["resnet18_cifar10"], strict=True))
    dashes = [line for line in axes[0].lines if line.get_marker() == "_" and len(line.get_xdata())]
    for entries, container, dash in zip(by_layer, axes[0].containers[1::2], dashes, strict=True):
        found = np.array([tail(layer) for layer in entries])
        assert_close(container.lines[0].get_ydata(), found[:, 0], 1e-8, what=entries[0]["name"])
        bars = np.array([segment[:, 1] for segment in container.lines[2][0].get_segments()])
        assert_close(bars, np.column_stack([found[:, 0] - 1.96 * found[:, 1], found[:, 0] + 1.96 * found[:, 1]]), 1e-8)
        assert_close(dash.get_ydata(), [s(layer) for layer in entries], 1e-9)


def test_bars_span_the_exponents_of_gaussian_matrices_of_the_layers_shape(axes, layers):
    for position, layer in ((0, layers["resnet18_cifar10"][0][0]), (20, layers["resnet18_cifar10"][0][20])):
        (bar,) = axes[0].containers[2 * position]
        found = [tail({"weight_eigenvalues": spectrum})[0] for spectrum in wishart_spectra(*sorted(layer["shape"]))]
        assert_close([bar.get_y(), bar.get_y() + bar.get_height()], [min(found), max(found)], 1e-7)
        assert bar.get_x() < position < bar.get_x() + bar.get_width()


def wishart_spectra(m, n):
    rng = np.random.default_rng(0)
    on = np.sqrt(rng.chisquare(n - np.arange(m), (19, m)))
    beside = np.sqrt(rng.chisquare(np.arange(m - 1, 0, -1), (19, m - 1)))
    return [np.linalg.svd(np.diag(a) + np.diag(b, -1), compute_uv=False) ** 2 for a, b in zip(on, beside, strict=True)]


def test_all_networks_are_drawn_and_filled_where_the_tail_is_heavier_than_gaussian(axes, layers):
    axis = axes[1]
    texts = [text.get_text() for text in axis.get_legend().get_texts()]
    for (network, (label, color, *_)), text in zip(module.NETWORKS.items(), texts, strict=True):
        expected = np.array([(s(layer), tail(layer)[0]) for seed in layers[network] for layer in seed])
        lines = [line for line in axis.lines if line.get_markeredgecolor() == color and line.get_linestyle() == "None"]
        found = np.concatenate([np.column_stack(line.get_data()) for line in lines])
        assert_close(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)], 1e-8, what=network)
        assert text.startswith(f"{label}, {len(layers[network])} seed")
    filled = [line for line in axis.lines if line.get_markerfacecolor() == style.BLUE and len(line.get_xdata())]
    assert 40 < sum(len(line.get_xdata()) for line in filled) < 63
