"""The course of a campaign, from what the last one left to the report."""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rich.console
import rich.progress

from house import campaign, checks, findings, fuzzing, kernel, report, store, tool
from house.build import must_build, relative
from house.campaign import LOGS, Fuzzed
from house.findings import Finding
from house.shell import ROOT, Broken

MARKER = LOGS / "campaign.running"


@dataclass
class Course:
    """What is known so far; the report is made from it at any moment."""

    budget: float
    jobs: int
    began: float = field(default_factory=time.monotonic)
    started: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M"))
    notes: list[str] = field(default_factory=list)
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


def say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    say(f"== {title}")
    began = time.monotonic()
    yield
    say(f"   {time.monotonic() - began:.1f} s")


def take_over(course: Course) -> None:
    """Lists what earlier campaigns left, judges what nobody has judged yet."""
    filed, raw = findings.left_behind()
    killed = MARKER.exists()
    if killed:
        say(f"a campaign was ended in the middle; it left {len(filed)} finding(s) and "
            f"{len(raw)} input(s) not judged yet")  # fmt: skip
        course.notes.append("An earlier campaign was ended in the middle; what it left is here.")
    for path in [*filed, *raw]:
        say(f"   {relative(path)}")
    for path in raw:
        target = path.parent.name
        course.earlier.append(findings.triage(path, target, ""))
    for path in filed:
        finding = findings.recheck(path)
        if finding:
            course.earlier.append(finding)
        else:
            course.notes.append(f"{relative(path)} is no finding any more.")
    store.write(MARKER, f"{os.getpid()}\n")


def replay_corpus(course: Course) -> None:
    cases = checks.cases()
    if not cases:
        raise Broken("corpus/ holds no program")
    for device in findings.DEVICES:
        for judged in tool.run(cases, device, limit_s=600):
            course.corpus[judged.verdict] += 1
            if judged.verdict == "BROKEN":
                raise Broken(f"{judged.case} on {device}: {judged.reason}")
            if judged.bad:
                course.earlier.append(findings.of_case(judged, ROOT / judged.case, "corpus"))


def fuzz(course: Course, targets: list[str], seed: int) -> None:
    """Fuzzes, with a bar for each target on a terminal and a line every 15 s elsewhere."""
    console = rich.console.Console()
    share = course.budget * course.jobs / len(targets)
    with rich.progress.Progress(
        rich.progress.TextColumn("{task.description:20}"),
        rich.progress.BarColumn(),
        rich.progress.TextColumn("{task.fields[executions]:>12,} executions"),
        rich.progress.TimeRemainingColumn(),
        console=console, disable=not console.is_terminal,
    ) as bars:  # fmt: skip
        tasks = {
            name: bars.add_task(name, total=share, executions=0) for name in targets
        }
        spoke = time.monotonic()

        def tell(target: str, spent: float, executions: int, found: int) -> None:
            nonlocal spoke
            bars.update(tasks[target], completed=min(spent, share), executions=executions)
            if not console.is_terminal and time.monotonic() - spoke >= 15:
                spoke = time.monotonic()
                say(f"   {target}: {executions} executions after {spent:.0f} s, "
                    f"{found} finding(s) in all")  # fmt: skip

        campaign.fuzz(targets, course.budget, course.jobs, seed, tell, course.fuzzed)
    for finding in course.fuzzed.found:
        say(f"   {finding.verdict} {finding.rule} on {finding.device}: {relative(finding.path)}")


def on_kernel(course: Course, programs: dict[str, list[Path]]) -> None:
    """The minimised corpus and every finding in the guest; a rule broken there is a finding too."""
    must = [finding.path for finding in course.found if finding.path.suffix == ".vq"]
    chosen, candidates, shaped = kernel.choose(programs, must)
    course.said.candidates, course.said.shaped = candidates, shaped
    bad = kernel.replay(chosen, LOGS / "kernel.log", course.said)
    answers = {str(item["case"]): str(item["verdict"]) for item in course.said.programs}
    for finding in course.found:
        finding.kernel = answers.get(relative(finding.path), "")
    known = {relative(path) for path in must}
    for judged in bad:
        if relative(Path(judged.case)) in known:
            continue  # the finding itself; what the kernel said stands beside it
        path = kernel.keep(judged, findings.FINDINGS)
        finding = findings.of_case(judged, path, "kernel replay")
        finding.kernel = judged.verdict
        course.on_kernel.append(finding)
    if course.said.executed * 2 < course.said.replayed:
        course.notes.append("The kernel executed less than half of what was replayed on it.")


def commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return done.stdout.strip() or "unknown"


def as_report(course: Course, code: int, outcome: str) -> dict[str, Any]:
    runs = course.fuzzed.runs
    programs = [run for name, run in runs.items() if campaign.takes_programs(name)]
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
        "kernel": course.said.as_json(), "notes": course.notes,
    }  # fmt: skip


def sum_up(course: Course, code: int, outcome: str) -> int:
    """Writes the report and prints what it says in short."""
    made = as_report(course, code, outcome)
    report.write(made)
    say("")
    say(f"programs run       {made['programs_run']}")
    say(f"executions         {made['executions']}, {made['ops_per_input']} operations per input")
    for target in made["targets"]:
        covered = f"{target['edges_covered']} of {target['edges_total']} edges"
        say(f"  {target['name']:20} {target['executions']:>10} executions, {covered}")
    say(f"canary             {'caught' if made['canary']['caught'] else 'not caught'}")
    said = made["kernel"]
    verdicts = ", ".join(f"{count} {name}" for name, count in said["verdicts"].items())
    say(f"kernel {said['version']:11} {said['executed']} of {said['replayed']} programs executed"
        + (f": {verdicts}" if verdicts else ""))  # fmt: skip
    for note in made["notes"]:
        say(f"note               {note}")
    say(f"findings           {len(made['findings'])}")
    for finding in made["findings"]:
        say(f"  {finding['verdict']} {finding['rule']}: {finding['case']}")
    say(f"{outcome}; report: out/report/index.html, {made['seconds']:.0f} s")
    return code


def conduct(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    course = Course(args.seconds, args.jobs)
    seed = args.seed or int(time.time()) % 1_000_000 + 1
    try:
        with step("building presets dev and libfuzzer"):
            must_build("dev", LOGS, ["vassay", "vassay-agent"])
            must_build("libfuzzer", LOGS)
        every = [name for name in fuzzing.targets() if name != fuzzing.CANARY]
        targets = args.targets.split(",") if args.targets else every
        for name in targets:
            if name not in every:
                parser.error(f"no target {name}; there are: {', '.join(every)}")
        take_over(course)
        with step("replaying the corpus"):
            campaign.prepare()
            replay_corpus(course)
        with step("canary: a planted fault that must be caught"):
            course.canary = campaign.canary()
        with step(f"fuzzing {len(targets)} targets, {args.seconds:.0f} s, {args.jobs} core(s)"):
            fuzz(course, targets, seed)
        with step("minimising the corpus"):
            programs = {
                name: campaign.keep_corpus(name, campaign.minimize_corpus(name)) for name in targets
            }
        with step("replaying on the kernel"):
            on_kernel(course, programs)
    except Broken as error:
        course.notes.append(str(error))
        return sum_up(course, 3, f"the campaign failed: {error}")
    except KeyboardInterrupt:
        course.notes.append("Interrupted; this is what was known then.")
        return sum_up(course, 130, "interrupted")
    finally:
        MARKER.unlink(missing_ok=True)
    count = len(course.found)
    if count:
        return sum_up(course, 1, f"{count} finding(s)")
    return sum_up(course, 0, "nothing found beyond what is listed")
