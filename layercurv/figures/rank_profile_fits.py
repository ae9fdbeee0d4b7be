"""What the rank_profile figures share: records, the look of each law, and the laws fitted to one layer."""

from layercurv.figures.style import BLUE, GREEN, ORANGE
from layercurv.fits import profile_bic

# Network -> its name in print and the seeds that are frozen.
NETWORKS = {
    "vgg16": ("VGG-16", (0, 1, 2)),
    "resnet50": ("ResNet-50", (0, 1, 2)),
}
RECORDS = tuple(
    f"rank_profile/{network}_tiny_imagenet_seed{seed}.small.json"
    for network, (_, seeds) in NETWORKS.items()
    for seed in seeds
)

# Law -> label, colour, line style.
LAWS = {
    "power_law": ("power law", ORANGE, "--"),
    "exponential": ("exponential", GREEN, ":"),
    "log_normal": ("log-normal", BLUE, "-"),
}


def by_network(records: list[dict]) -> dict[str, list[dict]]:
    """Part records by network.

    Args:
        records: rank_profile records, in any order.

    Returns:
        For each key of `NETWORKS`, its records by seed.
    """
    ordered = sorted(records, key=lambda record: record["provenance"]["seed"])
    return {name: [found for found in ordered if found["variant"].startswith(name)] for name in NETWORKS}


def profile(record: dict, epoch: int, n_samples: int) -> list[dict]:
    """Find the layers measured at one epoch with one B.

    Args:
        record: A rank_profile record.
        epoch: Epochs trained.
        n_samples: B.

    Returns:
        Layer entries in network order.

    Raises:
        KeyError: If there was no such measurement.
    """
    for entry in record["measurements"]["profiles"]:
        if (entry["epoch"], entry["n_samples"]) == (epoch, n_samples):
            return entry["layers"]
    raise KeyError(f"epoch {epoch}, B = {n_samples}")


def usable(layer: dict) -> list[float]:
    """Leave out singular values that are rounding noise.

    Args:
        layer: A layer entry.

    Returns:
        The others, descending.
    """
    return [sigma for sigma, null in zip(layer["singular_values"], layer["is_null"], strict=True) if not null]


def compare_laws(layer: dict) -> dict:
    """Fit the three laws to a layer's raw singular values.

    Args:
        layer: A layer entry.

    Returns:
        As `profile_bic`.
    """
    return profile_bic(usable(layer))
