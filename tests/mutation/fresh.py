"""For mutmut, which judges each mutant in a fork of a process that ran all tests: what those left cached is dropped.

Else what is built once and kept, such as a parsed selector, is never built by the mutant; nor would it be known which
tests need it, but the first.
"""

import functools
import gc

PACKAGES = ("claimgate", "layercurv")
_CACHED: list = []


def pytest_collection_finish() -> None:
    _CACHED[:] = [
        found
        for found in gc.get_objects()
        if isinstance(found, functools._lru_cache_wrapper) and str(found.__module__).startswith(PACKAGES)
    ]


def pytest_runtest_setup() -> None:
    for cached in _CACHED:
        cached.cache_clear()
