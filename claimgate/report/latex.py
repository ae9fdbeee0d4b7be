"""LaTeX macros: the numbers of the paper for people who write LaTeX."""

import re

from claimgate.claim import Claim, Status
from claimgate.verification import Verification

_HEAD = r"""% Numbers by claim id, from the verified table. \input this file, then write \claim{id} or \says{id}.
% A claim or finding that is unknown or was not verified is an error, as in the Typst source.
\makeatletter
\newcommand{\claim}[1]{\@ifundefined{claim@#1}{\@latex@error{no verified claim #1}{}}{\@nameuse{claim@#1}}}
\newcommand{\says}[1]{\@ifundefined{says@#1}{\@latex@error{no verified finding #1}{}}{\@nameuse{says@#1}}}
"""


def as_latex(verification: Verification, verbose: bool) -> str:
    """Write one macro per verified claim, and per finding that says a word.

    Args:
        verification: What was found.
        verbose: Changes nothing.

    Returns:
        The file; claims that did not pass are left out, so that using one stops LaTeX.
    """
    passed = [verdict.subject for verdict in verification.groups.get("claims", ()) if verdict.status is Status.PASS]
    lines = [rf"\@namedef{{claim@{id_}}}{{{_typeset(verification.claims[id_])}}}" for id_ in passed]
    for finding in verification.groups.get("findings", ()):
        if finding.status is Status.PASS and finding.stated:
            lines.append(rf"\@namedef{{says@{finding.subject}}}{{{finding.stated}}}")
    return _HEAD + "\n".join([*lines, r"\makeatother"]) + "\n"


def _typeset(claim: Claim) -> str:
    mantissa, _, power = claim.stated.partition("e")
    sign = r"\ensuremath{-}" if mantissa.startswith("-") else ""
    digits = mantissa.lstrip("-")
    if power:
        factor = "" if digits == "1" else rf"{digits}\cdot "
        number = rf"\ensuremath{{{factor}10^{{{int(power)}}}}}"
    else:
        number = digits if "." in digits or len(digits) < 5 else re.sub(r"(?<=\d)(?=(\d{3})+$)", "{,}", digits)
    return sign + number + {"": "", "%": r"\,\%", "points": "~points"}[claim.printed_unit]
