"""One mutant at a time: is it another program at all, and what tells it from the engine?

In this order, until one speaks: every case and the corpus on every policy, by the tool; then the
unit tests of engine and ring. Built as preset dev is, without sanitizers and with the engine's own
checks: one that fails is a crash.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import tomllib
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from house import store, tool, variant
from house.mutate import Mutant
from house.shell import ROOT, Broken, relative, run

BUILD = ROOT / "build" / "mutants"
TREE = BUILD / "tree"
RESULTS = store.OUT / "mutants" / "results.jsonl"
EQUIVALENT = ROOT / "ci" / "house" / "mutants_equivalent.toml"
DEVICES = ("reference:arrival", "reference:inorder", "reference:copy")
# The unit tests, and whose they are; the quick one first.
PROGRAMS = {"ring_test": ("harness/ring",), "engine_test": ("harness/engine", "harness/ring")}
FAILS = ("FAIL", "ROBUSTNESS", "INCONCLUSIVE", "BROKEN")  # what conformance/test_cases.py fails
FLAGS = ["-O2", "-g0"]  # no lines of source in an object, so that equal code is equal bytes
CASE_S = 30.0  # the tool ends a case after 10 s; this is for a tool that hangs itself
UNIT_S = 60.0
# A loop that fills memory ends as a crash, before the machine is short of it.
BOUNDED = ("prlimit", "--as=4294967296", "--core=0")
CAUGHT = ("conformance", "unit", "hang", "crash")
_REPEAT = re.compile(r"^\s*repeat (\d+)", re.M)
_TEST = re.compile(r"^TEST(?:_[FP])?\((\w+), (\w+)\) \{.*?^\}", re.M | re.S)
_PARAMETER = re.compile(r"^\w+/(?=\w+[.])|/\w+$")  # Net/Waiting.DetachReports/Arrival
_FAILED = re.compile(r"^\[  FAILED  \] ([\w/.]+)", re.M)


@dataclass(frozen=True)
class Outcome:
    id: str
    state: str  # one of CAUGHT, survived, no-compile, same-code
    by: str = ""  # case and device, or test
    proof: str = ""  # a digest of what the outcome rests on
    seconds: float = 0.0

    @property
    def caught(self) -> bool:
        return self.state in CAUGHT

    @property
    def counts(self) -> bool:
        """Whether it is in the denominator."""
        return self.caught or self.state == "survived"


# ---- what an outcome rests on ---------------------------------------------------------------


def _digest(paths: list[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(relative(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


@cache
def _sources() -> str:
    files = [path for path in (ROOT / "harness").rglob("*") if path.suffix in (".cc", ".h")]
    return _digest(sorted(path for path in files if not path.name.endswith("_test.cc")))


@cache
def _unit_tests() -> dict[str, str]:
    """Their text by `Suite.Name`."""
    found = {}
    for folder in PROGRAMS["engine_test"]:
        for path in sorted((ROOT / folder).glob("*_test.cc")):
            for match in _TEST.finditer(path.read_text(encoding="utf-8")):
                found[f"{match[1]}.{match[2]}"] = match[0]
    return found


@cache
def _tests() -> str:
    text = "".join(text for _, text in sorted(_unit_tests().items()))
    return _digest(list(cases())) + hashlib.sha256(text.encode()).hexdigest()[:16]


def proof(state: str, by: str) -> str:
    """Sources, and the case or test that spoke; where none did, all that could have spoken."""
    if state in ("no-compile", "same-code"):
        return _sources()
    words = by.split()
    if by.endswith(DEVICES) and (ROOT / words[0]).exists():
        return f"{_sources()}-{_digest([ROOT / words[0]])}"
    test = _PARAMETER.sub("", words[-1]) if words else ""
    if test in _unit_tests():
        return f"{_sources()}-{hashlib.sha256(_unit_tests()[test].encode()).hexdigest()[:16]}"
    return f"{_sources()}-{_tests()}"


# ---- results --------------------------------------------------------------------------------


class Results:
    """out/mutants/results.jsonl: first what was to be run, then a line a mutant, written when it is
    decided, so that one who is killed loses the mutant at hand and no other."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or RESULTS
        self.sample: int | None = None  # None: all
        self.known: dict[str, Outcome] = {}

    def resume(self) -> bool:
        """Reads what an earlier run left; what it says of other sources or tests is not used.
        False if there is none."""
        if not self.path.exists():
            return False
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                value = json.loads(line)
                if "sample" in value:
                    self.sample = value["sample"]
                    continue
                outcome = Outcome(**value)
            except (ValueError, TypeError):
                continue  # the line at which a run was killed
            if outcome.proof == proof(outcome.state, outcome.by):
                self.known[outcome.id] = outcome
            else:
                self.known.pop(outcome.id, None)
        return True

    def begin(self, sample: int | None) -> None:
        """Writes anew what is known, so that what a killed run left half done is gone."""
        lines = [json.dumps({"sample": sample})]
        lines += [json.dumps(asdict(outcome)) for outcome in self.known.values()]
        store.write(self.path, "\n".join(lines) + "\n")

    def add(self, outcome: Outcome) -> None:
        self.known[outcome.id] = outcome
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab", buffering=0) as file:
            file.write(json.dumps(asdict(outcome)).encode() + b"\n")


