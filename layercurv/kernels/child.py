"""The process that runs kernels nobody trusts yet: `python -m layercurv.kernels.child`.

It reads `{"device", "n_threads", "operations": [...], "limits_s": [...]}` from standard input and writes one list to
standard output: for each operation what `comparison.largest_errors` found. If an operation takes longer than
its limit the process ends at once, whatever it is stuck in.
"""

import faulthandler
import json
import os
import sys

import torch

from layercurv.kernels.comparison import largest_errors
from layercurv.kernels.operation import Operation


def main() -> None:
    """Check the operations in turn."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries may print (ONEDNN_VERBOSE)
    asked = json.load(sys.stdin)
    torch.set_num_threads(asked["n_threads"])
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # as in a run
    found = []
    for fields, limit_s in zip(asked["operations"], asked["limits_s"], strict=True):
        faulthandler.dump_traceback_later(limit_s, exit=True)  # a thread of its own: no kernel holds it up
        found.append(largest_errors(Operation.from_fields(fields), torch.device(asked["device"])))
        faulthandler.cancel_dump_traceback_later()
    json.dump(found, answer)
    answer.flush()


if __name__ == "__main__":
    main()
