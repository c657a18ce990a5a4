"""The fuzzing of a campaign: every target gets its share, and what one finds is filed at once."""

from __future__ import annotations

import shutil
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
from house.shell import JOBS, ROOT, Broken, end, run

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
    log: Path


@dataclass
class Fuzzed:
    runs: dict[str, fuzzing.Run] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)


def corpus_folders(target: str) -> list[Path]:
    """The working set, which new inputs join, and what it starts from."""
    working = WORK / "corpus" / target
    if target in TEXT_TARGETS:
        return [working, *SEED_FOLDERS]
    return [working, SEEDS] if takes_programs(target) else [working]


def takes_programs(target: str) -> bool:
    """Whether a target's input is the byte form of a Program; its source says what it decodes."""
    source = (ROOT / "fuzzers" / f"{target}.cc").read_text(encoding="utf-8")
    return '"fuzz_run.h"' in source or '"prog/decode.h"' in source


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
    code = process.wait()
    ran = fuzzing.read_log(fuzzing.CANARY, log.read_text(errors="replace"))
    ran.seconds = time.monotonic() - began
    ran.artifacts = fuzzing.written(artifacts)
    if not ran.started:
        raise Broken("the canary did not start; see out/logs/canary.log")
    if code == 0 or not ran.artifacts:
        raise Broken("the canary was not caught: this campaign would find nothing")
    return ran


def _begin(part: Slice, number: int, seed: int) -> Active:
    artifacts = findings.UNTRIAGED / part.target
    log = LOGS / f"{part.target}-{number}.log"
    folders = corpus_folders(part.target)
    process = fuzzing.launch(part.target, part.seconds, folders, artifacts, log, seed)
    return Active(part, process, time.monotonic(), artifacts, log)


def _finish(active: Active, fuzzed: Fuzzed) -> list[Finding]:
    """Reads the log, files what was found."""
    text = active.log.read_text(errors="replace")
    ran = fuzzing.read_log(active.slice.target, text)
    ran.seconds = time.monotonic() - active.began
    if not ran.started:
        last = (text.strip().splitlines() or ["no output"])[-1]
        raise Broken(f"{active.slice.target} did not start: {last}")
    total = fuzzed.runs.setdefault(active.slice.target, fuzzing.Run(active.slice.target))
    total.add(ran)
    raw = fuzzing.written(active.artifacts)
    new = [findings.triage(path, active.slice.target, text) for path in raw]
    known = {(finding.rule, finding.name) for finding in fuzzed.found}
    fuzzed.found += [finding for finding in new if (finding.rule, finding.name) not in known]
    return new


def fuzz(
    targets: list[str], seconds: float, jobs: int, seed: int, tell: Report, fuzzed: Fuzzed
) -> None:
    """Fuzzes for `seconds` of wall time on `jobs` cores; `fuzzed` grows as things are known."""
    share = seconds * jobs / len(targets)
    waiting = deque(Slice(target, share) for target in targets)
    active: list[Active] = []
    number = 0
    try:
        while waiting or active:
            while waiting and len(active) < jobs:
                number += 1
                active.append(_begin(waiting.popleft(), number, seed + number))
            time.sleep(0.2)
            for one in list(active):
                part, spent = one.slice, time.monotonic() - one.began
                if one.process.poll() is None:
                    if spent > part.seconds + 60:
                        end(one.process)  # it hangs; libFuzzer's own limit did not end it
                    continue
                active.remove(one)
                stopped = bool(_finish(one, fuzzed))
                part.seconds -= spent
                part.stops += stopped
                if stopped and part.stops < MAX_STOPS and part.seconds >= 1:
                    waiting.append(part)
            _tell(active, fuzzed, tell)
    finally:
        for one in active:
            end(one.process)
            # Ended from outside: what it has found is filed, or left where the next start looks.
            _finish(one, fuzzed)


def _tell(active: list[Active], fuzzed: Fuzzed, tell: Report) -> None:
    now = time.monotonic()
    for one in active:
        ran = fuzzing.read_log(one.slice.target, one.log.read_text(errors="replace"))
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
    fresh = WORK / "minimized" / target
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    command = [str(fuzzing.bin_dir("libfuzzer") / target), "-merge=1", "-timeout=20",
               f"-max_len={fuzzing.MAX_LEN}", str(fresh), *map(str, folders)]  # fmt: skip
    done = run(command, LOGS / f"{target}-merge.log", limit_s=600)
    if done.code == 0:
        working = folders[0]
        shutil.rmtree(working, ignore_errors=True)
        shutil.copytree(fresh, working)
    return sorted(path for path in fresh.iterdir() if path.is_file())


def keep_corpus(target: str, inputs: list[Path]) -> list[Path]:
    """The minimised corpus as text below out/corpus; returns the programs."""
    folder = store.OUT / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    programs = takes_programs(target)
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