def equivalent() -> dict[str, str]:
    """Survivors that no test can catch, each with the reason."""
    found: dict[str, str] = {}
    try:
        entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]
        for entry in entries:
            why = str(entry["why"]).strip()
            for name in entry["ids"]:
                if not why or name in found:
                    raise Broken(f"{relative(EQUIVALENT)}: {name}: " + (
                        "listed twice" if why else "`why` is empty"))  # fmt: skip
                found[str(name)] = why
    except (KeyError, TypeError, tomllib.TOMLDecodeError, FileNotFoundError) as error:
        raise Broken(f"{relative(EQUIVALENT)}: {error}") from error
    return found


# ---- one mutant -----------------------------------------------------------------------------


def cases() -> list[Path]:
    """Those that run long last; else in an order in which neighbours have little in common, so that
    whatever speaks does so soon."""
    folders = (ROOT / "corpus", ROOT / "conformance" / "cases")
    paths = [path for folder in folders for path in folder.rglob("*.vq")]

    def rank(path: Path) -> tuple[bool, str]:
        longest = max(map(int, _REPEAT.findall(path.read_text(encoding="utf-8"))), default=0)
        return longest > 1000, hashlib.sha256(path.name.encode()).hexdigest()

    return sorted(paths, key=rank)


@cache
def _listed_cases() -> tuple[Path, ...]:
    return tuple(path.relative_to(ROOT) for path in cases())


def _spoke(judged: tool.Judged) -> tuple[str, str] | None:
    if judged.verdict not in FAILS:
        return None
    died = [said.actual for said in judged.said if said.rule == "SAF-02"]
    state = "conformance"
    if died:
        state = "hang" if died[0].endswith("status 142") else "crash"  # 128 + SIGALRM
    return state, f"{judged.case} {judged.device}"


def conformance(binary: Path) -> tuple[str, str] | None:
    """How the cases tell it from the engine; None if they do not."""
    paths = list(_listed_cases())
    command = (*BOUNDED, str(binary))
    with ExitStack() as stack:
        runs = {}
        for device in DEVICES:
            log = BUILD / f"{device.split(':')[1]}.log"
            answers = tool.batch(paths, device, log, command, CASE_S)
            runs[device] = stack.enter_context(closing(answers))
        for path in paths:
            for device, answers in runs.items():
                began = time.monotonic()
                judged = next(answers, None)
                if judged is None:  # the tool itself ended, or was ended
                    slow = time.monotonic() - began >= CASE_S
                    return "hang" if slow else "crash", f"{path} {device}"
                if spoken := _spoke(judged):
                    return spoken
    return None


