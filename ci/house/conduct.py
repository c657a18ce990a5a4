"""The course of a campaign, from what the last one left to the report."""

from __future__ import annotations

import argparse
import os
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import rich.console
import rich.progress

from house import afl, campaign, checks, findings, fuzzing, kernel, store, tool
from house.build import must_build
from house.campaign import LOGS
from house.course import Course, publish, say, step, sum_up
from house.shell import ROOT, Broken, relative

MARKER = LOGS / "campaign.running"
AFL_FROM_S = 3600.0  # campaigns of this length on give AFL++ a tenth of their time
AFL_LEAST_S = 5.0


@dataclass
class Left:
    """What earlier campaigns left on disk."""

    filed: list[Path]
    raw: list[Path]  # inputs that nobody has judged


def list_left(course: Course) -> Left:
    """Says what is there before anything else is done."""
    store.sweep()
    left = Left(*findings.left_behind())
    if MARKER.exists():
        say("an earlier campaign was ended in the middle")
        course.notes.append("An earlier campaign was ended in the middle; what it left is here.")
    if left.filed or left.raw:
        say(f"left by earlier campaigns: {len(left.filed)} finding(s), "
            f"{len(left.raw)} input(s) not judged yet")  # fmt: skip
    for path in [*left.filed, *left.raw]:
        say(f"   {relative(path)}")
    course.pending = [*left.filed, *left.raw]
    store.write(MARKER, f"{os.getpid()}\n")
    return left


def judge_left(course: Course, left: Left) -> None:
    for path in left.raw:
        found = findings.judge_left(path)
        if found:
            found.earlier = True
            course.earlier.append(found)
        else:
            course.notes.append(f"{path.parent.name} does not stop at {relative(path)} any more.")
        course.pending.remove(path)
    for path in left.filed:
        found = findings.recheck(path)
        if found:
            course.earlier.append(found)
        else:
            course.notes.append(f"{relative(path)} is no finding any more.")
        course.pending.remove(path)


def replay_corpus(course: Course) -> None:
    cases = checks.cases()
    if not cases:
        raise Broken("corpus/ holds no program")
    for device in findings.DEVICES:
        for judged in tool.run(cases, device, limit_s=600):
            course.corpus[judged.verdict] += 1
            if judged.verdict == "BROKEN":
                raise Broken(f"the corpus cannot be replayed on {device}: {judged.reason}")
            if judged.bad:
                course.earlier.append(findings.of_case(judged, ROOT / judged.case, "corpus"))


def fuzz(course: Course, targets: list[str], seed: int) -> None:
    """Fuzzes, with a bar for each target on a terminal and a line every 15 s elsewhere."""
    console = rich.console.Console()
    parts = campaign.plan(targets, course.budget - course.afl, course.jobs)
    share = {name: sum(part.seconds for part in parts if part.target == name) for name in targets}
    bars = rich.progress.Progress(
        rich.progress.TextColumn("{task.description:20}"),
        rich.progress.BarColumn(),
        rich.progress.TextColumn("{task.fields[executions]:>12,} executions"),
        rich.progress.TimeRemainingColumn(),
        console=console,
    )  # fmt: skip
    with bars if console.is_terminal else nullcontext():
        tasks = {
            name: bars.add_task(name, total=share[name], executions=0) for name in targets
        }
        spoke = time.monotonic()

        def tell(target: str, spent: float, executions: int, found: int) -> None:
            nonlocal spoke
            bars.update(tasks[target], completed=min(spent, share[target]),
                        executions=executions)  # fmt: skip
            if not console.is_terminal and time.monotonic() - spoke >= 15:
                spoke = time.monotonic()
                say(f"   {target}: {executions} executions after {spent:.0f} s, "
                    f"{found} finding(s) in all")  # fmt: skip

        campaign.fuzz(parts, course.jobs, seed, tell, course.fuzzed)
    for finding in course.fuzzed.found:
        say(f"   {finding.verdict} {finding.rule} on {finding.device}: {relative(finding.path)}")


def fuzz_with_afl(course: Course, targets: list[str], seed: int) -> None:
    """The second engine goes on from libFuzzer's corpus and adds to it; its findings are filed as
    all are."""
    executions = 0
    for number, name in enumerate(targets):
        store.must_have_room("go on")
        ran = afl.fuzz(
            name, course.afl / len(targets), campaign.corpus_folders(name), campaign.WORK / "afl",
            LOGS, seed + 2 * number,
        )  # fmt: skip
        executions += ran.executions
        found, notes = afl.triage(ran)
        say(f"   {name}: {ran.executions} executions, {len(found)} finding(s)")
        known = {finding.path for finding in course.fuzzed.found}
        course.fuzzed.found += [finding for finding in found if finding.path not in known]
        course.fuzzed.notes += notes
    course.fuzzed.notes.append(f"AFL++: {executions} executions on {len(targets)} target(s), "
                               "besides those of libFuzzer")  # fmt: skip


