"""Processes that end when they should, each with its output in a log.

Every child is the leader of a process group of its own, so that ending it ends what it started; all
that are still alive when the interpreter leaves are ended then, and the kernel ends them where the
interpreter is killed (prctl(2), PR_SET_PDEATHSIG), so that no fuzzer outlives its campaign.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JOBS = os.cpu_count() or 1

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_alive: set[subprocess.Popen[bytes]] = set()


class Broken(Exception):
    """The environment or the suite failed, not the thing under test; the text is one sentence."""


@dataclass(frozen=True)
class Done:
    """A finished process. `code` is negative for a signal, 124 where the time limit ended it."""

    code: int
    seconds: float
    log: Path

    @property
    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def tail(self, lines: int = 15) -> str:
        return "\n".join(line[:300] for line in self.text.splitlines()[-lines:])


def end(process: subprocess.Popen[bytes], grace_s: float = 3.0) -> None:
    """Ends the process and its group: asks first, then kills."""
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(wait_s)
            break
        except subprocess.TimeoutExpired:
            continue
    _alive.discard(process)


@atexit.register
def _end_all() -> None:
    for process in list(_alive):
        end(process, grace_s=1.0)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def start(
    command: list[str], log: Path, env: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Starts a process in the root, its standard output and error in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        try:
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                env={**os.environ, **(env or {})}, start_new_session=True,
                preexec_fn=_die_with_parent,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise Broken(f"{command[0]} is not there; run: ci/setup") from error
    _alive.add(process)
    return process


def run(
    command: list[str], log: Path, env: dict[str, str] | None = None, limit_s: float | None = None
) -> Done:
    """Runs a process to its end, or to its time limit."""
    began = time.monotonic()
    process = start(command, log, env)
    try:
        code = process.wait(limit_s)
        _alive.discard(process)
    except subprocess.TimeoutExpired:
        end(process)
        code = 124
    except BaseException:
        end(process)
        raise
    return Done(code, time.monotonic() - began, log)
