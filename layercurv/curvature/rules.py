"""Which operation is differentiated by which rule.

An operation without a rule is not guessed at: only the reference engine measures the layers before it.
"""

from layercurv.curvature.attention import AttentionRule
from layercurv.curvature.derivatives import (
    Affine,
    Elementwise,
    Embedding,
    Product,
    Quotient,
    Reshape,
    Rule,
    Same,
    Sum,
    convolve,
    multiply_entries,
    multiply_matrices,
)
from layercurv.curvature.fusion import SMOOTH
from layercurv.curvature.normalization import BatchNorm, GroupNorm, LayerNorm, LogSoftmax, MaxPool, Softmax
from layercurv.curvature.offset_product import OffsetProduct
from layercurv.curvature.tape import Operation, Tape, Value

_AFFINE = (
    *("_adaptive_avg_pool2d", "_to_copy", "_unsafe_index", "avg_pool2d", "avg_pool3d", "cat", "cumsum", "diagonal"),
    *("expand", "flip", "gather", "index", "index_select", "mean", "neg", "permute", "pixel_shuffle"),
    *("reflection_pad1d", "reflection_pad2d", "repeat", "replication_pad1d", "replication_pad2d", "roll", "select"),
    *("slice", "split", "split_with_sizes", "squeeze", "stack", "sum", "t", "transpose", "tril", "triu", "unbind"),
    *(
        "unsqueeze",
        "upsample_bicubic2d",
        "upsample_bilinear2d",
        "upsample_linear1d",
    ),
    *("upsample_trilinear3d", "where"),
)
_KINKED = (
    *("_prelu_kernel", "abs", "clamp", "clamp_max", "clamp_min", "hardtanh", "leaky_relu", "relu"),
    "threshold",
)

RULES: dict[str, Rule] = {
    **dict.fromkeys(_AFFINE, Affine()),
    **dict.fromkeys(_KINKED, Elementwise(is_smooth=False)),
    **dict.fromkeys((*SMOOTH, "chain"), Elementwise(is_smooth=True)),
    **dict.fromkeys(("view", "_unsafe_view"), Reshape()),
    **dict.fromkeys(("alias", "clone"), Same()),
    **dict.fromkeys(("masked_fill", "constant_pad_nd"), Affine(constant=2)),
    "embedding": Embedding(),
    "add": Sum((+1, +1)),
    "sub": Sum((+1, -1)),
    "rsub": Sum((-1, +1), scaled=0),
    "mul": Product(multiply_entries),
    "mm": Product(multiply_matrices),
    "bmm": Product(multiply_matrices),
    **dict.fromkeys(("addmm", "baddbmm"), OffsetProduct()),
    "convolution": Product(convolve),
    "div": Quotient(),
    **dict.fromkeys(("_softmax", "_safe_softmax"), Softmax()),
    "_log_softmax": LogSoftmax(),
    "attention": AttentionRule(),
    "native_layer_norm": LayerNorm(),
    "native_group_norm": GroupNorm(),
    **dict.fromkeys(("_native_batch_norm_legit_no_training", "native_batch_norm", "cudnn_batch_norm"), BatchNorm()),
    "max_pool2d_with_indices": MaxPool(),
}


def moving_leaves(operation: Operation, values: set[int]) -> frozenset[int]:
    """List the leaves of an operation's arguments that are among some values.

    Args:
        operation: The operation.
        values: Indices of values that depend on a weight.

    Returns:
        The leaves.
    """
    return frozenset(i for i, x in enumerate(operation.leaves) if isinstance(x, Value) and x.index in values)


def unsupported(operation: Operation, moving: frozenset[int], tape: Tape) -> str | None:
    """Say why an operation cannot be differentiated twice by the rules.

    Args:
        operation: The operation.
        moving: The leaves that depend on a weight.
        tape: The operation's tape.

    Returns:
        The reason, or None if it can.
    """
    if operation.name not in RULES:
        return f"there is no rule for {operation.op}"
    rule = RULES[operation.name]
    if not tape.complex.isdisjoint({*operation.inputs, *operation.outputs}):
        return f"{operation.op} on complex numbers"
    if rule.moves_first_output_only and any(tape.readers(i) for i in tape.floating.intersection(operation.outputs[1:])):
        return f"{operation.op} with its statistics in use"
    return rule.unsupported(operation, moving)
