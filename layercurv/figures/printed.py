"""What the source paper prints, read from the frozen audit rather than typed into figures."""

from layercurv.results.store import AUDIT

__all__ = ["AUDIT", "printed_values"]


def printed_values(records: list[dict], row: str) -> tuple[float, ...]:
    """Look up the numbers of one audited statement.

    Args:
        records: A figure's records, `AUDIT` among them.
        row: Id of the statement.

    Returns:
        One number, or several where a range or a count by kind is printed.
    """
    (audit,) = (record for record in records if record["experiment"] == "published_audit")
    return tuple(float(number) for number in audit["measurements"]["rows"][row]["stated"])
