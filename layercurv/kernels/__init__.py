"""The kernels that weights are applied with: which there are on this machine, whether they are right, in which layout.

- `numerics`: what decides a result's digits beside the code
- `layout`: the memory layouts of images and kernels, in the order of preference
- `operation`: operations as a network uses them, collected in one forward pass
- `reference`: output and gradients in float64, by another library
- `comparison`: how far an operation is off, and how far rounding may take it
- `known_faults`: what is known to be faulty where no comparison shows it
- `isolation`, `child`: comparisons in a process that may die
- `passes`: what was found right, remembered per machine and versions
- `trust`: the layout that follows
"""

from layercurv.kernels.layout import LAYOUTS
from layercurv.kernels.numerics import numerics
from layercurv.kernels.operation import Operation, collect
from layercurv.kernels.trust import Kernels

__all__ = ["LAYOUTS", "Kernels", "Operation", "collect", "numerics"]
