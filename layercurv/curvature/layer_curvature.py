"""What the engines return for one layer."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class LayerCurvature:
    """Directional derivatives of the mean loss of one layer, in float64."""

    curvatures: torch.Tensor  # [K], h_k
    ggn: torch.Tensor | None  # [K], the GGN value; equal to h_k where `engine` is "ggn"; None if not measured
    per_sample: torch.Tensor | None  # [B, K], contributions whose mean is h_k; None if they cannot be told apart
    slopes: torch.Tensor | None  # [B, K], u_k^T G_i v_k, whose mean is sigma_k; None if not measured
    n_samples: int  # B
    engine: str  # that measured it

    @property
    def standard_errors(self) -> torch.Tensor | None:
        """Of h_k over samples, at fixed directions, [K]; None without contributions per sample, or with one sample."""
        if self.per_sample is None or self.n_samples < 2:
            return None
        errors: torch.Tensor = self.per_sample.std(0) / self.n_samples**0.5
        return errors
