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
_MARKER = b"LLVMFuzzerTestOneInput"


def targets(preset: str = "libfuzzer") -> list[str]:
    """Names of all targets as built, the canary among them."""
    folder = bin_dir(preset)
    found = sorted(
        path.name
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_file() and path.name != EMPTY and (ROOT / "fuzzers" / f"{path.name}.cc").exists()
        and _MARKER in path.read_bytes()
    )  # fmt: skip
    if CANARY not in found:
        raise Broken(f"preset {preset} built no target named {CANARY}")
    return found


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


def launch(
    target: str,
    seconds: float,
    corpus: list[Path],
    artifacts: Path,
    log: Path,
    seed: int,
    extra: tuple[str, ...] = (),
) -> subprocess.Popen[bytes]:
    """Starts a target; new inputs go to the first folder of `corpus`."""
    artifacts.mkdir(parents=True, exist_ok=True)
    for folder in corpus:
        folder.mkdir(parents=True, exist_ok=True)
    command = [
        str(bin_dir("libfuzzer") / target), f"-max_total_time={max(1, round(seconds))}",
        f"-max_len={MAX_LEN}", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1",
        f"-artifact_prefix={artifacts}/", f"-seed={seed}", *extra, *map(str, corpus),
    ]  # fmt: skip
    # libFuzzer turns SIGTERM into an orderly end; handle_abort lets it write the input.
    return start(command, log, {"ASAN_OPTIONS": "handle_abort=1:detect_leaks=1"})


def written(artifacts: Path) -> list[Path]:
    """Inputs that a run left; slow units are a remark, not a finding."""
    if not artifacts.is_dir():
        return []
    kinds = ("crash-", "timeout-", "oom-", "leak-")
    return sorted(path for path in artifacts.iterdir() if path.name.startswith(kinds))
