"""What is moved along what: directions of any kind, by the names of layers or parameters."""

from torch import nn

from layercurv.curvature.directions import Directions, JointDirections, TensorDirections, as_directions
from layercurv.curvature.layers import WeightLayer, layers_or_parameters
from layercurv.errors import InputError


class Moves:
    """Directions, matched with the weights of a network."""

    def __init__(self, model: nn.Module, directions: dict):
        """Match them.

        Args:
            model: The network.
            directions: As for `directional_curvature`.

        Raises:
            InputError: If a name is unknown, or directions do not fit.
        """
        parts = {name: _parts(name, given) for name, given in directions.items()}
        layers = layers_or_parameters(model, list(dict.fromkeys(part for some in parts.values() for part in some)))
        self._parts, self._by_name = parts, {layer.name: layer for layer in layers}
        self.given: dict = {}
        for name, some in parts.items():
            fitting = {part: as_directions(tensors, self._by_name[part]) for part, tensors in some.items()}
            self.given[name] = fitting[name] if not isinstance(directions[name], JointDirections) else _joint(fitting)

    @property
    def layers(self) -> list[WeightLayer]:
        """All that is moved."""
        return list(self._by_name.values())

    @property
    def single(self) -> dict[str, Directions | TensorDirections]:
        """Directions of one weight each, by its name."""
        return {name: given for name, given in self.given.items() if not isinstance(given, JointDirections)}

    def layers_of(self, names: list[str]) -> list[WeightLayer]:
        """List what some directions move.

        Args:
            names: Of the directions.

        Returns:
            The layers and parameters.
        """
        return [self._by_name[part] for part in dict.fromkeys(part for name in names for part in self._parts[name])]


def _parts(name: str, given) -> dict:
    if not isinstance(given, JointDirections):
        return {name: given}
    if not given.tensors or len({len(tensors) for tensors in given.tensors.values()}) != 1:
        raise InputError(f"joint directions {name!r}: expected the same number of directions for every weight")
    return given.tensors


def _joint(fitting: dict) -> JointDirections:
    weights = {name: given.tensors for name, given in fitting.items()}
    return JointDirections(weights)
