"""Directions in a layer's weight: the top singular ones of its mean gradient, and any others."""

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import nn

from layercurv.curvature.batches import as_batches
from layercurv.curvature.layers import WeightLayer
from layercurv.curvature.leading_triplets import is_large, leading_triplets
from layercurv.curvature.losses import Loss, as_loss
from layercurv.curvature.measuring import measuring
from layercurv.curvature.objective import Objective, RandomNumbers, told
from layercurv.curvature.precision import measured_dtype
from layercurv.errors import InputError


@dataclass(frozen=True)
class Directions:
    """K directions u_k v_k^T in one layer's weight, in float64: singular triplets of its gradient, or others."""

    singular_values: torch.Tensor  # [K], descending; NaN where they are not those of a gradient
    left: torch.Tensor  # [m, K], columns u_k; orthonormal if they are singular vectors
    right: torch.Tensor  # [n, K], columns v_k; the same
    is_null: torch.Tensor  # [K] bool: sigma_k is within rounding of zero

    @classmethod
    def from_vectors(cls, left: torch.Tensor, right: torch.Tensor) -> "Directions":
        """Take any u_k and v_k, as they are: h_k grows with the squares of their lengths.

        Args:
            left: Columns u_k, [m, K], or one vector [m].
            right: Columns v_k, [n, K], or one vector [n].

        Returns:
            The directions.

        Raises:
            InputError: If the numbers of columns differ.
        """
        left, right = (x.detach().double() for x in (left, right))
        left, right = (x.unsqueeze(1) if x.dim() == 1 else x for x in (left, right))
        if left.dim() != 2 or right.dim() != 2 or left.shape[1] != right.shape[1]:
            shapes = f"{tuple(left.shape)} and {tuple(right.shape)}"
            raise InputError(f"directions: expected left [m, K] and right [n, K] with the same K, got {shapes}")
        K = left.shape[1]
        unknown = torch.full((K,), torch.nan, dtype=torch.float64, device=left.device)
        return cls(unknown, left, right, torch.zeros(K, dtype=torch.bool, device=left.device))

    @classmethod
    def random(cls, layer: WeightLayer, count: int, seed: int = 0) -> "Directions":
        """Draw u_k and v_k evenly from their unit spheres.

        Args:
            layer: The layer.
            count: K.
            seed: Of the draws.

        Returns:
            The directions.
        """
        generator = torch.Generator().manual_seed(seed)
        drawn = [torch.randn(size, count, generator=generator, dtype=torch.float64) for size in layer.shape]
        left, right = (x.div(x.norm(dim=0)).to(layer.weight.device) for x in drawn)
        return cls.from_vectors(left, right)

    @classmethod
    def neurons(cls, layer: WeightLayer, rows: list[int] | None = None) -> "Directions":
        """Take the weights of single outputs: u_k a unit vector, v_k that row of W over its length.

        Args:
            layer: The layer.
            rows: Which outputs; None takes all.

        Returns:
            The directions.
        """
        W = layer.to_matrix(layer.weight.detach()).double()
        rows = list(range(len(W))) if rows is None else rows
        left = torch.eye(len(W), dtype=torch.float64, device=W.device)[:, rows]
        return cls.from_vectors(left, torch.nn.functional.normalize(W[rows], dim=1).T)

    def __len__(self) -> int:
        """Return K."""
        return self.left.shape[1]

    def tensor(self, k: int, layer: WeightLayer) -> torch.Tensor:
        """Return one direction.

        Args:
            k: Which, from 0.
            layer: The layer.

        Returns:
            u_k v_k^T, shaped like the weight as the module holds it.
        """
        return layer.from_matrix(torch.outer(self.left[:, k], self.right[:, k]))


@dataclass(frozen=True)
class TensorDirections:
    """K directions in one weight, tensors of any rank: optimiser steps, eigenvectors, differences of weights."""

    tensors: torch.Tensor  # [K, *weight.shape]

    def __len__(self) -> int:
        """Return K."""
        return len(self.tensors)

    def tensor(self, k: int, layer: WeightLayer) -> torch.Tensor:
        """Return one direction.

        Args:
            k: Which, from 0.
            layer: The layer.

        Returns:
            It, shaped like the weight.
        """
        return self.tensors[k].double()


@dataclass(frozen=True)
class JointDirections:
    """K directions in several weights that move together, such as a step of the whole network.

    h_k is then the curvature along the joint direction, the blocks between weights included.
    """

    tensors: dict[str, torch.Tensor]  # layer or parameter name to [K, *weight.shape]

    def __len__(self) -> int:
        """Return K."""
        return len(next(iter(self.tensors.values())))


