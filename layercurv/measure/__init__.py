"""The common job in one call: with which power of its singular value does every layer of a network curve?

- `alpha_map`: the call
- `result`: what it returns; `table`, `frame`, `picture` how that is shown; `consistency` what a saved one must meet
- `measurement`: the stages; `resume` what an interrupted one has found, `progress` how far it is
- `check`: engines against double backpropagation; `selection`: layers by name
- `entry`: a record's part on one layer
- `engines`: the engines on one list of micro-batches, by one process or several; `processes` those of torch.distributed
"""

from layercurv.measure.alpha_map import alpha_map
from layercurv.measure.check import Check
from layercurv.measure.engines import Engines
from layercurv.measure.processes import Processes
from layercurv.measure.result import AlphaMap, LayerAlpha
from layercurv.measure.selection import matching_layers

__all__ = ["AlphaMap", "Check", "Engines", "LayerAlpha", "Processes", "alpha_map", "matching_layers"]
