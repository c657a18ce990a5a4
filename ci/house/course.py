"""What is known of a campaign, at any moment, and how it is told: report and summary."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from house import findings, fuzzing, kernel, report
from house.campaign import Fuzzed
from house.findings import Finding
from house.shell import ROOT, relative


@dataclass
class Course:
    """What is known so far; the report is made from it at any moment."""

    budget: float
    jobs: int
    afl: float = 0.0  # seconds of the budget
    began: float = field(default_factory=time.monotonic)
    started: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M"))
    notes: list[str] = field(default_factory=list)
    pending: list[Path] = field(default_factory=list)  # left by earlier ones, not looked at yet
    earlier: list[Finding] = field(default_factory=list)
    on_kernel: list[Finding] = field(default_factory=list)
    fuzzed: Fuzzed = field(default_factory=Fuzzed)
    canary: fuzzing.Run | None = None
    corpus: Counter[str] = field(default_factory=Counter)
    said: kernel.Said = field(default_factory=kernel.Said)

    @property
    def found(self) -> list[Finding]:
        known: dict[Path, Finding] = {}
        for finding in [*self.earlier, *self.fuzzed.found, *self.on_kernel]:
            known[finding.path] = finding
        return [known[path] for path in sorted(known)]

    @property
    def not_judged(self) -> list[Path]:
        return sorted({*self.pending, *findings.left_behind()[1]})


def say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    say(f"== {title}")
    began = time.monotonic()
    yield
    say(f"   {time.monotonic() - began:.1f} s")


def commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return done.stdout.strip() or "unknown"


def as_report(course: Course, code: int | None, outcome: str) -> dict[str, Any]:
    runs = course.fuzzed.runs
    programs = [run for name, run in runs.items() if fuzzing.takes_programs(name)]
    executions = sum(run.executions for run in runs.values())
    on_programs = sum(run.executions for run in programs)
    operations = sum(run.ops_per_input * run.executions for run in programs)
    replayed = sum(course.corpus.values())
    canary = course.canary
    return {
        "schema": report.SCHEMA, "outcome": outcome, "exit": code, "commit": commit(),
        "started": course.started, "seconds": round(time.monotonic() - course.began, 1),
        "budget_seconds": course.budget, "jobs": course.jobs,
        "programs_run": on_programs + replayed + course.said.replayed,
        "executions": executions,
        "ops_per_input": round(operations / on_programs, 1) if on_programs else 0,
        "findings": [finding.as_json() for finding in course.found],
        "not_judged": list(map(relative, course.not_judged)),
        "canary": {
            "caught": bool(canary and canary.artifacts),
            "seconds": round(canary.seconds, 1) if canary else 0,
            "executions": canary.executions if canary else 0,
        },
        "targets": [
            {
                "name": run.target, "executions": run.executions,
                "executions_per_second": round(run.executions / run.seconds) if run.seconds else 0,
                "ops_per_input": round(run.ops_per_input, 1),
                "edges_covered": run.edges_covered, "edges_total": run.edges_total,
                "features": run.features, "corpus_inputs": run.corpus_inputs,
                "findings": sum(item.target == run.target for item in course.found),
                "seconds": round(run.seconds, 1),
            }
            for _, run in sorted(runs.items())
        ],
        "corpus": {
            "programs": replayed // len(findings.DEVICES), "devices": list(findings.DEVICES),
            "verdicts": dict(sorted(course.corpus.items())),
        },
        "kernel": course.said.as_json(), "notes": [*course.notes, *course.fuzzed.notes],
    }  # fmt: skip


def _print(made: dict[str, Any]) -> None:
    say("")
    say(f"programs run       {made['programs_run']}")
    operations = made["ops_per_input"] or "unknown"  # a target says it at its end
    say(f"executions         {made['executions']}, operations per input: {operations}")
    for target in made["targets"]:
        covered = f"{target['edges_covered']} of {target['edges_total']} edges"
        say(f"  {target['name']:20} {target['executions']:>10} executions, {covered}")
    say(f"canary             {'caught' if made['canary']['caught'] else 'not caught'}")
    said = made["kernel"]
    verdicts = ", ".join(f"{count} {name}" for name, count in said["verdicts"].items())
    say(f"kernel {said['version']:11} {said['executed']} of {said['replayed']} programs executed"
        + (f": {verdicts}" if verdicts else ""))  # fmt: skip


def publish(course: Course) -> None:
    """The report as it stands, so that a campaign that is killed leaves no older one's."""
    report.write(as_report(course, None, "not finished"))


def sum_up(course: Course, code: int, outcome: str) -> int:
    """Prints the report in short and writes it; the last line is the outcome."""
    made = as_report(course, code, outcome)
    if course.canary:  # else there is nothing to be summed up
        _print(made)
    for note in made["notes"]:
        say(f"note               {note}")
    say(f"findings           {len(made['findings'])}")
    for finding in made["findings"]:
        say(f"  {finding['verdict']} {finding['rule']}: {finding['case']}")
    for path in made["not_judged"]:
        say(f"  not judged yet: {path}")
    try:
        report.write(made)
        say(f"report             out/report/index.html, {made['seconds']:.0f} s")
    except OSError:
        if code <= 1:
            raise
        say("report             cannot be written")  # for the same reason, as a rule
    print(f"ci/campaign: {outcome}", file=sys.stderr if code > 1 else sys.stdout, flush=True)
    return code
