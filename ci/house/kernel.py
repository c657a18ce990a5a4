"""What the kernel says about the programs of a campaign: the minimised corpus and every finding."""

from __future__ import annotations

import shutil
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from house import store, tool
from house.findings import KERNEL_PREFIX
from house.shell import ROOT, Broken, relative, run

DEVICE = "kernel"
QEMU = "qemu-system-x86_64"
# Programs replayed in one campaign, and how long that may take; the report says what was left out.
MAX_PROGRAMS = 400
LIMIT_S = 150.0
# Programs on which the guest or its agent may fail before it counts as no guest at all. The report
# names each; one that starts anew behind them has executed the others.
MAX_BROKEN = 3
# What a replayed program may execute. An operation takes some 3 ms in an emulated guest, so that
# one with thousands, which mutation makes with `repeat`, takes longer than the tool waits for it.
MAX_OPERATIONS = 1000


@dataclass
class Said:
    """The kernel's part of the report."""

    device: str = DEVICE
    version: str = ""
    candidates: int = 0  # programs there were
    shaped: int = 0  # of them, made of operations that the kernel can execute
    seconds: float = 0.0
    verdicts: Counter[str] = field(default_factory=Counter)
    programs: list[dict[str, object]] = field(default_factory=list)

    @property
    def replayed(self) -> int:
        return len(self.programs)

    @property
    def executed(self) -> int:
        return sum(bool(program["executed"]) for program in self.programs)

    def add(self, path: Path, judged: tool.Judged) -> None:
        self.version = self.version or judged.version
        self.verdicts[judged.verdict] += 1
        note = judged.reason
        if judged.said:
            worst = judged.said[0]
            note = f"expected {worst.expected}; {worst.actual}" if judged.bad else worst.actual
        self.programs.append({
            "case": relative(path), "verdict": judged.verdict, "rule": judged.rule or None,
            "note": note or None, "executed": judged.executed,
        })  # fmt: skip

    def as_json(self) -> dict[str, object]:
        return {
            "device": self.device, "version": self.version, "candidates": self.candidates,
            "shaped": self.shaped, "replayed": self.replayed, "executed": self.executed,
            "seconds": round(self.seconds, 1), "verdicts": dict(sorted(self.verdicts.items())),
            "programs": self.programs,
        }  # fmt: skip


def foreign_operations() -> frozenset[str]:
    """Names of the operations that the kernel cannot execute, as the tool's table says."""
    text = tool.text_of(["ops"])
    if not text:
        raise Broken("vassay ops says nothing")
    foreign = set()
    name = ""
    for line in text.splitlines():
        words = line.split()
        if words and not line.startswith(" "):
            name = words[0]
        elif words[:1] == ["devices"] and DEVICE not in words[1:]:
            foreign.add(name)
    return frozenset(foreign)


def is_shaped(path: Path, foreign: frozenset[str]) -> bool:
    """Made of operations that the kernel can execute."""
    return not any(name in foreign for name, _ in _operations(path))


def is_short(path: Path) -> bool:
    """Ends in the guest within the time that it is given."""
    count, times = 0, 1
    for name, operand in _operations(path):
        if name == "repeat":
            times = int(operand, 0) if operand else 1
        elif name == "end":
            times = 1
        else:
            count += times
    return count <= MAX_OPERATIONS


def _operations(path: Path) -> list[tuple[str, str]]:
    """Name and first operand of each operation; comments and marks are left out."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["as"]:
            words = words[2:]
        if words and words[0][0] not in "<>":
            found.append((words[0], words[1] if len(words) > 1 else ""))
    return found


def choose(programs: dict[str, list[Path]], must: list[Path]) -> tuple[list[Path], int, int]:
    """What is replayed: all of `must`, then targets in turn; those that can be executed first.

    Programs with an operation that the kernel cannot execute have its answer beforehand; they fill
    at most a quarter, so that the rest of what they hold is seen to be refused and not to hang.
    """
    foreign = foreign_operations()
    must = [path for path in must if is_short(path)]
    queues = {name: sorted(filter(is_short, paths)) for name, paths in programs.items()}
    everything = [path for paths in queues.values() for path in paths]
    shaped = {path for path in everything if is_shaped(path, foreign)}
    turns: list[Path] = []
    while any(queues.values()):
        turns += [paths.pop(0) for paths in queues.values() if paths]
    fit = [path for path in turns if path in shaped][:MAX_PROGRAMS]
    unfit = [path for path in turns if path not in shaped][: len(fit) // 4]
    return [*must, *fit, *unfit], len(everything) + len(must), len(shaped)


def listed_rules() -> frozenset[str]:
    """Rules that the kernel is known to break (conformance/expectations)."""
    path = ROOT / "conformance" / "expectations" / "kernel.toml"
    if not path.exists():
        return frozenset()
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("expect", [])
    return frozenset(str(entry.get("rule", "")) for entry in entries)


def prepare(log: Path) -> None:
    """Broken at once where no guest can be had, and not at the end of a night of fuzzing."""
    if shutil.which(QEMU) is None:
        raise Broken(f"no guest: {QEMU} is not installed; run: apt-get install qemu-system-x86")
    done = run([str(ROOT / "ci" / "guest-image")], log)
    if done.code != 0:
        raise Broken(f"no guest: {done.tail(1)}")


def replay(programs: list[Path], log: Path, said: Said) -> Iterator[tuple[tool.Judged, bool]]:
    """Runs them in one guest and fills `said`; each as it is known, and whether it is a finding:
    a rule broken that is not listed. Broken where the guest could not do it."""
    if not programs:
        raise Broken("there is no program to replay on the kernel")
    began = time.monotonic()
    listed = listed_rules()
    broken = 0
    answers = tool.batch(programs, DEVICE, log)
    try:
        for path, judged in zip(programs, answers, strict=False):
            said.add(path, judged)
            said.seconds = time.monotonic() - began
            broken += judged.verdict == "BROKEN"
            if broken > MAX_BROKEN or broken == said.replayed:
                raise Broken(f"no guest: {judged.reason}")
            yield judged, judged.bad and judged.rule not in listed
            if said.seconds > LIMIT_S:
                break
        else:
            if said.replayed < len(programs):
                words = log.read_text(errors="replace").strip().splitlines() or ["no word"]
                raise Broken(f"vassay ended after {said.replayed} of {len(programs)} programs "
                             f"on the kernel: {words[-1]}")  # fmt: skip
    finally:
        answers.close()
    if said.shaped and not said.executed:
        raise Broken(f"the kernel executed none of {said.replayed} programs")


def keep(judged: tool.Judged, root: Path) -> Path:
    """A rule broken on the kernel, filed like any finding."""
    source = Path(judged.case) if Path(judged.case).is_absolute() else ROOT / judged.case
    folder = root / (judged.rule or "no-rule")
    path = folder / f"{KERNEL_PREFIX}{source.stem.removeprefix(KERNEL_PREFIX)}.vq"
    store.write(path.with_suffix(".trace"), judged.trace)
    store.write(path.with_suffix(".log"), "".join(
        f"{item.verdict} {item.rule}: expected {item.expected}; {item.actual}\n"
        for item in judged.said
    ))  # fmt: skip
    store.write(path, source.read_bytes())
    return path
