"""An alpha map as a table of pandas."""

from typing import TYPE_CHECKING, Any

from layercurv.errors import InputError

if TYPE_CHECKING:
    import pandas

    from layercurv.measure.result import LayerAlpha


def of_layers(layers: list["LayerAlpha"]) -> "pandas.DataFrame":
    """Make one row per layer.

    Args:
        layers: The layers.

    Returns:
        Columns layer, m, n, alpha, alpha_low, alpha_high, gamma, engine, check, and the five slopes.
    """
    rows = []
    for layer in layers:
        low, high = layer.interval or (None, None)
        row = {"layer": layer.name, "m": layer.shape[0], "n": layer.shape[1], "alpha": layer.alpha}
        row |= {
            "alpha_low": low,
            "alpha_high": high,
            "gamma": layer.gamma,
            "engine": layer.engine,
            "check": layer.check,
        }
        rows.append(row | {f"slope_{name}": value for name, value in (layer.slopes or {}).items()})
    return _frame(rows)


def of_directions(layers: list["LayerAlpha"]) -> "pandas.DataFrame":
    """Make one row per direction.

    Args:
        layers: The layers.

    Returns:
        Columns layer, k (from 1), sigma, h and is_null.
    """
    rows = []
    for layer in layers:
        lists = zip(layer.sigma.tolist(), layer.h.tolist(), layer.entry["is_null"], strict=True)
        rows += [
            {"layer": layer.name, "k": k, "sigma": sigma, "h": h, "is_null": null}
            for k, (sigma, h, null) in enumerate(lists, start=1)
        ]
    return _frame(rows)


def _frame(rows: list[dict[str, Any]]) -> "pandas.DataFrame":
    try:
        import pandas
    except ImportError as error:
        raise InputError("to_frame: expected pandas to be installed, it is not: pip install pandas") from error
    return pandas.DataFrame(rows)
