"""What the stages of ci/test do. Each returns a remark, or raises Failed or Broken."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from house import docs, fuzzing, store
from house.build import bin_dir, must_build
from house.shell import JOBS, ROOT, Broken, Done, ask, relative, run, wait
from house.stages import Failed

LOGS = ROOT / "build" / "test-logs"
CORPUS = ("corpus", "conformance/cases")
POLICIES = ("arrival", "inorder", "copy")
CONFORMANCE = ("conformance/test_cases.py", "conformance/test_combinations.py::test_combination")


def tool(preset: str = "dev") -> str:
    return str(bin_dir(preset) / "vassay")


def expect(done: Done, what: str, lines: int = 25) -> Done:
    """Failed with the end of the log, or Broken where the command says so itself (exit 3)."""
    if done.code == 0:
        return done
    text = f"{what}: exit {done.code}; see {relative(done.log)}\n{done.tail(lines)}"
    raise Broken(text) if done.code == 3 else Failed(text)


def setup() -> str:
    done = run([str(ROOT / "ci/setup")], LOGS / "setup.log")
    if done.code != 0:
        raise Broken(done.tail(1))
    return "nothing was missing" if not done.text else "installed what was missing"


def build(preset: str, targets: list[str] | None = None) -> str:
    done = must_build(preset, LOGS, targets)
    return f"{done.seconds:.0f} s to configure and build"


def unit(preset: str) -> str:
    log = LOGS / f"unit-{preset}.log"
    done = run(["ctest", "--preset", preset, "--parallel", str(JOBS)], log, limit_s=900)
    expect(done, f"unit tests of {preset}")
    match = re.search(r"tests passed.* out of (\d+)", done.text)
    return f"{match[1] if match else '?'} test programs"


def lint(*names: str) -> str:
    command = [str(ROOT / "ci/lint/run"), *names]
    expect(run(command, LOGS / "lint.log", limit_s=300), "lint", lines=40)
    return "clean"


def commands() -> str:
    """Tests of the commands in ci/ themselves."""
    command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "ci"]
    done = run(command, LOGS / "commands.log", limit_s=300)
    return expect(done, "tests of ci/").tail(1).strip("= ")


def _verdicts(log: Path) -> tuple[int, str]:
    """How many cases a `--json` run judged, and its text for comparison."""
    text = log.read_text(encoding="utf-8")
    try:
        return len(json.loads(text)["results"]), text
    except (ValueError, KeyError) as error:
        raise Broken(f"{relative(log)} is not what `vassay run --json` prints: {error}") from error


def corpus() -> str:
    """Every program twice under the sanitizers and once from the other compiler: equal traces."""
    count = 0
    for policy in POLICIES:
        texts = []
        for number, preset in enumerate(("asan-ubsan", "asan-ubsan", "dev")):
            log = LOGS / f"corpus-{policy}-{number}.json"
            errors = log.with_suffix(".err")
            command = ["bash", "-c", 'exec "$@" 2> "$0"', str(errors), tool(preset), "run",
                       "--json", "--device", f"reference:{policy}", *CORPUS]  # fmt: skip
            done = run(command, log, limit_s=900)
            # A case that a device cannot pass is conformance's to judge; here only repetition is.
            if done.code not in (0, 1, 77):
                expect(done, f"the corpus on reference:{policy} ({preset})")
            count, text = _verdicts(log)
            texts.append(text)
        if texts[0] != texts[1]:
            raise Failed(f"reference:{policy}: two runs of the corpus differ (compare {LOGS})")
        if texts[0] != texts[2]:
            raise Failed(f"reference:{policy}: clang and gcc builds differ on the corpus")
    return f"{count} programs, 2 policies, 2 runs and 2 compilers: equal traces"


def digests(repeat: int) -> str:
    """Traces from both compilers, with and without sanitizers and coverage instrumentation."""
    paths = [str(path.relative_to(ROOT)) for path in cases()]
    texts = {}
    for preset in ("dev", "asan-ubsan", "libfuzzer"):
        binary = bin_dir(preset) / "va_digest"
        log = LOGS / f"digest-{preset}.txt"
        done = run([str(binary), "--repeat", str(repeat), *paths], log, limit_s=3600)
        texts[preset] = expect(done, f"va_digest of {preset}").text
    for preset, text in texts.items():
        if text != texts["dev"]:
            raise Failed(f"presets dev and {preset} give different traces (compare {LOGS})")
    return f"{len(paths)} programs, {repeat} times, 2 policies, 3 builds: equal traces"


def generated(programs: int) -> str:
    """Programs that keep all of the driver's duties, on every policy: no verdict but PASS. Half as
    many that do not, as fuzz targets make them: nothing that these would stop at."""
    soak = str(bin_dir("dev") / "va_soak")
    hostile = run([soak, "--hostile", str(programs // 2)], LOGS / "hostile.log", limit_s=7200)
    expect(hostile, f"{programs // 2} hostile programs")
    done = run([soak, str(programs)], LOGS / "generated.log", limit_s=7200)
    return expect(done, f"{programs} conforming programs").tail(1)


def conformance(device: str, *what: str) -> str:
    """Every case and combination on a device; `conformance` as a whole also holds tool, rules and
    files to it."""
    name = re.sub(r"\W", "-", device)
    command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider",
               f"--device={device}", *(what or CONFORMANCE)]  # fmt: skip
    done = run(command, LOGS / f"conformance-{name}.log", limit_s=1200)
    expect(done, f"conformance of {device}")
    return done.tail(1).strip("= ")


def kernel_diff(device: str = "kernel") -> str:
    """Both implementations side by side: no difference that is not listed."""
    log = LOGS / f"diff-{re.sub(r'[^A-Za-z0-9.]', '-', device)}.log"
    command = [tool(), "diff", "--device", "reference:inorder", "--device", device, "corpus/seed"]
    done = expect(run(command, log, limit_s=1200), f"reference:inorder against {device}")
    return done.tail(1)


def specimens(*extra: str) -> str:
    done = run([str(ROOT / "ci/specimens"), *extra], LOGS / "specimens.log", limit_s=3600)
    return expect(done, "specimens").tail(1)


def mutants(count: int) -> str:
    """So many changed engines are told from the right one; goes on where it was stopped."""
    command = [str(ROOT / "ci/mutants"), "--sample", str(count), "--resume"]
    done = run(command, LOGS / "mutants.log", limit_s=14400)
    return expect(done, f"{count} mutants", lines=60).tail(1)


def fuzz(runs: int) -> str:
    """So many runs of every target on the corpus as seeds: no finding, and the canary is caught.

    Runs, seed and the order of the inputs are fixed (a folder is read in an order of the file
    system's own), so that what passes on one machine passes on another; to look for something new
    is the campaign's job.
    """
    seeds = ROOT / "build" / "test-seeds"
    shutil.rmtree(seeds, ignore_errors=True)
    encode_corpus(seeds)
    executions = 0
    for target in fuzzing.targets():
        artifacts = LOGS / "artifacts" / target
        shutil.rmtree(artifacts, ignore_errors=True)
        log = LOGS / f"fuzz-{target}.log"
        working = LOGS / "fuzz-corpus" / target
        shutil.rmtree(working, ignore_errors=True)
        folders = SEED_FOLDERS if target in TEXT_TARGETS else (seeds,)
        files = sorted(file for folder in folders for file in folder.rglob("*") if file.is_file())
        listed = LOGS / f"fuzz-{target}.seeds"
        listed.write_text(",".join(map(str, files)))
        extra = [f"-seed_inputs=@{listed}", "-reload=0"]
        if target != fuzzing.CANARY:
            extra.append(f"-runs={runs}")
        process = fuzzing.launch(
            target, FUZZ_BOUND, [working], artifacts, log, seed=1, extra=tuple(extra)
        )
        code = wait(process)
        ran = fuzzing.read_log(target, log.read_text(errors="replace"))
        if not ran.started:
            raise Broken(f"{target} did not start; see {relative(log)}")
        if target == fuzzing.CANARY:
            if code == 0:
                raise Broken("the canary was not caught: this campaign would find nothing")
        elif code != 0:
            last = log.read_text(errors="replace").splitlines()[-20:]
            raise Failed(f"{target} found something; see {relative(log)}\n" + "\n".join(last))
        executions += ran.executions
    return f"{len(fuzzing.targets())} targets, {executions} executions, the canary caught"


FUZZ_BOUND = 120.0  # seconds a target, should a machine be slow
TEXT_TARGETS = ("text_parse",)
SEED_FOLDERS = (ROOT / "corpus" / "seed", ROOT / "corpus" / "regress")


def cases() -> list[Path]:
    """All programs of the repository, as text."""
    return sorted(path for folder in CORPUS for path in (ROOT / folder).rglob("*.vq"))


def encode_corpus(into: Path) -> int:
    """The repository's programs as bytes, one file each; returns how many. Broken: one is none."""
    into.mkdir(parents=True, exist_ok=True)
    count = 0
    for path in cases():
        name = str(path.relative_to(ROOT)).replace("/", "-").removesuffix(".vq")
        count += 1
        if (into / name).exists() and (into / name).stat().st_mtime > path.stat().st_mtime:
            continue
        said = ask([tool(), "encode", str(path.relative_to(ROOT))], limit_s=20)
        if said.code != 0:
            complaint = (said.err.strip().splitlines() or ["no output"])[-1]
            raise Broken(f"{complaint}; repair or remove {path.relative_to(ROOT)}")
        store.write(into / name, said.out)
    return count


def documents() -> str:
    return docs.run_all(LOGS)
