"""First and second derivatives of softmax, normalisation and pooling, by their formulas.

Notation as in `derivatives`: t the tangent, w the adjoint; means, sums and <.,.> run over the normalised entries.
"""

import math

import torch
from typing_extensions import override

from layercurv.curvature.derivatives import Point, Rule, sum_per_sample


class Softmax(Rule):
    """s = softmax(x): with c = t - <s, t>, s' t = s c and s''[t, t] = s (c^2 - <s, c^2>)."""

    reads_outputs = True

    @override
    def is_affine(self, moving):
        return False

    @override
    def push(self, point):
        s, dim = point.outputs[0], point.args[1] % point.outputs[0].dim()
        weights, n = s * (point.adjoint - (s * point.adjoint).sum(dim, keepdim=True)), point.n_samples

        def push(tangents):
            c = tangents[0] - (tangents[0] * s).sum(dim + 1, keepdim=True)
            return [c * s], sum_per_sample(c.square_().mul_(weights), n)

        return push


class LogSoftmax(Rule):
    """y = log softmax(x), s = exp(y): y' t = c = t - <s, t>, and every entry of y''[t, t] is -<s, c^2>."""

    reads_outputs = True

    @override
    def is_affine(self, moving):
        return False

    @override
    def push(self, point):
        s, dim = point.outputs[0].exp(), point.args[1] % point.outputs[0].dim()
        weights, n = -s * point.adjoint.sum(dim, keepdim=True), point.n_samples

        def push(tangents):
            c = tangents[0] - (tangents[0] * s).sum(dim + 1, keepdim=True)
            return [c], sum_per_sample(c.square() * weights, n)

        return push


class _Standardize(Rule):
    """y = scale z + offset with z = (x - mean x) r and r = (var x + eps)^(-1/2), over the entries of a row.

    With tau = t - mean t and m = mean(z tau):

        z' t = r (tau - z m)
        z''[t, t] = -r^2 (2 m tau + z (mean tau^2 - 3 m^2))

    which follows from dr = -r^2 m and dm = r (mean tau^2 - m^2).
    """

    reads_moving = True
    reads_outputs = True
    moves_first_output_only = True

    @override
    def is_affine(self, moving):
        return False

    @override
    def push(self, point):
        x, mean, r, scale = self._rows(point)  # [R, d], [R, 1], [R, 1], [R, d] or 1
        rows, d = x.shape
        z, w = (x - mean) * r, point.adjoint.reshape(rows, d) * scale
        zw, wz = torch.stack([z, w], 2), (w * z).sum(1, keepdim=True)
        factor, n = r * scale, point.n_samples

        def push(tangents):
            t = tangents[0].reshape(-1, rows, d)
            tau = t - t.mean(2, keepdim=True)
            dots = (tau.transpose(0, 1) @ zw).transpose(0, 1)  # [K, R, 2]: one pass over tau for both
            m, along = dots[..., :1] / d, dots[..., 1:]
            spread = torch.linalg.vector_norm(tau, dim=2, keepdim=True).square() / d
            bend = -r.square() * (2 * m * along + wz * (spread - 3 * m.square()))
            return [tau.addcmul_(z, m, value=-1).mul_(factor).reshape(tangents[0].shape)], sum_per_sample(bend, n)

        return push

    def _rows(self, point: Point) -> tuple:
        raise NotImplementedError


class LayerNorm(_Standardize):
    """`native_layer_norm`: a row for each position."""

    def _rows(self, point):
        x, shape, scale = point.args[:3]
        d = math.prod(shape)
        mean, r = (found.reshape(-1, 1) for found in point.outputs[1:])
        return x.reshape(-1, d), mean, r, 1 if scale is None else scale.reshape(1, d)


class GroupNorm(_Standardize):
    """`native_group_norm`: a row for each sample and group of channels."""

    def _rows(self, point):
        x, scale, groups = point.args[0], point.args[1], point.args[6]
        mean, r = (found.reshape(-1, 1) for found in point.outputs[1:])
        rows = x.reshape(len(mean), -1)
        if scale is not None:
            per_entry = scale.reshape(-1, *[1] * (x.dim() - 2)).expand(x.shape[1:])
            scale = per_entry.reshape(groups, -1).repeat(len(x), 1)
        return rows, mean, r, 1 if scale is None else scale


class BatchNorm(Rule):
    """Normalisation by stored statistics: a fixed scale per channel."""

    moves_first_output_only = True

    @override
    def unsupported(self, operation, moving):
        if any(flag is True for flag in operation.args):
            return f"{operation.op} with batch statistics"
        return super().unsupported(operation, moving)

    @override
    def push(self, point):
        _, scale, _, _, variance, *_, eps = point.args
        factor = (variance + eps).rsqrt() * (1 if scale is None else scale)
        factor = factor.reshape(-1, *[1] * (len(point.shapes[0]) - 2))
        return lambda tangents: ([tangents[0] * factor], None)


class MaxPool(Rule):
    """`max_pool2d_with_indices`: picks the entries whose places it returned."""

    reads_outputs = True

    @override
    def push(self, point):
        places = point.outputs[1]

        def push(tangents):
            flat = tangents[0].flatten(-2)
            picked = flat.gather(-1, places.flatten(-2).expand(len(flat), *places.shape[:-2], -1))
            return [picked.unflatten(-1, places.shape[-2:])], None

        return push
