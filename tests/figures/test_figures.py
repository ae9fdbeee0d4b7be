import importlib
import shutil

import numpy as np
import pytest

from claimgate import strict_json
from layercurv.errors import InputError
from layercurv.figures import alpha_map_depth, alpha_map_layers, alpha_map_power_law, alpha_map_slopes, style
from layercurv.figures.registry import FIGURES, generate, main
from layercurv.results.store import read_record
from tests.compare import assert_close
from tests.records import ALPHA, NAMES, smoke_record


@pytest.fixture
def results(tmp_path, root):
    for figure in FIGURES.values():
        for name in importlib.import_module(figure).RECORDS:
            (tmp_path / "results" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / "results" / name, tmp_path / "results" / name)
    return tmp_path / "results"


RECORDS = [smoke_record(seed) for seed in range(3)]


def test_depth_draws_alpha_of_every_layer_and_seed_with_its_interval(root):
    audit = read_record(root / "results" / alpha_map_depth.AUDIT)
    with style.styled():
        axis = alpha_map_depth.draw([*RECORDS, audit]).axes[0]
    for position, name in enumerate(NAMES):
        container = axis.containers[position]
        fits = [alpha_map_layers.exponents(r["measurements"]["layers"][position])["alpha"] for r in RECORDS]
        assert_close(container.lines[0].get_ydata(), [fit["slope"] for fit in fits], 1e-12, what=name)
        bars = np.array([segment[:, 1] for segment in container.lines[2][0].get_segments()])
        assert_close(bars, [[fit["ci95_low"], fit["ci95_high"]] for fit in fits], 1e-12, what=name)
        assert abs(np.mean(container.lines[0].get_ydata()) - ALPHA[name]) < 0.15
    assert set(axis.lines[0].get_ydata()) == {2.0}  # as the source paper prints


def test_power_law_draws_used_points_and_marks_the_dropped_ones():
    with style.styled():
        axes = alpha_map_power_law.draw(RECORDS).axes
    for axis, name in zip(axes, alpha_map_power_law.PANELS, strict=True):
        n_used = 7 if name == "fc" else 8
        assert [len(container.lines[0].get_xdata()) for container in axis.containers] == [n_used] * 3
        crosses = [line for line in axis.lines if line.get_marker() == "x"]
        assert len(crosses) == (name == "fc")
    texts = [text.get_text() for text in axes[-1].texts]
    assert any("3 dropped" in text for text in texts)


@pytest.mark.parametrize("kind", ["ggn", "empirical"])
def test_stacked_slopes_end_at_alpha(kind):
    with style.styled():
        axis = alpha_map_slopes.draw(RECORDS).axes[["ggn", "empirical"].index(kind)]
    heights = np.array([[bar.get_height() for bar in container] for container in axis.containers])
    totals = next(line for line in axis.lines if line.get_marker() == "D").get_ydata()
    assert heights.shape == (5, len(NAMES))
    assert_close(heights.sum(0), totals, 1e-9)


def test_a_missing_record_or_key_or_name_is_one_clear_error(results, tmp_path, capsys):
    assert main(["nonsense", "--results", str(results)]) == 2
    assert "alpha_map_depth, alpha_map_depth_networks, alpha_map_networks" in capsys.readouterr().err
    record = read_record(results / alpha_map_layers.RECORDS[0])
    del record["measurements"]["layers"][0]["curvatures"]
    (results / alpha_map_layers.RECORDS[0]).write_text(strict_json.dumps(record))
    assert main(["--results", str(results), "--out", str(tmp_path)]) == 2
    assert "key 'curvatures' is missing" in capsys.readouterr().err
    (results / alpha_map_layers.RECORDS[0]).unlink()
    with pytest.raises(InputError, match=r"seed0\.small\.json: expected a readable record"):
        generate(["alpha_map_depth"], results, tmp_path)
