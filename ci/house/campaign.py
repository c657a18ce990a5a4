"""The fuzzing of a campaign: every target gets its share, and what one finds is filed at once."""

from __future__ import annotations

import math
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from house import findings, fuzzing, store, tool
from house.checks import SEED_FOLDERS, TEXT_TARGETS, encode_corpus
from house.findings import Finding
from house.shell import JOBS, ROOT, Broken, end, relative, run, wait

WORK = ROOT / "build" / "campaign"
SEEDS = WORK / "seeds"
LOGS = store.OUT / "logs"
# A target that stops at the same thing over and over has said it.
MAX_STOPS = 4
CANARY_SECONDS = 30.0

Report = Callable[[str, float, int, int], None]  # target, seconds fuzzed, executions, findings


@dataclass
class Slice:
    """A target's time on one core, in as many runs as it takes."""

    target: str
    seconds: float
    stops: int = 0


@dataclass
class Active:
    slice: Slice
    process: subprocess.Popen[bytes]
    began: float
    artifacts: Path
    prefix: str  # of the names of its artifacts: two runs of a target share the folder
    log: Path


@dataclass
class Fuzzed:
    runs: dict[str, fuzzing.Run] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def corpus_folders(target: str) -> list[Path]:
    """The working set, which new inputs join, and what it starts from."""
    working = WORK / "corpus" / target
    if target in TEXT_TARGETS:
        return [working, *SEED_FOLDERS]
    return [working, SEEDS] if fuzzing.takes_programs(target) else [working]


def prepare() -> int:
    """Seeds as bytes, from the text in the repository; returns how many."""
    return encode_corpus(SEEDS)


def canary() -> fuzzing.Run:
    """The target that must fail. A campaign that does not notice it would notice nothing."""
    artifacts, log = WORK / "canary", LOGS / "canary.log"
    shutil.rmtree(artifacts, ignore_errors=True)
    began = time.monotonic()
    process = fuzzing.launch(
        fuzzing.CANARY, CANARY_SECONDS, [artifacts / "corpus", SEEDS], artifacts, log, seed=1
    )
    code = wait(process, CANARY_SECONDS + 60)
    ran = fuzzing.read_log(fuzzing.CANARY, log.read_text(errors="replace"))
    ran.seconds = time.monotonic() - began
    ran.artifacts = fuzzing.written(artifacts)
    if not ran.started:
        raise Broken("the canary did not start; see out/logs/canary.log")
    if code == 0 or not ran.artifacts:
        raise Broken("the canary was not caught: this campaign would find nothing")
    return ran


