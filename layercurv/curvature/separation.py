"""Whether the samples of a micro-batch are independent: the gradient at sample i comes from sample i's output alone.

Pull a cotangent s of the outputs back through the network, and again with the part of each sample scaled by a number
of its own, r_i. Where samples are independent, what arrives at sample i is scaled by r_i. Where any sample's output
depends on another sample, in either direction, or where rows are not ordered by sample, it is not. The scales are
powers of two, so that rounding does not blur the comparison: two backward passes tell for all pairs of samples at once.
"""

from collections.abc import Iterator

import torch

from layercurv.curvature.uses import AppliedLayer

_BASE = 64  # 2^63 times a gradient is within float32's range
# The sums that are compared are made in different order; rounding in them is eps times a few, interaction is not.
_TOLERANCE_EPS, _LARGEST_TOLERANCE = 1e4, 0.1
_CANCELLED = 0.01  # of the largest sample's


def sample_scales(n_samples: int, like: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield scales that differ between any two samples, at least once.

    Args:
        n_samples: N.
        like: A tensor of the dtype and device wanted.

    Yields:
        r, [N]; one for up to 64 samples, two for up to 4096.
    """
    digits, index = 1, torch.arange(n_samples, device=like.device)
    while digits == 1 or digits < n_samples:
        yield torch.exp2((index // digits % _BASE).to(like.dtype))
        digits *= _BASE


def scaled(x: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
    """Scale each sample.

    Args:
        x: [N, ...], or rows ordered by sample.
        r: [N].

    Returns:
        The shape of x.
    """
    return (x.reshape(len(r), -1) * r.unsqueeze(1)).reshape(x.shape)


def is_scaled(
    after: torch.Tensor, before: torch.Tensor, r: torch.Tensor, eps: float, size: torch.Tensor | None = None
) -> bool:
    """Tell whether every sample's part was scaled by its own number.

    Args:
        after: [N, ...], or rows ordered by sample.
        before: The same shape.
        r: [N].
        eps: Of the lowest precision that the network computes in.
        size: Of each sample's rounding errors' cause, [N]; None takes its largest entry.

    Returns:
        Whether they are equal to rounding.
    """
    if after.numel() % len(r) or not after.dim():
        return False
    before, after = before.reshape(len(r), -1), after.reshape(len(r), -1)
    largest = before.abs().amax(1) if size is None else size
    # What cancels in a sample, as behind a softmax that is one-hot, leaves rounding of what it was made of.
    largest = largest.clamp_min(_CANCELLED * float(largest.max()))
    limit = min(_TOLERANCE_EPS * eps, _LARGEST_TOLERANCE) * largest
    return bool(((after / r.unsqueeze(1) - before).abs() <= limit.unsqueeze(1)).all())


class SampleSeparation:
    """Watches a sweep's backward passes, and tells at their end which layers' samples are independent.

    Every layer is watched along one random direction; no further passes are needed but one with scaled samples.
    """

    def __init__(self, applied: dict[str, AppliedLayer], eps: float, seed: int = 0):
        """Prepare.

        Args:
            applied: Layer name to the layer's inputs.
            eps: Of the lowest precision that the network computes in.
            seed: Of the random directions.
        """
        self._applied, self._eps = applied, eps
        self._generator = torch.Generator().manual_seed(seed)
        self._columns: torch.Tensor | None = None  # sum of signed columns
        self._sign = 1.0
        self._found: dict[str, torch.Tensor] = {}
        self._sizes: dict[str, torch.Tensor] = {}
        self._drawn: dict[str, torch.Tensor] = {}
        self._is_channels_last: dict[str, bool] = {}
        self.reasons: dict[str, str] = {}

    def next_column(self, column: torch.Tensor) -> None:
        """Note the column that is pulled back next.

        Args:
            column: Shaped like the outputs.
        """
        self._sign = 1.0 - 2.0 * int(torch.randint(2, (), generator=self._generator))
        signed = self._sign * column
        self._columns = signed if self._columns is None else self._columns + signed

    def see(self, gradients: dict[str, torch.Tensor]) -> None:
        """See a pulled-back column.

        Args:
            gradients: Layer name to it.
        """
        for name, gradient in gradients.items():
            rows = self._by_sample(name, gradient)
            along = rows @ self._weights(name, rows)
            self._found[name] = self._found.get(name, 0.0) + self._sign * along
            self._sizes[name] = self._sizes.get(name, 0.0) + torch.linalg.vector_norm(rows, dim=1)

    def scaled_columns(self, n_samples: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield what must be pulled back once more.

        Args:
            n_samples: N.

        Yields:
            Scales and the column.
        """
        if self._columns is not None and n_samples > 1:
            for r in sample_scales(n_samples, self._columns):
                yield r, scaled(self._columns, r)

    def compare(self, r: torch.Tensor, gradients: dict[str, torch.Tensor]) -> None:
        """Compare a scaled column with what was seen.

        Args:
            r: The scales.
            gradients: Layer name to the pulled-back column.
        """
        for name, gradient in gradients.items():
            rows = self._by_sample(name, gradient)
            if not is_scaled(rows @ self._weights(name, rows), self._found[name], r, self._eps, self._sizes[name]):
                self.reasons[name] = "the samples of a micro-batch are not independent, or not on the first axis"

    def _weights(self, name: str, rows: torch.Tensor) -> torch.Tensor:
        # Fixed random numbers for the entries of a sample: a linear map that mixes no samples.
        if name not in self._drawn:
            drawn = torch.randn(rows.shape[1], generator=self._generator, dtype=rows.dtype)
            self._drawn[name] = drawn.to(rows.device)
        return self._drawn[name]

    def _by_sample(self, name: str, gradient: torch.Tensor) -> torch.Tensor:
        # Entries in the order of memory, which costs no copy of images with channels last.
        if name not in self._is_channels_last:
            self._is_channels_last[name] = gradient.dim() == 4 and gradient.stride(1) == 1
        gradient = gradient.movedim(1, 3) if self._is_channels_last[name] else gradient
        return gradient.reshape(self._applied[name].n_samples, -1)
