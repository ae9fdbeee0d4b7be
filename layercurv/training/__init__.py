"""Training: classifiers and language models in batches, deep linear networks in full.

- `loop`: steps, history, resume
- `data_parallel`: the same by several processes
- `schedule`: learning rate as a function of the step
- `checkpoint`: atomic, pickle-free state on disk
- `evaluate`: accuracy and mean loss
- `progress`: one progress bar style
- `gradient_descent`: full-batch descent with snapshots; `matrix_chain`: starts and balance of a product of matrices
"""

from layercurv.training.checkpoint import load_checkpoint, put_aside, save_checkpoint, weights_checksum
from layercurv.training.evaluate import evaluate
from layercurv.training.loop import Trainer, TrainingSettings
from layercurv.training.progress import progress_bar

__all__ = [
    "Trainer",
    "TrainingSettings",
    "evaluate",
    "load_checkpoint",
    "progress_bar",
    "put_aside",
    "save_checkpoint",
    "weights_checksum",
]
