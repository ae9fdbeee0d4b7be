"""One comparison for all numeric tests; on failure it prints index, both values and their ratio."""

import numpy as np


def assert_close(found, expected, rtol: float, atol: float = 0.0, what: str = "values") -> None:
    found, expected = (np.asarray(getattr(x, "detach", lambda x=x: x)(), dtype=np.float64) for x in (found, expected))
    assert found.shape == expected.shape, f"{what}: shapes {found.shape} and {expected.shape}"
    bad = np.argwhere(~(np.abs(found - expected) <= atol + rtol * np.abs(expected)))
    lines = [
        f"  {tuple(map(int, i))}: found {found[tuple(i)]:.17g}, expected {expected[tuple(i)]:.17g}, "
        f"ratio {found[tuple(i)] / expected[tuple(i)]:.17g}"
        for i in bad[:10]
    ]
    assert not len(bad), f"{what}: {len(bad)} of {found.size} differ (rtol {rtol}, atol {atol})\n" + "\n".join(lines)
