"""Fuzz targets under libFuzzer: what there is, one run of one target, and what its log says.

Facts about clang 14's libFuzzer that this relies on: with a custom mutator inputs grow at once to
-max_len, so it is always set; a crash ends the process with 77 after the input was written to
-artifact_prefix; -print_final_stats prints `stat::` lines, also behind a crash.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from house.build import bin_dir
from house.shell import ROOT, Broken, start

CANARY = "canary"
EMPTY = "empty"  # what ci/bench holds the others against
MAX_LEN = 1024  # bytes: some 100 operations
_DEFINES = re.compile(r"LLVMFuzzerTestOneInput\([^;]*\{$", re.M)


def written_targets() -> list[str]:
    """Names of the targets that a campaign runs, as their sources say."""
    sources = (ROOT / "fuzzers").glob("*.cc")
    names = (path.stem for path in sources if _DEFINES.search(_source(path.stem)))
    return sorted(name for name in names if name not in (CANARY, EMPTY))


def targets(preset: str = "libfuzzer") -> list[str]:
    """All targets, the canary among them; Broken where a preset did not build one."""
    names = [*written_targets(), CANARY]
    for name in names:
        if not (bin_dir(preset) / name).is_file():
            raise Broken(f"preset {preset} built no target named {name}")
    return names


def _source(target: str) -> str:
    path = ROOT / "fuzzers" / f"{target}.cc"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def judges_programs(target: str) -> bool:
    """Whether a target runs its input as a Program and judges it, as the tool does."""
    return '"fuzz_run.h"' in _source(target)


def takes_programs(target: str) -> bool:
    """Whether a target's input is the byte form of a Program; its source says what it decodes."""
    return judges_programs(target) or '"prog/decode.h"' in _source(target)


@dataclass
class Run:
    """What one run of a target did; summed over the runs of one campaign."""

    target: str
    executions: int = 0
    seconds: float = 0.0
    ops_per_input: float = 0.0  # mean over the executions
    edges_covered: int = 0
    edges_total: int = 0
    features: int = 0
    corpus_inputs: int = 0
    artifacts: list[Path] = field(default_factory=list)
    started: bool = False

    def add(self, other: Run) -> None:
        total = self.executions + other.executions
        if total:
            weighted = self.ops_per_input * self.executions
            weighted += other.ops_per_input * other.executions
            self.ops_per_input = weighted / total
        self.executions = total
        self.seconds += other.seconds
        self.edges_covered = max(self.edges_covered, other.edges_covered)
        self.edges_total = max(self.edges_total, other.edges_total)
        self.features = max(self.features, other.features)
        self.corpus_inputs = max(self.corpus_inputs, other.corpus_inputs)
        self.artifacts += other.artifacts
        self.started = self.started or other.started


_ARTIFACT = re.compile(r"(\d+-)?(crash|timeout|oom|leak)-")
_STATUS = re.compile(r"^#(\d+)\s+\w+\s+.*?cov: (\d+) ft: (\d+) corp: (\d+)/", re.M)
_EDGES = re.compile(r"INFO: Loaded \d+ modules\s+\((\d+) ")
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_OPS = re.compile(r"ops_per_input[:=]\s*([0-9.]+)")


def read_log(target: str, text: str) -> Run:
    """What libFuzzer and the target printed, also in the middle of a run."""
    run = Run(target)
    if match := _EDGES.search(text):
        run.edges_total = int(match[1])
        run.started = True
    for match in _STATUS.finditer(text):
        run.executions = int(match[1])
        run.edges_covered, run.features = int(match[2]), int(match[3])
        run.corpus_inputs = int(match[4])
    if match := _EXECUTED.search(text):
        run.executions = int(match[1])
    for match in _OPS.finditer(text):
        run.ops_per_input = float(match[1])
    return run


def read_end(log: Path) -> str:
    """The last lines of a log that may be long; enough for a progress display."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        return file.read().decode(errors="replace")


def launch(
    target: str,
    seconds: float,
    corpus: list[Path],
    artifacts: Path,
    log: Path,
    seed: int,
    extra: tuple[str, ...] = (),
    prefix: str = "",
) -> subprocess.Popen[bytes]:
    """Starts a target; new inputs go to the first folder of `corpus`, what it stops at to
    `artifacts`, under a name that begins with `prefix`."""
    artifacts.mkdir(parents=True, exist_ok=True)
    for folder in corpus:
        folder.mkdir(parents=True, exist_ok=True)
    command = [
        str(bin_dir("libfuzzer") / target), f"-max_total_time={max(1, round(seconds))}",
        f"-max_len={MAX_LEN}", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1",
        "-report_slow_units=20",  # as the timeout: what is merely slow leaves no input
        # Edges alone. How often one is taken is how many chains and packets a Program has: with
        # counts the corpus fills with the same Program at every length, at half the speed.
        "-use_counters=0",
        "-print_funcs=0",  # or a symbolizer is started for each new function
        f"-artifact_prefix={artifacts}/{prefix}", f"-seed={seed}", *extra, *map(str, corpus),
    ]  # fmt: skip
    # libFuzzer turns SIGTERM into an orderly end; handle_abort lets it write the input. Targets
    # allocate nothing for an input and the engine copies it: the quarantine holds these copies
    # alone, and at its 256 MiB, or at 16, memory that no cache has is a sixth of the time.
    options = "handle_abort=1:detect_leaks=1:quarantine_size_mb=1"
    return start(command, log, {"ASAN_OPTIONS": options})


def written(artifacts: Path) -> list[Path]:
    """Inputs that a run left."""
    if not artifacts.is_dir():
        return []
    return sorted(path for path in artifacts.iterdir() if _ARTIFACT.match(path.name))
