"""Runs a task in a fork of this process, which has loaded everything already; says how it ended and what it printed."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from claimgate.files import _CLEARED

LIMIT_S = 600.0  # against hanging; watching every call of matplotlib on a busy machine takes minutes


@dataclass(frozen=True)
class Ending:
    """How a child ended."""

    code: int  # exit code; -n if signal n killed it
    output: str

    @property
    def message(self) -> str:
        """The last line that is no part of a progress bar."""
        lines = [line for line in self.output.splitlines() if line.strip() and "━" not in line]
        return lines[-1] if lines else ""


def begin(task: Callable[[], object], output: Path) -> int:
    """Fork; the child runs the task and exits with what it returns (None is 0)."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _be_child(task, output)
    return pid


def end(pid: int, output: Path) -> Ending:
    """Wait for a child, but not for ever."""
    deadline = time.monotonic() + LIMIT_S
    while not (done := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    return Ending(os.waitstatus_to_exitcode(done[1]), output.read_text(errors="replace"))


def forked(task: Callable[[], object], output: Path) -> Ending:
    """Run a task in a child."""
    return end(begin(task, output), output)


def _be_child(task: Callable[[], object], output: Path) -> None:
    code = 1
    _CLEARED.clear()  # a command given anew has looked through no folder yet
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        code = task() or 0
    except SystemExit as error:
        code = error.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.setprofile(None)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code if isinstance(code, int) else 1)
