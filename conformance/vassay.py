"""The `vassay` binary as Python sees it: one-shot commands, and a --batch process."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FAILS = {"FAIL", "ROBUSTNESS", "INCONCLUSIVE"}


class Broken(Exception):
    """The suite or its environment failed: nothing is known about the device."""


@dataclass(frozen=True)
class Tool:
    path: Path

    def run(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a command in the project's root; never raises for an exit code."""
        return subprocess.run(
            [str(self.path), *arguments], cwd=ROOT, input=text, capture_output=True, text=True,
            check=False,
        )  # fmt: skip


@dataclass(frozen=True)
class Result:
    """The JSON object of one case."""

    raw: dict[str, Any]

    @property
    def verdict(self) -> str:
        return str(self.raw["verdict"])

    @property
    def trace(self) -> str:
        return str(self.raw["traces"][0])

    def fails(self, strict: bool = False) -> bool:
        """`strict`: so does NON-STRICT."""
        return self.verdict in FAILS or (strict and self.verdict == "NON-STRICT")

    def reason(self) -> str:
        """One sentence: why the verdict is not PASS."""
        if self.raw["reason"]:
            return str(self.raw["reason"])
        for finding in self.raw["findings"]:
            if finding["verdict"] == self.verdict and "listed" not in finding:
                return f"{finding['rule']}: {finding['actual']}"
        return self.verdict

    def story(self) -> str:
        """Requirement, clause, expected, actual, line and the command that repeats it."""
        lines = [f"{self.verdict} {self.raw['case']} on {self.raw['devices'][0]}"]
        if self.raw["reason"]:
            lines.append(f"  {self.raw['reason']}")
        for finding in self.raw["findings"]:
            if "listed" in finding:
                continue
            lines += [
                f"  {finding['verdict']} {finding['rule']}: {finding['requirement']}",
                f"    clause    {finding['clause']}",
                f"    expected  {finding['expected']}",
                f"    actual    {finding['actual']}",
                f"    at        line {finding['line']}: {finding['text']}",
            ]
        if "evidence" in self.raw:
            lines.append(self.raw["evidence"])
        return "\n".join([*lines, f"    repeat    {self.raw['repeat']}"])


class Batch:
    """`vassay run --batch`: a case path a line in, a JSON object a line out."""

    def __init__(self, tool: Tool, device: str) -> None:
        self.device = device
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [str(tool.path), "run", "--batch", "--device", device], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended already
        self._process.wait()
        self._log.close()

    def run(self, case: str) -> Result:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(case + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            raise Broken(f"vassay on {self.device} ended with exit {code}: {self._said()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Broken(str(answer["error"]))
        return Result(answer)

    def judged(self, case: str) -> Result:
        """As run(), where BROKEN is no result but raised."""
        result = self.run(case)
        if result.verdict == "BROKEN":
            raise Broken(result.reason())
        return result

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read()[-2000:].strip()
