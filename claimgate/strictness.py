"""Claims that say too little to be one: a bound that nothing pins down, a tolerance wider than what is uncertain.

The printing rule: an estimate is rounded to the nearest printed digit (`equals`, `printed`). It is rounded up only if
the greatest of some values is bounded, down only if the least is. A bound with a meaning of its own (`below`,
`above`) is zero, for a difference whose sign decides something; or the level of a test; or what rounding in float64 may
leave of an identity.
"""

from decimal import Decimal

from claimgate.checks import COMPARISONS, half_unit, reduce_values
from claimgate.claim import Claim

LEVELS = ("0.05", "0.01")  # of a test
ROUNDING = Decimal("1e-6")  # the most that is left of an identity in float64, on values around one
_EXTREMES = {
    "rounded_up": ("max", "mean_difference_high", "paired_difference_high"),
    "rounded_down": ("min", "mean_difference_low", "paired_difference_low"),
}
_WIDEST = Decimal("0.1")  # of a value, that a tolerance may be


def objection(claim: Claim, value: float, values: tuple[float, ...], identities: tuple[str, ...] = ()) -> str | None:
    """Say why a claim that holds is none.

    Args:
        claim: The claim.
        value: What was recomputed, in the claim's unit.
        values: What that was reduced from.
        identities: Quantities that are zero but for rounding begin so.

    Returns:
        The reason; None if the claim says something.
    """
    if claim.check in ("below", "above"):
        return _bound(claim, identities)
    if claim.check in _EXTREMES and claim.reduce not in _EXTREMES[claim.check]:
        return f"{claim.check} bounds the {_EXTREMES[claim.check][0]} of some values: an estimate is rounded to nearest"
    if claim.is_waiver:
        return _tolerance(claim, values)
    if claim.tolerance == "printed" and half_unit(claim.number) > abs(Decimal(repr(value))) > 0:
        return f"{claim.stated} is printed too coarsely to tell {value:.3g} from nothing"
    return None


def _bound(claim: Claim, identities: tuple[str, ...]) -> str | None:
    if claim.number == 0 and claim.reduce in COMPARISONS:
        return None
    if claim.reduce == "equivalence_p" and claim.check == "below" and claim.stated in LEVELS:
        return None
    identity = claim.quantity is not None and claim.quantity.startswith(identities)
    if claim.check == "below" and identity and claim.number <= ROUNDING:
        return None
    return f"nothing pins down the bound {claim.check} {claim.stated}: use rounded_up, rounded_down, or zero"


def _tolerance(claim: Claim, values: tuple[float, ...]) -> str | None:
    tolerance = Decimal(claim.tolerance)
    spread = reduce_values(list(values), "std") if len(values) > 1 else 0.0
    if tolerance > _WIDEST * abs(claim.number) or tolerance > Decimal(repr(spread)):
        return (
            f"it would hold with its value moved by its own uncertainty ({spread:.3g}): expected a tolerance below "
            f"that, and below {_WIDEST:%} of the value, got {claim.tolerance}"
        )
    return None
