"""For mutmut, which judges each mutant in a fork of a process that ran all tests: what those left cached is dropped.

Else what is built once and kept, such as a parsed selector, is never built by the mutant.
"""

import functools
import gc

PACKAGES = ("claimgate", "layercurv")


def pytest_sessionstart() -> None:
    for found in gc.get_objects():
        if isinstance(found, functools._lru_cache_wrapper) and str(found.__module__).startswith(PACKAGES):
            found.cache_clear()
