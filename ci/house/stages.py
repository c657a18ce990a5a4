"""Stages of ci/test: run in order, timed, summed up at the end; the long ones can be resumed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from house import store
from house.shell import ROOT, Broken

STATE = ROOT / "build" / "test-full.json"


class Failed(Exception):
    """What is under test failed; the text says what, in one line or a few."""


@dataclass(frozen=True)
class Stage:
    name: str
    title: str
    body: Callable[[], str]  # returns a remark for the summary; raises Failed or Broken
    needs: tuple[str, ...] = ()  # stages without whose pass this one cannot say anything
    full: bool = False  # only part of --full


@dataclass(frozen=True)
class Result:
    stage: Stage
    state: str  # pass, FAIL, BROKEN, skip, done (in an earlier run)
    seconds: float
    remark: str


def tree_id() -> str:
    """Names the state of the checkout: the commit and whatever differs from it."""
    parts = []
    for command in (["git", "rev-parse", "HEAD"], ["git", "diff", "HEAD"]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        parts.append(done.stdout)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


class Memory:
    """Which stages have passed on this state of the checkout; used by --full only."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self.tree = tree_id() if enabled else ""
        self.passed: dict[str, str] = {}
        if enabled and STATE.exists():
            try:
                stored = json.loads(STATE.read_text())
                if stored["tree"] == self.tree:
                    self.passed = dict(stored["passed"])
            except (ValueError, KeyError, TypeError):
                pass  # a file of another version: start anew

    def note(self, name: str, remark: str) -> None:
        if self.enabled:
            self.passed[name] = remark
            store.write_json(STATE, {"tree": self.tree, "passed": self.passed})


def _say(text: str) -> None:
    print(text, flush=True)


def _run_one(stage: Stage, lost: set[str]) -> Result:
    missing = [name for name in stage.needs if name in lost]
    if missing:
        return Result(stage, "skip", 0.0, f"needs {', '.join(missing)}")
    _say(f"== {stage.name}: {stage.title}")
    began = time.monotonic()
    try:
        remark, state = stage.body(), "pass"
    except Failed as error:
        remark, state = str(error), "FAIL"
    except Broken as error:
        remark, state = str(error), "BROKEN"
    seconds = time.monotonic() - began
    _say(f"   {state} after {seconds:.1f} s: {remark}")
    return Result(stage, state, seconds, remark)


def run_all(stages: list[Stage], resume: bool) -> int:
    """Runs the stages; returns the exit code. The closing line counts stages."""
    memory = Memory(resume)
    results: list[Result] = []
    lost: set[str] = set()
    for stage in stages:
        if stage.name in memory.passed and stage.name not in ("setup", "build"):
            result = Result(stage, "done", 0.0, memory.passed[stage.name])
        else:
            result = _run_one(stage, lost)
        results.append(result)
        if result.state == "pass":
            memory.note(stage.name, result.remark)
        elif result.state != "done":
            lost.add(stage.name)
    return _sum_up(results)


def _sum_up(results: list[Result]) -> int:
    _say("")
    width = max(len(result.stage.name) for result in results)
    for result in results:
        remark = result.remark.splitlines()[0] if result.remark else ""
        _say(f"{result.stage.name:{width}}  {result.state:6} {result.seconds:7.1f} s  {remark}")
    total = sum(result.seconds for result in results)
    passed = sum(result.state in ("pass", "done") for result in results)
    failed = sum(result.state in ("FAIL", "BROKEN") for result in results)
    skipped = len(results) - passed - failed
    _say(f"{'in all':{width}}         {total:7.1f} s")
    _say(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.stdout.flush()
    if any(result.state == "BROKEN" for result in results):
        return 3
    return 1 if failed or skipped else 0
