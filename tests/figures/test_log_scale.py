import numpy as np
from matplotlib.figure import Figure

from layercurv.figures import style
from layercurv.figures.log_scale import ReproducibleLogScale

VALUES = np.geomspace(1e-200, 1e200, 999)


def test_every_logarithmic_axis_is_the_reproducible_one():
    with style.styled():
        axis = Figure().subplots()
        axis.set(xscale="log", yscale="log")
    assert isinstance(axis.xaxis._scale, ReproducibleLogScale)
    assert isinstance(axis.yaxis._scale, ReproducibleLogScale)


def test_values_lie_where_matplotlib_puts_them_and_come_back():
    transform = ReproducibleLogScale().get_transform()
    assert np.abs(transform.transform(VALUES) - np.log10(VALUES)).max() < 1e-13
    assert np.abs(transform.inverted().transform(transform.transform(VALUES)) / VALUES - 1).max() < 1e-12
    assert transform.inverted().inverted().transform(VALUES).tolist() == transform.transform(VALUES).tolist()


def test_what_is_not_positive_is_clipped_and_what_is_missing_stays_so():
    assert ReproducibleLogScale().get_transform().transform([0.0, -1.0, 1.0]).tolist() == [-1000.0, -1000.0, 0.0]
    assert np.isnan(ReproducibleLogScale().get_transform().transform([np.nan])).all()
