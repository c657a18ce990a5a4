"""The stages that only `ci/test --full` runs: minutes to hours, each resumable by itself."""

from __future__ import annotations

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from house import afl as second
from house import checks, fuzzing
from house.build import bin_dir, must_build
from house.checks import LOGS, expect, tool
from house.shell import JOBS, ROOT, Broken, ask, relative, run
from house.stages import Failed, Stage

REPLAYED = 10_000_000
AFL_SECONDS = 20.0  # for each target
MUTANTS = 300  # of some 1,700
GROWTH_KIB = 1024  # between the first pass of the corpus and the end, for the libraries' own
LINES = 97.0  # of the engine, in percent, reached by cases alone
BRANCHES = 92.0


def tsan() -> str:
    must_build("tsan", LOGS)
    return checks.unit("tsan")


def llvm_cov(raw: list[Path], name: str, *arguments: str) -> list[str]:
    """What llvm-cov says of these profiles, as lines."""
    merged = LOGS / f"coverage-{name}.profdata"
    merge = ["llvm-profdata-14", "merge", "-sparse", "-o", str(merged), *map(str, raw)]
    expect(run(merge, LOGS / f"coverage-{name}-merge.log"), "llvm-profdata")
    report = ["llvm-cov-14", "report", tool("coverage"), f"-instr-profile={merged}", *arguments]
    return expect(run(report, LOGS / f"coverage-{name}.log"), "llvm-cov").text.splitlines()


def covered_by_cases(raw: Path) -> tuple[float, float]:
    """Lines and branches of the engine that cases alone reach, on all policies, in percent."""
    for policy in checks.POLICIES:
        env = {"LLVM_PROFILE_FILE": str(raw / f"cases-{policy}-%c.profraw")}
        command = [tool("coverage"), "run", "--device", f"reference:{policy}", *checks.CORPUS]
        expect(run(command, LOGS / f"coverage-{policy}.log", env), f"cases on reference:{policy}")
    # A row: the file; of regions, functions, lines and branches how many, how many missed, share.
    rows = [line.split() for line in llvm_cov(sorted(raw.glob("cases-*")), "cases",
                                              "-show-branch-summary")]  # fmt: skip
    engine = [row for row in rows if row and row[0].startswith(("engine/", "ring/"))]

    def share(column: int) -> float:
        total, missed = (sum(int(row[at]) for row in engine) for at in (column, column + 1))
        return round(100 * (total - missed) / total, 1) if total else 0.0

    return share(7), share(10)


def coverage() -> str:
    """Coverage of the engine by the cases alone, which has a floor, and of harness/ by everything;
    as numbers, with tables beside the logs."""
    must_build("coverage", LOGS)
    raw = ROOT / "build" / "coverage" / "raw"
    shutil.rmtree(raw, ignore_errors=True)
    lines, branches = covered_by_cases(raw)
    said = f"engine by cases: lines {lines} %, branches {branches} %"
    if lines < LINES or branches < BRANCHES:
        table = relative(LOGS / "coverage-cases.log")
        raise Failed(f"{said}; at least {LINES} and {BRANCHES}: {table}")
    env = {"LLVM_PROFILE_FILE": str(raw / "%p-%4m.profraw")}
    ctest = ["ctest", "--preset", "coverage", "--parallel", str(JOBS)]
    expect(run(ctest, LOGS / "coverage-unit.log", env), "unit tests under coverage")
    tests = [str(path) for path in bin_dir("coverage").glob("*_test")]
    objects = [word for test in tests for word in ("-object", test)]
    others = "-ignore-filename-regex=_test[.]cc|/usr/"
    rest = llvm_cov(sorted(raw.iterdir()), "all", *objects, others)
    return f"{said}; all of harness: {rest[-1].split()[9]} of lines"


def replay() -> str:
    """A fixed corpus, again and again, without an engine: memory flat, nothing leaked."""
    must_build("replay", LOGS)
    seeds = ROOT / "build" / "test-seeds"
    checks.encode_corpus(seeds)
    target = bin_dir("replay") / "completion_order"
    command = [str(target), f"-runs={REPLAYED}", str(seeds)]
    done = run(command, LOGS / "replay.log", limit_s=7200)
    text = expect(done, f"{REPLAYED} runs of the corpus in the replay main").text
    said = re.search(r"^memory: (\d+) KiB after the first pass, (\d+) KiB at the end$", text, re.M)
    if said is None:
        raise Broken(f"no memory was told of; see {relative(done.log)}")
    if int(said[2]) - int(said[1]) > GROWTH_KIB:
        raise Failed(f"memory is not flat: {said[0].removeprefix('memory: ')}")
    return f"{REPLAYED} runs, {said[0]}"