def as_directions(given, layer: WeightLayer):
    """Accept directions of any kind.

    Args:
        given: `Directions`, `TensorDirections`; a pair (left, right); or a tensor shaped like the weight, with or
            without an axis for K in front.
        layer: The layer.

    Returns:
        `Directions` or `TensorDirections`.

    Raises:
        InputError: If it is something else, or does not fit the layer.
    """
    if isinstance(given, tuple | list) and len(given) == 2 and all(isinstance(x, torch.Tensor) for x in given):
        given = Directions.from_vectors(*given)
    if isinstance(given, torch.Tensor):
        given = given.to_dense()  # gradients of embeddings may be sparse
        given = TensorDirections(given[None] if given.shape == layer.weight.shape else given)
    if isinstance(given, Directions | TensorDirections) and not len(given):
        raise InputError(f"layer {layer.name}: expected at least one direction, got none")
    if isinstance(given, TensorDirections):
        _require_shape(layer, "directions", given.tensors, (len(given), *layer.weight.shape))
    elif isinstance(given, Directions):
        for side, size in zip(("left", "right"), layer.shape, strict=True):
            _require_shape(layer, f"{side} directions", getattr(given, side), (size, len(given.singular_values)))
    else:
        raise InputError(
            f"layer {layer.name}: expected Directions, a pair (left, right) or tensors shaped like the weight as "
            f"directions, got {type(given).__name__}"
        )
    return given


def _require_shape(layer: WeightLayer, what: str, got: torch.Tensor, shape: tuple) -> None:
    if tuple(got.shape) != shape:
        raise InputError(f"layer {layer.name}: expected {what} of shape {shape}, got {tuple(got.shape)}")
    if got.is_complex() and not layer.weight.is_complex():
        raise InputError(f"layer {layer.name}: expected real {what}, got {got.dtype}")
    if got.device != layer.weight.device:
        raise InputError(f"layer {layer.name}: expected directions on {layer.weight.device}, got them on {got.device}")
    if got.device.type != "meta" and not torch.isfinite(got).all():
        raise InputError(f"layer {layer.name}: the {what} hold NaN or infinity")


@dataclass(frozen=True)
class GradientSums:
    """Loss gradients summed over samples, which add up over shares of them."""

    sums: dict[str, torch.Tensor]  # layer name to [m, n] float64
    used: frozenset[str]  # layers that took part in the forward pass
    n_samples: int

    def means(self) -> dict[str, torch.Tensor]:
        """Divide by the number of samples.

        Returns:
            Layer name to dL/dW, [m, n] float64.

        Raises:
            InputError: If a layer took no part, or a gradient is not finite.
        """
        for name, total in self.sums.items():
            if name not in self.used:
                raise InputError(f"layer {name}: expected to take part in the forward pass, it does not; leave it out")
            if not torch.isfinite(total).all():
                raise InputError(f"layer {name}: the gradient holds NaN or infinity; check inputs and targets")
        return {name: total / self.n_samples for name, total in self.sums.items()}


def mean_gradients(
    model: nn.Module,
    loss: Loss,
    batches: Iterable,
    layers: list[WeightLayer],
) -> dict[str, torch.Tensor]:
    """Average the loss gradient over all samples, micro-batch by micro-batch.

    Args:
        model: The network, in eval mode.
        loss: The loss, of any kind that `as_loss` takes.
        batches: Micro-batches of any kind that `Batches` takes.
        layers: The layers wanted.

    Returns:
        Layer name to dL/dW in its matrix view, [m, n] float64. Of a weight that is computed, by weight normalisation or
        pruning for instance, it is the gradient in the weight that is applied.

    Raises:
        InputError: If there is no batch, a layer takes no part, or a gradient is not finite.
    """
    return gradient_sums(model, loss, batches, layers).means()


def gradient_sums(model: nn.Module, loss: Loss, batches: Iterable, layers: list[WeightLayer]) -> GradientSums:
    """Sum the loss gradient over some samples, as `mean_gradients` does over all of them.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batches: Micro-batches.
        layers: The layers wanted.

    Returns:
        The sums.

    Raises:
        InputError: If there is no batch, or differentiating fails.
    """
    loss, batches = as_loss(loss), as_batches(batches)
    used, n_samples = set(), 0
    with measuring(model, layers) as cast_to:
        sums = [torch.zeros(layer.shape, dtype=torch.float64, device=layer.weight.device) for layer in layers]
        objective = Objective(model, loss, cast_to)
        for index, batch in enumerate(map(objective.prepared, batches)):
            random_numbers = RandomNumbers()
            total, n = objective.counted_loss(batch)
            drawn = random_numbers.were_drawn()
            for place, gradient in enumerate(gradients_of(total / n, [layer.weight for layer in layers])):
                if gradient is not None:
                    sums[place].add_(layers[place].to_matrix(gradient.to_dense()), alpha=n)
                    used.add(layers[place].name)
            if drawn or index == 0:
                objective.require_deterministic(batch, total, drawn)
            n_samples += n
    named = {layer.name: total for layer, total in zip(layers, sums, strict=True)}
    return GradientSums(named, frozenset(used), n_samples)


