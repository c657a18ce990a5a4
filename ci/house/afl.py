"""Fuzz targets under AFL++, the second engine: a main instance at full speed and a secondary one
with ASan, which share what they find with each other and, by a folder, with libFuzzer.

Facts about AFL++ 4.04c that this relies on: its libFuzzer driver never calls a mutator in the
target, so the same one comes as a shared object; a main instance does not trim; -F is for a main
instance and is looked at from time to time; -V ends a run, and counts from its start; a third
instance on two cores aborts where it tries to bind itself to one; `fuzzer_stats` is complete when
the instance has ended.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from house import findings, fuzzing, store
from house.build import bin_dir, must_build
from house.findings import Finding
from house.shell import ROOT, Broken, end, relative, start, wait

PLAIN, ASAN = "afl", "afl-asan"  # presets, and names of the instances
TIMEOUT_MS = 20_000  # as libFuzzer's: what is merely slow on a busy machine is no finding
_QUIET = {
    "AFL_NO_UI": "1", "AFL_SKIP_CPUFREQ": "1", "AFL_FAST_CAL": "1", "AFL_NO_AFFINITY": "1",
    "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1",
}  # fmt: skip
_PROFILE = r"va_fuzz_target\({} PROFILE (\w+)"


@dataclass
class Run:
    """What one instance, or a pair, did on a target."""

    target: str
    executions: int = 0
    seconds: float = 0.0
    corpus_inputs: int = 0
    edges_covered: int = 0
    edges_total: int = 0
    artifacts: list[Path] = field(default_factory=list)

    @property
    def executions_per_second(self) -> float:
        return self.executions / self.seconds if self.seconds else 0.0


def build(logs: Path, targets: list[str] | None = None) -> None:
    names = None if targets is None else [*targets, "va_afl_mutator"]
    must_build(PLAIN, logs, names)
    must_build(ASAN, logs, targets)


def environment(target: str) -> dict[str, str]:
    """What an instance runs in; one whose input is no Program mutates by itself."""
    cmake = (ROOT / "fuzzers" / "CMakeLists.txt").read_text(encoding="utf-8")
    profile = re.search(_PROFILE.format(target), cmake)
    if profile is None:
        return _QUIET
    return {
        **_QUIET, "AFL_CUSTOM_MUTATOR_LIBRARY": str(bin_dir(PLAIN) / "va_afl_mutator.so"),
        "AFL_CUSTOM_MUTATOR_ONLY": "1", "VASSAY_PROFILE": profile[1],
    }  # fmt: skip


def launch(
    target: str, seconds: float, seeds: Path, out: Path, log: Path, seed: int,
    preset: str = PLAIN, role: tuple[str, ...] = (), mutated_as: str = "",
) -> subprocess.Popen[bytes]:  # fmt: skip
    """Starts an instance; `role`: its options beside others that share `out`; `mutated_as`: the
    target whose mutator it gets, where that is another."""
    command = [
        "afl-fuzz", "-V", str(max(1, round(seconds))), "-s", str(seed), "-m", "none", "-t",
        str(TIMEOUT_MS), "-G", str(fuzzing.MAX_LEN), *role, "-i", str(seeds), "-o", str(out), "--",
        str(bin_dir(preset) / target),
    ]  # fmt: skip
    return start(command, log, environment(mutated_as or target))


def read_stats(target: str, folder: Path) -> Run:
    """Of an instance that has ended; its folder is below that of the run."""
    path = folder / "fuzzer_stats"
    if not path.is_file():
        raise Broken(f"afl-fuzz did not start {target}: {relative(path)} is missing")
    said = dict(re.findall(r"^(\w+) *: (.*)$", path.read_text(), re.M))
    return Run(
        target, int(said["execs_done"]), float(said["run_time"]), int(said["corpus_count"]),
        int(said["edges_found"]), int(said["total_edges"]),
    )  # fmt: skip


def fuzz(target: str, seconds: float, corpus: list[Path], work: Path, logs: Path, seed: int) -> Run:
    """Main and secondary instance side by side. They begin with what `corpus` holds and look into
    its first folder, libFuzzer's, again; what they keep is there when they have ended."""
    seeds, out = work / "seeds", work / "out"
    shutil.rmtree(work, ignore_errors=True)
    seeds.mkdir(parents=True)
    corpus[0].mkdir(parents=True, exist_ok=True)
    for path in (path for folder in corpus for path in folder.iterdir() if path.is_file()):
        if 0 < path.stat().st_size <= fuzzing.MAX_LEN:
            shutil.copyfile(path, seeds / path.name)
    if not any(seeds.iterdir()):
        (seeds / "zero").write_bytes(b"\0")
    roles = ((PLAIN, ("-M", PLAIN, "-F", str(corpus[0]))), (ASAN, ("-S", ASAN)))
    processes = [
        launch(target, seconds, seeds, out, logs / f"{preset}-{target}.log", seed + n, preset, role)
        for n, (preset, role) in enumerate(roles)
    ]
    try:
        for (preset, _), process in zip(roles, processes, strict=True):
            if wait(process, seconds + 180) not in (0, 124):
                raise Broken(f"afl-fuzz ended early on {target}; see "
                             f"{relative(logs / f'{preset}-{target}.log')}")  # fmt: skip
    finally:
        for process in processes:
            end(process)
    return _gather(target, [out / preset for preset, _ in roles], corpus[0])


def _gather(target: str, instances: list[Path], into: Path) -> Run:
    """Sums up; inputs that were kept join the corpus, those that were stopped at the untriaged."""
    run = Run(target)
    for folder in instances:
        stats = read_stats(target, folder)
        run.executions += stats.executions
        run.seconds = max(run.seconds, stats.seconds)
        run.corpus_inputs = max(run.corpus_inputs, stats.corpus_inputs)
        run.edges_covered = max(run.edges_covered, stats.edges_covered)
        run.edges_total = max(run.edges_total, stats.edges_total)
        for path in sorted(folder.glob("queue/id:*")):
            data = path.read_bytes()
            kept = into / hashlib.sha1(data).hexdigest()  # libFuzzer's own name for it
            if data and not kept.exists():
                store.write(kept, data)
        for kind, what in (("crash", "crashes"), ("timeout", "hangs")):
            for path in sorted(folder.glob(f"{what}/id:*")):
                data = path.read_bytes()
                name = f"0-{kind}-{hashlib.sha1(data).hexdigest()}"
                store.write(findings.UNTRIAGED / target / name, data)
                run.artifacts.append(findings.UNTRIAGED / target / name)
    run.artifacts = sorted(set(run.artifacts))
    return run


def triage(run: Run) -> tuple[list[Finding], list[str]]:
    """What the instances stopped at, as libFuzzer's is filed; and what nothing stops at again."""
    found, notes = [], []
    for path in run.artifacts:
        finding = findings.judge_left(path)
        if finding is None:
            notes.append(f"AFL++ stopped at an input of {run.target}, and nothing stops at it now.")
        elif finding.path not in [known.path for known in found]:
            found.append(finding)
    return found, notes
