"""Matrix products to which an offset is added: linear layers with their biases, attention's scores with their mask."""

from typing_extensions import override

from layercurv.curvature.derivatives import Product, multiply_matrices, with_axes


class OffsetProduct(Product):
    """beta c + alpha a b, torch's `addmm` and `baddbmm`: affine in the offset c, otherwise as a product is."""

    def __init__(self):
        """Make the rule."""
        super().__init__(multiply_matrices, first=1)

    @override
    def unsupported(self, operation, moving):
        return None

    @override
    def is_affine(self, moving):
        return not moving >= {1, 2}

    @override
    def push(self, point):
        alpha, beta = (point.kwargs.get(name, 1) for name in ("alpha", "beta"))
        shape = (*point.shapes[1][:-1], point.shapes[2][-1])
        push_product = super().push(point)

        def push(tangents):
            offset, *factors = tangents[:3]
            moved = bend = None
            if any(t is not None for t in factors):
                (moved,), bend = push_product(tangents)
                moved, bend = (t if t is None or alpha == 1 else alpha * t for t in (moved, bend))
            if offset is not None:
                offset = with_axes(offset if beta == 1 else beta * offset, len(shape))
                moved = offset.expand(len(offset), *shape) if moved is None else moved + offset
            return [moved], bend

        return push