def afl() -> str:
    """The second engine, plain and with ASan, on every target: it catches the canary and finds
    nothing else in seconds."""
    second.build(LOGS)
    work = ROOT / "build" / "afl" / "test"
    seeds = ROOT / "build" / "test-seeds"
    checks.encode_corpus(seeds)
    executions = 0
    for name in fuzzing.targets("afl"):
        text = name in checks.TEXT_TARGETS
        corpus = [work / "corpus" / name, *(checks.SEED_FOLDERS if text else [seeds])]
        ran = second.fuzz(name, AFL_SECONDS, corpus, work / "run", LOGS, seed=1)
        executions += ran.executions
        if name == fuzzing.CANARY:
            if not ran.artifacts:
                raise Failed("AFL++ did not catch the canary")
            for path in ran.artifacts:
                path.unlink()
            continue
        found, _ = second.triage(ran)
        if found:
            raise Failed(f"AFL++ found {len(found)} in {name}: {relative(found[0].path)}")
    return f"{len(fuzzing.written_targets())} targets, {executions} executions, the canary caught"


def tidy() -> str:
    """clang-tidy over all that is built, a source as the first preset that has it compiles it."""
    sources: dict[Path, str] = {}
    for preset in ("dev", "libfuzzer", "afl"):
        database = ROOT / "build" / preset / "compile_commands.json"
        entries = json.loads(database.read_text()) if database.exists() else []
        for entry in entries:
            path = Path(entry["file"])
            if not path.name.endswith("_test.cc"):
                sources.setdefault(path, preset)
    if not sources:
        raise Broken("no preset is built that says how a source is compiled")

    def look_at(path: Path) -> str:
        command = ["clang-tidy-14", "--quiet", "-p", str(ROOT / "build" / sources[path]), str(path)]
        said = ask(command)
        return said.out.decode(errors="replace") if said.code else ""

    with ThreadPoolExecutor(JOBS) as pool:
        complaints = list(filter(None, pool.map(look_at, sorted(sources))))
    log = LOGS / "tidy.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("\n".join(complaints))
    if complaints:
        found = re.findall(r"^\S+:\d+:\d+: (?:error|warning): .*", log.read_text(), re.M)
        raise Failed(f"clang-tidy complains of {len(complaints)} files; see {relative(log)}\n"
                     + "\n".join(found[:40]))  # fmt: skip
    return f"{len(sources)} files"


STAGES = (
    Stage("specimens-all", "every planted bug is built and caught",
          partial(checks.specimens, "--all"), ("build",), full=True),
    Stage("mutants", "small changes of the engine are caught",
          partial(checks.mutants, MUTANTS), ("build",), full=True),
    Stage("tsan", "unit tests under the thread sanitizer", tsan, ("setup",), full=True),
    Stage("tidy", "clang-tidy", tidy, ("build", "build-libfuzzer"), full=True),
    Stage("coverage", "lines reached by tests and corpus", coverage, ("setup",), full=True),
    Stage("kernel-6.12", "cases and combinations on a later kernel",
          partial(checks.conformance, "kernel:6.12"), ("build",), full=True),
    Stage("kernel-copy", "cases and combinations on the kernel's batched copy path",
          partial(checks.conformance, "kernel:6.1,zerocopy=off"), ("build",), full=True),
    Stage("digests-thousand", "the same traces a thousand times",
          partial(checks.digests, 1000), ("build", "build-asan-ubsan", "build-libfuzzer"),
          full=True),
    Stage("generated-million", "conforming programs, a million",
          partial(checks.generated, 1_000_000), ("build",), full=True),
    Stage("replay", "ten million runs, memory flat", replay, ("build",), full=True),
    Stage("afl", "the second engine", afl, ("build", "build-libfuzzer"), full=True),
)  # fmt: skip
