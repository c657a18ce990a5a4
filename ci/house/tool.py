"""`vassay` as a process: what it says about a case, as values."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from house.build import bin_dir
from house.shell import Broken, ask, end, spawn

BAD = ("FAIL", "ROBUSTNESS")
_VERSION = re.compile(r'^trace .*? version=(?:"([^"]*)"|(\S+))', re.M)


def vassay() -> str:
    return str(bin_dir("dev") / "vassay")


@dataclass(frozen=True)
class Said:
    """One verdict of one rule."""

    verdict: str
    rule: str
    expected: str
    actual: str


@dataclass(frozen=True)
class Judged:
    """A case on a device."""

    case: str
    device: str
    version: str
    verdict: str
    reason: str  # of a verdict that no rule gave: why UNSUPPORTED, INCONCLUSIVE, BROKEN
    said: tuple[Said, ...] = field(default=())
    trace: str = ""

    @property
    def rule(self) -> str:
        """The rule of the worst finding."""
        for item in self.said:
            if item.verdict == self.verdict:
                return item.rule
        return ""

    @property
    def rules(self) -> tuple[str, ...]:
        """All that found a rule broken."""
        return tuple(item.rule for item in self.said if item.verdict in BAD)

    @property
    def bad(self) -> bool:
        return self.verdict in BAD

    @property
    def executed(self) -> bool:
        return self.verdict not in ("UNSUPPORTED", "BROKEN")


def judged(case: dict[str, Any], device: str) -> Judged:
    """From the JSON object of one case."""
    said = tuple(
        Said(
            str(item.get("verdict", "")), str(item.get("rule", "")),
            str(item.get("expected", "")), str(item.get("actual", "")),
        )
        for item in case.get("findings", [])
        if "listed" not in item  # a known deviation: the verdict is given without it
    )  # fmt: skip
    if "error" in case:  # no case at all: what the tool says of an input it cannot read
        return Judged(str(case["case"]), device, "", "BROKEN", str(case["error"]))
    trace = str((case.get("traces") or [""])[0])
    version = _VERSION.search(trace)
    return Judged(
        case=str(case["case"]),
        device=str((case.get("devices") or [device])[0]),
        version=(version[1] or version[2]) if version else "",
        verdict=str(case["verdict"]),
        reason=str(case.get("reason", "")),
        said=said,
        trace=trace,
    )


def run(paths: list[Path], device: str, limit_s: float = 60.0) -> list[Judged]:
    """`vassay run --json` on a few cases; one result for each, BROKEN where there is none."""
    return run_with(vassay(), list(map(str, paths)), device, limit_s)


def run_with(binary: str, cases: list[str], device: str, limit_s: float) -> list[Judged]:
    """The same with another build of the tool; `cases` as it takes them."""
    said = ask([binary, "run", "--json", "--device", device, *cases], limit_s)
    complaint = (said.err.strip().splitlines() or ["no output"])[-1]
    if said.code in (124, 2):  # slow, or a case that cannot be read: `PATH:LINE:COL: what`
        return [Judged(" ".join(cases), device, "", "BROKEN", complaint)]
    try:
        return [judged(case, device) for case in json.loads(said.out)["results"]]
    except (ValueError, KeyError) as error:
        raise Broken(f"vassay run on {device}: {complaint}") from error


def text_of(arguments: list[str], limit_s: float = 60.0) -> str | None:
    """Standard output of a command that ended well, else None."""
    said = ask([vassay(), *arguments], limit_s)
    try:
        return said.out.decode() if said.code == 0 else None
    except UnicodeDecodeError:
        return None


def _answer(process: subprocess.Popen[bytes], limit_s: float | None) -> bytes:
    """A line; nothing where the process ends first, as it does where the limit ends it."""
    assert process.stdout is not None
    if limit_s is None:
        return process.stdout.readline()
    timer = threading.Timer(limit_s, end, [process])
    timer.start()
    try:
        return process.stdout.readline()
    finally:
        timer.cancel()


def batch(
    paths: list[Path], device: str, log: Path, command: tuple[str, ...] = (),
    limit_s: float | None = None,
) -> Generator[Judged, None, None]:
    """`vassay run --batch`: one process, so that a guest boots once; a verdict as it comes.

    `command` is another build of the tool. Ends early if the process does, or if it does not answer
    within the limit; close the iterator to end the process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as complaints:
        process = spawn(
            [*(command or (vassay(),)), "run", "--batch", "--device", device], subprocess.PIPE,
            complaints, stdin=subprocess.PIPE,
        )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        for path in paths:
            # One at a time: what a device did before it died is then known.
            try:
                process.stdin.write(f"{path}\n".encode())
                process.stdin.flush()
            except BrokenPipeError:
                return
            line = _answer(process, limit_s)
            if not line:
                return
            yield judged(json.loads(line), device)
    finally:
        end(process)
