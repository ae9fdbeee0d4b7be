"""What `alpha_map` returns: one entry per layer, as a record holds it, with doors to tables, pictures and files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from claimgate import strict_json
from layercurv.errors import InputError
from layercurv.files import write_text_atomically
from layercurv.measure import frame, picture, table
from layercurv.results import schema
from layercurv.results.store import read_record

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

RECORD = "measure"  # id of the schema; records of the experiment `alpha_map` can be loaded too


@dataclass(frozen=True)
class LayerAlpha:
    """One layer of an `AlphaMap`."""

    entry: dict[str, Any]  # as the record holds it

    @property
    def name(self) -> str:
        """The layer's name in the network."""
        return str(self.entry["name"])

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n) of the weight's matrix view."""
        m, n = self.entry["shape"]
        return m, n

    @property
    def engine(self) -> str:
        """Which engine measured it."""
        return str(self.entry["engine"])

    @property
    def sigma(self) -> npt.NDArray[np.float64]:
        """Singular values of the mean gradient, [K], descending."""
        return np.array(self.entry["singular_values"], dtype=np.float64)

    @property
    def h(self) -> npt.NDArray[np.float64]:
        """Curvature along each singular direction, [K]."""
        return np.array(self.entry["curvatures"], dtype=np.float64)

    @property
    def alpha(self) -> float | None:
        """Slope of log h on log sigma; None where fewer than three directions can be fitted."""
        return self._fit("alpha", "slope")

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of alpha: over draws of the samples where known, else that of the least-squares line."""
        found = self.entry["alpha_bootstrap"] or (self.entry["fits"] or {}).get("alpha")
        return None if found is None else (float(found["ci95_low"]), float(found["ci95_high"]))

    @property
    def gamma(self) -> float | None:
        """Minus the slope of log sigma on log k."""
        return self._fit("gamma", "slope")

    @property
    def slopes(self) -> dict[str, float] | None:
        """The five slopes whose sum is alpha, from the Gauss-Newton factor C_d; None where they cannot be measured."""
        found = (self.entry.get("alpha_slopes") or {}).get("ggn")
        return None if found is None else dict(found)

    @property
    def check(self) -> float | None:
        """Largest relative difference from double backpropagation on the checked directions; None if unchecked."""
        found = self.entry.get("engine_check")
        return None if found is None else float(found["max_relative_difference"])

    @property
    def missing(self) -> dict[str, str]:
        """For each value that is None, the reason."""
        return dict(self.entry["missing"])

    def _fit(self, name: str, value: str) -> float | None:
        fits = self.entry["fits"]
        return None if fits is None else float(fits[name][value])


@dataclass(frozen=True)
class AlphaMap:
    """Alpha of every layer of a network; `found["fc"]` is a `LayerAlpha`, iteration goes over all of them."""

    entries: list[dict[str, Any]]  # one per layer, as the record holds it
    n_samples: int  # B, samples measured on
    mean_loss: float  # on those samples
    wall_s: float  # seconds of measuring, those of interrupted runs among them
    provenance: dict[str, Any]

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self.entries)

    def __iter__(self) -> Iterator[LayerAlpha]:
        """Go over the layers.

        Returns:
            The layers, in the order the network registers them.
        """
        return map(LayerAlpha, self.entries)

    def __getitem__(self, name: str) -> LayerAlpha:
        """Look a layer up.

        Args:
            name: The layer's name in the network.

        Returns:
            The layer.

        Raises:
            InputError: If it was not measured.
        """
        for layer in self:
            if layer.name == name:
                return layer
        raise InputError(f"no layer {name!r} was measured; there are: {', '.join(layer.name for layer in self)}")

    def summary(self) -> str:
        """Write the map as a table, one line per layer.

        Returns:
            Text for a terminal.
        """
        return table.summary(list(self), self.n_samples, self.mean_loss, self.wall_s)

    def to_frame(self, *, directions: bool = False) -> "pandas.DataFrame":
        """Make a table of pandas.

        Args:
            directions: One row per direction (k, sigma, h) instead of one per layer.

        Returns:
            The table.

        Raises:
            InputError: If pandas is not installed.
        """
        return frame.of_directions(list(self)) if directions else frame.of_layers(list(self))

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw alpha along depth, and h against sigma of all layers.

        Args:
            path: Where to save the picture as well; its ending (.png, .pdf, .svg) says as what.

        Returns:
            The figure.
        """
        return picture.draw(list(self), None if path is None else Path(path))

    def save(self, path: str | Path) -> Path:
        """Write everything as JSON, checked against `schemas/v1/measure.json`; an existing file is replaced.

        Args:
            path: The file.

        Returns:
            The file.
        """
        record = {
            "schema": f"{schema.VERSION}/{RECORD}",
            "experiment": RECORD,
            "measurements": {"n_samples": self.n_samples, "mean_loss": self.mean_loss, "layers": self.entries},
            "provenance": self.provenance | {"wall_s": {"measurement": self.wall_s}},
        }
        text = strict_json.dumps(record)
        schema.validate(record, RECORD, str(path))
        write_text_atomically(Path(path), text)
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> "AlphaMap":
        """Read what `save` wrote, or a frozen record of the experiment `alpha_map`.

        Args:
            path: The file.

        Returns:
            The map.

        Raises:
            InputError: If the file is missing or no such record.
        """
        record = read_record(Path(path))
        kind = record.get("experiment") if isinstance(record, dict) else None
        if kind not in (RECORD, "alpha_map"):
            raise InputError(f"{path}: expected a record of `{RECORD}` or `alpha_map`, got {kind!r}")
        schema.validate(record, kind, str(path))
        measured, provenance = record["measurements"], dict(record["provenance"])
        wall_s = provenance.pop("wall_s")["measurement"]
        return cls(measured["layers"], measured["n_samples"], measured["mean_loss"], wall_s, provenance)
