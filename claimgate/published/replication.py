"""Our own records against the printed number, by a rule fixed beforehand."""

from dataclasses import dataclass
from decimal import Decimal

from claimgate.checks import UNITS, NotEvaluable, reduce_values
from claimgate.engine import select_quantities
from claimgate.published.evidence import agrees, rounded
from claimgate.published.row import Row
from claimgate.records import SealedRecords
from claimgate.statistics import prediction_interval

MIN_SEEDS = 3


@dataclass(frozen=True)
class Replicated:
    """What our seeds say."""

    verdict: str
    values: tuple[float, ...]  # one per seed, in the row's unit
    interval: tuple[float, float] | None  # where one more seed would be expected, 95 %


def replicate(row: Row, records: SealedRecords) -> Replicated:
    """Compare our frozen seeds with the printed number.

    A printed number counts as replicated if, to its last digit, it can lie where one more seed of ours would be
    expected (95 % prediction interval); a bound or a range if every seed keeps it.

    Args:
        row: The printed number.
        records: Our frozen records.

    Returns:
        The verdict with its values.

    Raises:
        NotEvaluable: If a record or key is absent, or there are fewer than three seeds.
    """
    plan = row.replication
    if plan.variant is None:
        return Replicated("not_measured", (), None)
    values = tuple(_value(row, name, records) for name in records.seeds_of(plan.variant))
    if len(values) < MIN_SEEDS:
        raise NotEvaluable(f"{plan.variant}: {len(values)} frozen seeds, expected at least {MIN_SEEDS}")
    interval = prediction_interval(values)
    if row.check == "equals":
        met = len(row.numbers) == 1 and _can_round_to(row.numbers[0], interval, row.ties)
    else:
        met = agrees(row, values)
    return Replicated("replicated" if met else "not_replicated", values, interval)


def _can_round_to(stated: Decimal, interval: tuple[float, float], ties: str) -> bool:
    # An interval that only touches what rounds to the stated number holds that one value, which lies between two.
    low, high = (Decimal(repr(end)) for end in interval)
    nearest = min(max(stated, low), high)
    return rounded(nearest, stated, ties) == stated


def _value(row: Row, name: str, records: SealedRecords) -> float:
    plan = row.replication
    _, problem = records.get(name)
    if problem is not None:
        raise NotEvaluable(f"{name}: {problem[1]}")
    items = select_quantities(records, name, plan.select, plan.quantity)
    return reduce_values(items, plan.reduce) * UNITS[row.unit]
