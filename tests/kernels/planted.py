"""A child process as `layercurv.kernels.child`, with convolutions broken by the size of their kernel."""

import atexit
import ctypes
import os

from layercurv.kernels import child
from layercurv.kernels.operation import KINDS

OFF_BY_ONE_PERCENT, ABORTS, HANGS, DIES_LATER, RIGHT = (2, 2), (3, 3), (5, 5), (7, 7), (1, 1)
convolve = KINDS["convolution"]


def broken(inputs, weight, *settings):
    """Compute a convolution, or do what is planted for its kernel's size."""
    size = tuple(weight.shape[2:])
    if size == OFF_BY_ONE_PERCENT:  # the gradient alone
        weight = weight + 0.01 * (weight - weight.detach())
    if size == ABORTS:
        os.abort()
    if size == HANGS:
        ctypes.PyDLL(None).pause()  # for ever, and Python's lock is not given back
    if size == DIES_LATER:  # as memory does that was corrupted
        atexit.register(os.abort)
    return convolve(inputs, weight, *settings)


if __name__ == "__main__":
    KINDS["convolution"] = broken
    child.main()
