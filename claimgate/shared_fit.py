"""Fits that many claims ask of the same items: each computed once, those of many items together."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

UNFIT = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)  # what a malformed item may raise


class SharedFit:
    """A fit of an item; those of many items can be made together beforehand."""

    def __init__(self, of_many: Callable[[list], list], numbers: Callable[[dict], object]):
        """Wrap a fit.

        Args:
            of_many: The fit of many items at once, given their numbers; it raises if one of them cannot be fitted.
            numbers: What the fit of an item rests on.
        """
        self._of_many, self._numbers = of_many, numbers
        self._at_hand: dict[int, object] = {}  # by identity of the item, while `at_hand` is entered

    def __call__(self, item: dict):
        """Fit one item.

        Args:
            item: The item.

        Returns:
            The fit, which must not be changed.
        """
        return self._at_hand[id(item)] if id(item) in self._at_hand else self._fits([item])[0]

    @contextmanager
    def at_hand(self, groups: list[list[dict]]) -> Generator[None]:
        """Fit items at once and know them by identity until the block ends: nobody may change them meanwhile.

        Args:
            groups: The items. Where one cannot be fitted, its group is not, and what is wrong with it is raised when
                it is asked for.

        Yields:
            Nothing.
        """
        items = list({id(item): item for group in groups for item in group}.values())
        if not self._keep(items):
            for group in groups:
                self._keep(group)
        try:
            yield
        finally:
            self._at_hand = {}

    def _keep(self, items: list[dict]) -> bool:
        try:
            self._at_hand.update(zip(map(id, items), self._fits(items), strict=True))
        except UNFIT:
            return False
        return True

    def _fits(self, items: list[dict]) -> list:
        return self._of_many(list(map(self._numbers, items)))


Reads = tuple[tuple[SharedFit, Callable[[dict], list[dict]]], ...]


def reads(*fits: SharedFit, items_of: Callable[[dict], list[dict]] = lambda item: [item]) -> Reads:
    """Say which fits a quantity reads.

    Args:
        *fits: The fits.
        items_of: The items in what the quantity takes; itself, if that is one item.

    Returns:
        Each fit with `items_of`.
    """
    return tuple((fit, items_of) for fit in fits)
