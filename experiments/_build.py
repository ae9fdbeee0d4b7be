"""What a configuration names, built: networks, data sets, and the batches that go through them."""

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from experiments._runner import Run
from layercurv.data import ImageData, TextWindows
from layercurv.errors import InputError

AUGMENTATION = ("crop_padding", "flip")  # settings of a recipe that its data set takes


def build(node: DictConfig):
    """Build what a configuration node's `_target_` names.

    Args:
        node: The node.

    Returns:
        What the target returns.

    Raises:
        InputError: As the target raised it, without Hydra's wrapping; or if the target does not take the node's keys.
    """
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, InputError):
            raise error.__cause__ from None
        raise InputError(f"{node.get('_target_')} cannot be built: {error}") from error


def load_data(run: Run) -> ImageData | TextWindows:
    """Load the configured data set onto the run's device.

    Args:
        run: The run.

    Returns:
        The data.
    """
    return build(run.cfg.data).to(run.device)


def training_batches(run: Run, data: ImageData | TextWindows):
    """Cut the batches that the configured recipe trains on.

    Args:
        run: The run.
        data: The data.

    Returns:
        The batches of every step.
    """
    cfg = run.cfg.training
    augmentation = {key: cfg[key] for key in AUGMENTATION if key in cfg}
    return data.training_batches(cfg.batch_size, run.cfg.seed, **augmentation)
