"""JUnit: one test case per claim, row and sealed file."""

from claimgate.claim import Status, Verdict
from claimgate.report.summary import printable
from claimgate.verification import Verification


def as_junit(verification: Verification, verbose: bool) -> str:
    """Write a JUnit report.

    Args:
        verification: What was found.
        verbose: Changes nothing: every verdict is a test case.

    Returns:
        The XML document.
    """
    from junitparser import JUnitXml, TestSuite

    report = JUnitXml("claimgate")
    for title, verdicts in verification.groups.items():
        suite = TestSuite(title)
        for verdict in verdicts:
            suite.add_testcase(_test_case(verdict, title))
        report.add_testsuite(suite)
    return report.tostring().decode("utf-8") + "\n"


def _test_case(verdict: Verdict, title: str):
    from junitparser import Error, Failure, TestCase

    case = TestCase(printable(verdict.subject), classname=title)
    if verdict.status is Status.FAIL:
        case.result = [Failure(printable(verdict.detail))]
    elif verdict.status is not Status.PASS:
        case.result = [Error(printable(verdict.detail), verdict.status.name)]
    return case