def gradients_of(total: torch.Tensor, weights: list[torch.Tensor], create_graph: bool = False) -> list:
    """Differentiate a loss.

    Args:
        total: The loss.
        weights: In which.
        create_graph: Whether the gradients will be differentiated in turn.

    Returns:
        A gradient for each weight, None where the loss does not depend on it.
    """
    if not total.requires_grad:
        return [None] * len(weights)
    with told("backpropagation failed"):
        return list(torch.autograd.grad(total, weights, create_graph=create_graph, allow_unused=True))


def top_singular_directions(gradient: torch.Tensor, top_k: int, eps: float) -> Directions:
    """Find the leading singular triplets without a full SVD: of a large matrix by Lanczos, else from its Gram matrix.

    Large means more than 512 rows and columns (see `leading_triplets`). Otherwise, an eigendecomposition of G G^T (or
    G^T G) gives the leading left subspace, known only to eps (sigma_1 / sigma_k)^2. Two SVDs of G restricted to K rows,
    then to K columns, remove the loss of digits that squaring causes: what the subspace holds of directions with
    smaller singular values shrinks in each product with G.

    Args:
        gradient: G, [m, n] float64.
        top_k: How many; at most min(m, n) are returned.
        eps: Machine epsilon of the arithmetic G was computed in. Directions with sigma_k <= sigma_1 * eps * max(m, n)
            are marked null (the rule of numpy.linalg.matrix_rank).

    Returns:
        The directions, K = min(top_k, m, n).

    Raises:
        InputError: If top_k < 1 or G is zero.
    """
    require_top_k(top_k)
    if not gradient.any():
        raise InputError(f"expected a gradient that is not zero, got zeros of shape {tuple(gradient.shape)}")
    G = gradient if gradient.shape[0] <= gradient.shape[1] else gradient.T  # wide: rows <= columns
    K = min(top_k, G.shape[0])
    found = leading_triplets(G, K) if is_large(G.shape, K) else None
    basis = torch.linalg.eigh(G @ G.T).eigenvectors[:, -K:] if found is None else found.left  # [rows, K]
    right_t = torch.linalg.svd(basis.T @ G, full_matrices=False).Vh
    left, sigma, rotation_t = torch.linalg.svd(G @ right_t.T, full_matrices=False)
    right = (rotation_t @ right_t).T
    if G is not gradient:
        left, right = right, left
    is_null = sigma <= sigma[0] * eps * max(gradient.shape)
    return Directions(sigma, left, right, is_null)


def require_top_k(top_k: int) -> None:
    """Raise if a number of directions is none.

    Args:
        top_k: The number.

    Raises:
        InputError: If it is not a positive integer.
    """
    if not isinstance(top_k, Integral) or isinstance(top_k, bool) or top_k < 1:
        raise InputError(f"top_k: expected a positive integer, got {top_k!r}")


def gradient_directions(
    model: nn.Module,
    loss: Loss,
    batches: Iterable,
    layers: list[WeightLayer],
    top_k: int,
) -> dict[str, Directions]:
    """Find the leading singular directions of every layer's mean gradient.

    Args:
        model: The network, in eval mode.
        loss: The loss.
        batches: Micro-batches (inputs, targets).
        layers: The layers wanted.
        top_k: How many directions per layer.

    Returns:
        Layer name to directions.

    Raises:
        InputError: If a layer's gradient is zero, or `top_k` is no positive integer.
    """
    require_top_k(top_k)
    gradients = mean_gradients(model, loss, batches, layers)
    require_directions(gradients)
    return {layer.name: layer_directions(layer, gradients[layer.name], top_k) for layer in layers}


def require_directions(gradients: dict[str, torch.Tensor]) -> None:
    """Refuse gradients that have no singular directions.

    Args:
        gradients: Layer name to gradient.

    Raises:
        InputError: If one is zero.
    """
    for name, gradient in gradients.items():
        if not gradient.any():
            raise InputError(
                f"layer {name}: its gradient is zero (dead units, or a head of zeros behind it?); leave it out of the "
                "layers measured, or give other directions"
            )


def layer_directions(layer: WeightLayer, gradient: torch.Tensor, top_k: int) -> Directions:
    """Find the leading singular directions of one layer's gradient, null ones told by the precision of its weight.

    Args:
        layer: The layer.
        gradient: Its mean gradient, [m, n] float64.
        top_k: How many.

    Returns:
        The directions.
    """
    return top_singular_directions(gradient, top_k, torch.finfo(measured_dtype(layer.weight)).eps)