def plan(targets: list[str], seconds: float, jobs: int) -> list[Slice]:
    """A share for each target, two or more where there are more cores; all end in `seconds`."""
    copies = max(1, jobs // len(targets))
    rounds = math.ceil(len(targets) * copies / jobs)
    return [Slice(target, seconds / rounds) for target in targets for _ in range(copies)]


def _begin(part: Slice, number: int, seed: int) -> Active:
    artifacts = findings.UNTRIAGED / part.target
    log = LOGS / f"{part.target}-{number}.log"
    folders = corpus_folders(part.target)
    process = fuzzing.launch(
        part.target, part.seconds, folders, artifacts, log, seed, prefix=f"{number}-"
    )
    return Active(part, process, time.monotonic(), artifacts, f"{number}-", log)


def _count(active: Active, fuzzed: Fuzzed) -> tuple[fuzzing.Run, str]:
    """Adds up what the log says; returns it, and the log."""
    text = active.log.read_text(errors="replace")
    ran = fuzzing.read_log(active.slice.target, text)
    ran.seconds = time.monotonic() - active.began
    fuzzed.runs.setdefault(ran.target, fuzzing.Run(ran.target)).add(ran)
    return ran, text


def _finish(active: Active, fuzzed: Fuzzed) -> bool:
    """A run is over: files what it found. True: it stopped before its time."""
    part, code = active.slice, wait(active.process)
    ran, text = _count(active, fuzzed)
    if not ran.started or ran.executions == 0:
        last = (text.strip().splitlines() or ["no output"])[-1]
        raise Broken(f"{part.target} did not start: {last}")
    mine = [path for path in fuzzing.written(active.artifacts)
            if path.name.startswith(active.prefix)]  # fmt: skip
    new = [findings.triage(path, part.target, text) for path in mine]
    known = {finding.path for finding in fuzzed.found}
    fuzzed.found += [finding for finding in new if finding.path not in known]
    if code == 0 or new:
        return code != 0
    how = f"ended with {code}" if code > 0 else f"was ended by {signal.Signals(-code).name}"
    how = f"{part.target} {how} after {ran.seconds:.0f} s and left no input"
    if part.stops + 1 == MAX_STOPS:
        raise Broken(f"{how}, {MAX_STOPS} times; see {relative(active.log)}")
    fuzzed.notes.append(how)
    return True


def fuzz(
    parts: list[Slice], jobs: int, seed: int, tell: Report, fuzzed: Fuzzed
) -> None:
    """Fuzzes as planned on `jobs` cores; `fuzzed` grows as things are known.

    Whatever ends it in the middle, inputs that nobody has judged stay where they are: the next
    campaign finds and judges them.
    """
    waiting = deque(parts)
    active: list[Active] = []
    number = 0
    try:
        while waiting or active:
            store.must_have_room("go on")
            while waiting and len(active) < jobs:
                number += 1
                active.append(_begin(waiting.popleft(), number, seed + number))
            time.sleep(0.2)
            for one in list(active):
                part, spent = one.slice, time.monotonic() - one.began
                if one.process.poll() is None:
                    if spent > part.seconds + 60:  # it hangs; libFuzzer's own limit did nothing
                        fuzzed.notes.append(f"{part.target} did not come to its end and was ended")
                        end(one.process)
                    continue
                active.remove(one)
                stopped = _finish(one, fuzzed)
                part.seconds -= spent
                part.stops += stopped
                if stopped and part.seconds >= 1:
                    if part.stops < MAX_STOPS:
                        waiting.append(part)
                    else:
                        fuzzed.notes.append(f"{part.target} stopped {MAX_STOPS} times; "
                                            f"{part.seconds:.0f} s of its time were not used")
            _tell(active, fuzzed, tell)
    finally:
        for one in active:
            end(one.process)
            _count(one, fuzzed)


def _tell(active: list[Active], fuzzed: Fuzzed, tell: Report) -> None:
    now = time.monotonic()
    for one in active:
        ran = fuzzing.read_log(one.slice.target, fuzzing.read_end(one.log))
        before = fuzzed.runs.get(one.slice.target)
        tell(
            one.slice.target,
            now - one.began + (before.seconds if before else 0),
            ran.executions + (before.executions if before else 0),
            len(fuzzed.found),
        )


def minimize_corpus(target: str) -> list[Path]:
    """The fewest inputs of the working set with the same features; they replace it."""
    folders = corpus_folders(target)
    working, fresh = folders[0], WORK / "minimized" / target
    control = fresh.with_suffix(".control")
    shutil.rmtree(fresh, ignore_errors=True)
    control.unlink(missing_ok=True)
    fresh.mkdir(parents=True)
    command = [str(fuzzing.bin_dir("libfuzzer") / target), "-merge=1", "-timeout=20",
               f"-max_len={fuzzing.MAX_LEN}", f"-merge_control_file={control}",
               str(fresh), *map(str, folders)]  # fmt: skip
    done = run(command, LOGS / f"{target}-merge.log", limit_s=600)
    if done.code != 0:
        raise Broken(f"the corpus of {target} cannot be minimised (exit {done.code}); "
                     f"see {relative(done.log)}")  # fmt: skip
    # First what is new, then what is not needed: killed in between, the set is too large at worst.
    kept = sorted(path for path in fresh.iterdir() if path.is_file())
    for path in kept:
        if not (working / path.name).exists():
            shutil.copyfile(path, working / path.name)
    for path in working.iterdir():
        if not (fresh / path.name).exists():
            path.unlink()
    return kept


def keep_corpus(target: str, inputs: list[Path]) -> list[Path]:
    """The minimised corpus as text below out/corpus; returns the programs."""
    folder = store.OUT / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    programs = fuzzing.takes_programs(target)
    suffix = ".vq" if programs else ".bin"
    kept = {folder / f"{findings.digest(path.read_bytes())}{suffix}": path for path in inputs}
    for old in folder.iterdir():
        if old not in kept:
            old.unlink()

    def keep(item: tuple[Path, Path]) -> Path | None:
        path, source = item
        if not path.exists():
            text = tool.text_of(["decode", str(source)]) if programs else None
            if programs and text is None:
                return None
            store.write(path, text if text is not None else source.read_bytes())
        return path

    with ThreadPoolExecutor(JOBS) as pool:
        written = [path for path in pool.map(keep, sorted(kept.items())) if path]
    return written if programs else []
