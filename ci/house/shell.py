"""Processes that end when they should, each with its output in a log.

Every child leads a process group of its own, so that Ctrl-C reaches this process alone, and ending
a child ends what it started. All that are still alive when the interpreter leaves are ended then.
Where it is killed it cannot do so: a keeper, a small process at the other end of a pipe, ends them
when the pipe closes. So no fuzzer, build or guest outlives its campaign.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
JOBS = os.cpu_count() or 1

_alive: set[subprocess.Popen[bytes]] = set()


def relative(path: Path) -> str:
    """As it is shown: from the root where it lies below it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


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


# Reads `+GROUP` and `-GROUP`, a line each; at the end of its input it ends those that are left.
_KEEPER = """
import os, signal, sys, time
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for number in (signal.SIGTERM, signal.SIGKILL):
    for group in groups:
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            pass
    time.sleep(1 if groups else 0)
"""
_keeper: subprocess.Popen[bytes] | None = None
_keeper_lock = threading.Lock()


def _tell_keeper(sign: str, group: int) -> None:
    global _keeper
    with _keeper_lock:
        if _keeper is None:
            _keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _KEEPER], cwd="/", stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        assert _keeper.stdin is not None
        try:
            _keeper.stdin.write(f"{sign}{group}\n".encode())
            _keeper.stdin.flush()
        except BrokenPipeError:
            pass  # somebody ended it: this process still ends what it started, unless killed too


def _ended(process: subprocess.Popen[bytes]) -> None:
    if process in _alive:
        _alive.discard(process)
        _tell_keeper("-", process.pid)


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
    _ended(process)


@atexit.register
def _end_all() -> None:
    for process in list(_alive):
        end(process, grace_s=1.0)


def spawn(
    command: list[str], stdout: int | IO[bytes], stderr: int | IO[bytes],
    stdin: int = subprocess.DEVNULL, env: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a process in the root. Whoever takes its exit status calls `wait` or `end`."""
    try:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=stdin, stdout=stdout, stderr=stderr,
            env={**os.environ, **(env or {})}, start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        built = Path(command[0]).is_relative_to(ROOT / "build")
        remedy = "was not built" if built else "is not there; run: ci/setup"
        raise Broken(f"{command[0]} {remedy}") from error
    _alive.add(process)
    _tell_keeper("+", process.pid)
    return process


def wait(process: subprocess.Popen[bytes], limit_s: float | None = None) -> int:
    """Its exit code; 124 where the limit ended it. Also ends it if the wait is interrupted."""
    try:
        code = process.wait(limit_s)
        _ended(process)
        return code
    except subprocess.TimeoutExpired:
        end(process)
        return 124
    except BaseException:
        end(process)
        raise


def start(
    command: list[str], log: Path, env: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Starts a process in the root, its standard output and error in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        return spawn(command, sink, sink, env=env)


def run(
    command: list[str], log: Path, env: dict[str, str] | None = None, limit_s: float | None = None
) -> Done:
    """Runs a process to its end, or to its time limit."""
    began = time.monotonic()
    code = wait(start(command, log, env), limit_s)
    return Done(code, time.monotonic() - began, log)


@dataclass(frozen=True)
class Said:
    """A finished process and what it said; `code` as in Done."""

    code: int
    out: bytes
    err: str


def ask(command: list[str], limit_s: float | None = None) -> Said:
    """Runs a process for its output."""
    process = spawn(command, subprocess.PIPE, subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=limit_s)
        _ended(process)
        return Said(process.returncode, out, err.decode(errors="replace"))
    except subprocess.TimeoutExpired:
        end(process)
        return Said(124, b"", f"no answer within {limit_s:.0f} s")
    except BaseException:
        end(process)
        raise