def on_kernel(course: Course, programs: dict[str, list[Path]]) -> None:
    """The minimised corpus and every finding in the guest; a rule broken there is a finding too."""
    must = [finding.path for finding in course.found if finding.path.suffix == ".vq"]
    chosen, course.said.candidates, course.said.shaped = kernel.choose(programs, must)
    by_case = {relative(finding.path): finding for finding in course.found}
    spoke = time.monotonic()
    for judged, bad in kernel.replay(chosen, LOGS / "kernel.log", course.said):
        if time.monotonic() - spoke >= 15:
            spoke = time.monotonic()
            say(f"   {course.said.replayed} of {len(chosen)} programs")
        known = by_case.get(relative(Path(judged.case)))
        if known:
            known.kernel = judged.verdict
        elif bad:
            path = kernel.keep(judged, findings.FINDINGS)
            finding = findings.of_case(judged, path, "kernel replay")
            finding.kernel = judged.verdict
            course.on_kernel.append(finding)
            say(f"   {finding.verdict} {finding.rule} on the kernel: {relative(path)}")
    for finding in list(course.earlier):
        if finding.device.startswith(kernel.DEVICE) and finding.kernel not in ("", *tool.BAD):
            course.earlier.remove(finding)
            course.notes.append(f"{relative(finding.path)} is no finding any more.")
    open_ones = course.said.verdicts["INCONCLUSIVE"]
    if open_ones:
        course.notes.append(f"{open_ones} program(s) had no clear answer on the kernel "
                            "(INCONCLUSIVE); the report says why.")  # fmt: skip
    if course.said.executed * 2 < course.said.replayed:
        course.notes.append("The kernel executed less than half of what was replayed on it.")


def choose_targets(parser: argparse.ArgumentParser, wanted: str | None) -> list[str]:
    """Before anything is built, so that a typing error costs nothing."""
    every = fuzzing.written_targets()
    chosen = list(dict.fromkeys(wanted.split(","))) if wanted is not None else every
    for name in chosen:
        if name not in every:
            parser.error(f"no target {name}; there are: {', '.join(every)}")
    return chosen


def do_all(course: Course, targets: list[str], seed: int) -> None:
    left = list_left(course)
    publish(course)
    with step("building presets dev and libfuzzer"):
        must_build("dev", LOGS, ["vassay", "vassay-agent"])
        must_build("libfuzzer", LOGS)
        if course.afl:
            afl.build(LOGS, targets)
        kernel.prepare(LOGS / "guest-image.log")
    if left.filed or left.raw:
        with step("judging what was left"):
            judge_left(course, left)
    with step("replaying the corpus"):
        campaign.prepare()
        replay_corpus(course)
    with step("canary: a planted fault that must be caught"):
        course.canary = campaign.canary()
    publish(course)
    seconds = course.budget - course.afl
    with step(f"fuzzing {len(targets)} targets, {seconds:.0f} s, {course.jobs} core(s)"):
        fuzz(course, targets, seed)
    if course.afl:
        with step(f"fuzzing them with AFL++, {course.afl:.0f} s"):
            fuzz_with_afl(course, targets, seed)
    publish(course)
    with step("minimising the corpus"):
        programs = {
            name: campaign.keep_corpus(name, campaign.minimize_corpus(name)) for name in targets
        }
    with step("replaying on the kernel"):
        on_kernel(course, programs)


def afl_share(parser: argparse.ArgumentParser, args: argparse.Namespace, targets: int) -> float:
    """Seconds of the budget for the second engine."""
    share: float = args.afl if args.afl is not None else 0.0
    if args.afl is None and args.seconds >= AFL_FROM_S:
        share = args.seconds / 10
    if share and not AFL_LEAST_S * targets <= share < args.seconds:
        parser.error(f"--afl is 0, or at least {AFL_LEAST_S:.0f} s a target, and less than all")
    return share


def conduct(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    targets = choose_targets(parser, args.targets)
    course = Course(args.seconds, args.jobs, afl_share(parser, args, len(targets)))
    try:
        store.must_have_room("begin")
        do_all(course, targets, args.seed or int(time.time()) % 1_000_000 + 1)
    except Broken as error:
        return sum_up(course, 3, f"the campaign failed: {error}")
    except OSError as error:
        return sum_up(course, 3, f"the campaign failed: {store.explain(error)}")
    except KeyboardInterrupt as error:
        by = str(error) or "Ctrl-C"
        return sum_up(course, 130, f"ended by {by}; what was found so far is in out/findings")
    finally:
        MARKER.unlink(missing_ok=True)
    count = len(course.found)
    if count:
        return sum_up(course, 1, f"{count} finding{'s' if count > 1 else ''}")
    return sum_up(course, 0, "nothing found beyond what is listed")
