"""A badge (SVG): how many claims hold."""

from claimgate.claim import Status
from claimgate.verification import Verification

_BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="claims: {text}">
<title>claims: {text}</title>
<rect width="{width}" height="20" rx="3" fill="{colour}"/><rect width="{left}" height="20" rx="3" fill="#444"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="6" y="14">claims</text><text x="{start}" y="14">{text}</text></g></svg>
"""
_CHARACTER, _LEFT = 7, 50  # pixels


def as_badge(verification: Verification, verbose: bool) -> str:
    """Draw the badge.

    Args:
        verification: What was found.
        verbose: Changes nothing.

    Returns:
        An SVG document: green only if everything passed, not the claims alone.
    """
    claims = verification.groups.get("claims", ())
    n_passed = sum(verdict.status is Status.PASS for verdict in claims)
    fine = verification.exit_code == 0
    text = f"{n_passed} verified" if fine else f"exit {verification.exit_code}, {n_passed} of {len(claims)} hold"
    width = _LEFT + _CHARACTER * len(text) + 12
    colour = "#2a7f3f" if fine else "#b00020"
    return _BADGE.format(width=width, left=_LEFT, start=_LEFT + 6, text=text, colour=colour)
