"""What the alpha_map figures share: which records they read, and how layers are grouped, named and fitted."""

from layercurv.errors import InputError
from layercurv.figures.style import BLUE, GREEN, VERMILION
from layercurv.fits import fit_spectral_exponents

RECORDS = tuple(f"alpha_map/resnet18_cifar10_seed{seed}.small.json" for seed in range(3))

# Group of layers -> colour and marker.
GROUPS = {
    "3 × 3 convolution": (BLUE, "o"),
    "1 × 1 shortcut": (GREEN, "s"),
    "classifier head": (VERMILION, "D"),
}


def layers_by_depth(records: list[dict]) -> list[list[dict]]:
    """Pair each layer with itself across seeds.

    Args:
        records: alpha_map records of one network, one per seed.

    Returns:
        For each layer in network order, its entries, one per record.

    Raises:
        InputError: If the records do not hold the same layers.
    """
    per_record = [record["measurements"]["layers"] for record in records]
    names = [[layer["name"] for layer in layers] for layers in per_record]
    if any(found != names[0] for found in names):
        raise InputError("alpha_map figures: expected records of one network, got different layer names")
    return [list(entries) for entries in zip(*per_record, strict=True)]


def group(layer: dict) -> str:
    """Name the group a layer belongs to.

    Args:
        layer: A layer entry.

    Returns:
        A key of `GROUPS`.
    """
    if layer["kind"] == "linear":
        return "classifier head"
    return "1 × 1 shortcut" if "downsample" in layer["name"] else "3 × 3 convolution"


def short_name(layer: dict) -> str:
    """Shorten torchvision's layer name: "layer2.0.downsample.0" to "2.0.s", "layer2.0.conv1" to "2.0.1".

    Args:
        layer: A layer entry.

    Returns:
        A label that fits under a tick.
    """
    name = layer["name"].removeprefix("layer").replace("downsample.0", "s")
    return {"conv1": "stem", "fc": "head"}.get(name, name.replace("conv", ""))


def exponents(layer: dict) -> dict:
    """Fit a layer's exponents from its raw lists.

    Args:
        layer: A layer entry.

    Returns:
        As `fit_spectral_exponents`.
    """
    return fit_spectral_exponents(layer["singular_values"], layer["curvatures"], layer["is_null"])
