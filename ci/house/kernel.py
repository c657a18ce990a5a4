"""What the kernel says about the programs of a campaign: the minimised corpus and every finding."""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from house import store, tool
from house.build import relative
from house.shell import ROOT, Broken

DEVICE = "kernel"
# Programs replayed in one campaign, and how long that may take; the report says what was left out.
MAX_PROGRAMS = 400
LIMIT_S = 150.0
# What a fuzz input may execute (prog/program.h). As text a program may run 2^20 operations, which
# takes the guest longer than it is given; what lies between the two was never run by the fuzzer.
MAX_OPERATIONS = 4096


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
    """Executes no more operations than a fuzz input may."""
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


def replay(programs: list[Path], log: Path, said: Said) -> list[tool.Judged]:
    """Runs them in one guest and fills `said`; returns those that broke a rule not listed."""
    began = time.monotonic()
    listed = listed_rules()
    bad: list[tool.Judged] = []
    answers = tool.batch(programs, DEVICE, log)
    try:
        for path, judged in zip(programs, answers, strict=False):
            said.version = said.version or judged.version
            said.verdicts[judged.verdict] += 1
            note = judged.reason
            if judged.said:
                note = f"expected {judged.said[0].expected}; {judged.said[0].actual}"
            said.programs.append({
                "case": relative(path), "verdict": judged.verdict, "rule": judged.rule or None,
                "note": note or None, "executed": judged.executed,
            })  # fmt: skip
            if judged.bad and judged.rule not in listed:
                bad.append(judged)
            said.seconds = time.monotonic() - began
            if said.seconds > LIMIT_S:
                break
    finally:
        answers.close()
    if not said.programs or said.verdicts["BROKEN"] == len(said.programs):
        text = log.read_text(errors="replace").strip() if log.exists() else ""
        why = str(said.programs[0]["note"]) if said.programs else text.splitlines()[-1:]
        raise Broken(f"no guest: {why if isinstance(why, str) else (why or ['no word'])[0]}")
    return bad


def keep(judged: tool.Judged, root: Path) -> Path:
    """A rule broken on the kernel, filed like any finding."""
    source = Path(judged.case) if Path(judged.case).is_absolute() else ROOT / judged.case
    folder = root / (judged.rule or "no-rule")
    path = folder / f"kernel-{source.stem}.vq"
    store.write(path.with_suffix(".trace"), judged.trace)
    store.write(path.with_suffix(".log"), "".join(
        f"{item.verdict} {item.rule}: expected {item.expected}; {item.actual}\n"
        for item in judged.said
    ))  # fmt: skip
    store.write(path, source.read_bytes())
    return path