class Workshop:
    """The copy of the sources that mutants are made in, and the objects of the engine as it is."""

    def __init__(self) -> None:
        variant.copy_sources(TREE)
        (BUILD / "as_it_is").mkdir(parents=True, exist_ok=True)
        (BUILD / "mutant").mkdir(parents=True, exist_ok=True)
        self._unchanged: dict[str, bytes] = {}

    def decide(self, mutant: Mutant) -> Outcome:
        began = time.monotonic()
        target = TREE / mutant.path
        original = target.read_text(encoding="utf-8")
        units = variant.units((mutant.path,))
        for unit in units:
            if not unit.is_test:
                self._as_it_is(unit)
        target.write_text(mutant.apply(original), encoding="utf-8")
        try:
            state, by = self._decide(mutant, units)
        finally:
            target.write_text(original, encoding="utf-8")
        seconds = round(time.monotonic() - began, 1)
        return Outcome(mutant.id, state, by, proof(state, by), seconds)

    def check_engine(self) -> None:
        """The engine as it is has to pass; else nothing could be said of a mutant."""
        spoken = conformance(variant.DEV / "bin" / "vassay")
        for program in PROGRAMS:
            spoken = spoken or _unit(variant.DEV / "bin" / program)
        if spoken:
            raise Broken(f"the engine as it is does not pass: {spoken[0]}: {spoken[1]}")

    def _as_it_is(self, unit: variant.Unit) -> bytes:
        if unit.output not in self._unchanged:
            target = BUILD / "as_it_is" / unit.output.replace("/", "-")
            done = variant.compile_unit(unit, TREE, target, FLAGS)
            if done.code != 0:
                raise Broken(f"{unit.source} does not compile; see {relative(done.log)}")
            self._unchanged[unit.output] = target.read_bytes()
        return self._unchanged[unit.output]

    def _decide(self, mutant: Mutant, units: list[variant.Unit]) -> tuple[str, str]:
        objects: dict[str, Path] = {}
        for unit in units:
            if not unit.is_test and not self._compile(unit, objects):
                return "no-compile", ""
        if all(path.read_bytes() == self._unchanged[name] for name, path in objects.items()):
            return "same-code", ""
        binary = BUILD / "mutant" / "vassay"
        _must_link("vassay", objects, binary)
        if spoken := conformance(binary):
            return spoken
        for program, folders in PROGRAMS.items():
            if not mutant.path.startswith(folders):
                continue
            # A header's mutant: what the tests themselves have inlined of it counts too.
            for unit in units:
                if f"/{program}.dir/" in unit.output and not self._compile(unit, objects):
                    return "no-compile", ""
            binary = BUILD / "mutant" / program
            _must_link(program, objects, binary)
            if spoken := _unit(binary):
                return spoken
        return "survived", ""

    def _compile(self, unit: variant.Unit, objects: dict[str, Path]) -> bool:
        target = BUILD / "mutant" / unit.output.replace("/", "-")
        objects[unit.output] = target
        return variant.compile_unit(unit, TREE, target, FLAGS).code == 0


def _must_link(program: str, objects: dict[str, Path], binary: Path) -> None:
    """What compiles has the engine's symbols, so it links."""
    done = variant.link(program, objects, binary)
    if done.code != 0:
        raise Broken(f"{program} does not link; see {relative(done.log)}\n{done.tail(5)}")


def _unit(binary: Path) -> tuple[str, str] | None:
    log = BUILD / f"{binary.name}.log"
    command = [*BOUNDED, str(binary), "--gtest_brief=1", "--gtest_fail_fast"]
    done = run(command, log, limit_s=UNIT_S)
    if done.code == 0:
        return None
    failed = _FAILED.search(done.text)
    by = f"{binary.name} {failed[1]}" if failed else binary.name
    if done.code == 124:
        return "hang", binary.name
    return ("unit" if done.code == 1 and failed else "crash"), by
