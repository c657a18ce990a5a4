"""Findings: an input that a target stopped at becomes a small program with a rule, on disk.

An input is on disk before anybody judges it (libFuzzer writes it to out/findings/untriaged), and
it leaves that folder only when its finding is written: a campaign that is killed loses nothing.
"""

from __future__ import annotations

import functools
import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from house import fuzzing, store, tool
from house.shell import ROOT, relative, run

FINDINGS = store.OUT / "findings"
UNTRIAGED = FINDINGS / "untriaged"
KERNEL_PREFIX = "kernel-"  # of the name of a finding that the kernel alone gave
SCRATCH = ROOT / "build" / "campaign" / "triage"
SHOWN = 40  # lines of a program in the report
DEVICES = ("reference:arrival", "reference:inorder", "reference:copy")

_SAYS = (
    (re.compile(r"vassay-bug: (.*)"), "suite-bug"),
    (re.compile(r"ERROR: AddressSanitizer: ([\w-]+)"), "asan"),
    (re.compile(r"ERROR: LeakSanitizer: (.*)"), "leak"),
    (re.compile(r"runtime error: (.*)"), "ubsan"),
    (re.compile(r"ERROR: libFuzzer: (timeout|out-of-memory)"), "bound"),
    (re.compile(r"ERROR: libFuzzer: (.*)"), "crash"),
)
_FINDING = re.compile(
    r"vassay-finding: (\S+) (\S+) target=.*\n +expected: (.*)\n +actual: +(.*)"
)


@dataclass
class Finding:
    rule: str
    name: str  # hash of the program's text, or the case's name
    path: Path  # the .vq, or the input itself where it is no program
    target: str
    device: str
    verdict: str
    summary: str
    minimized: bool
    earlier: bool = False  # left by an earlier campaign
    kernel: str = ""  # what the kernel said

    @property
    def repeat(self) -> str:
        """The command that shows it again."""
        tool_path = "build/dev/bin/vassay run --device"
        if self.path.suffix == ".vq":
            return f"{tool_path} {self.device} {relative(self.path)}"
        return f"{relative(fuzzing.bin_dir('libfuzzer') / self.target)} {relative(self.path)}"

    def _program(self) -> str | None:
        """Its first lines, where it is one: enough of what is minimised to be understood."""
        if self.path.suffix != ".vq" or not self.path.is_file():
            return None
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[:SHOWN] + (["…"] if len(lines) > SHOWN else []))

    def as_json(self) -> dict[str, object]:
        rule = rules().get(self.rule, {})
        return {
            "rule": self.rule, "case": relative(self.path), "target": self.target,
            "device": self.device, "verdict": self.verdict, "summary": self.summary,
            "minimized": self.minimized, "earlier": self.earlier, "kernel": self.kernel or None,
            "repeat": self.repeat, "requirement": rule.get("requirement"),
            "clause": rule.get("clause"), "program": self._program(),
        }  # fmt: skip


@functools.cache
def rules() -> dict[str, dict[str, str]]:
    """The requirements as data, by id."""
    found = {}
    for path in sorted((ROOT / "conformance" / "rules").glob("*.toml")):
        for rule in tomllib.loads(path.read_text(encoding="utf-8")).get("rule", []):
            found[rule["id"]] = rule
    return found


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def from_log(text: str) -> tuple[str, str]:
    """Rule (or a word in its place) and sentence from a target's own last words."""
    if match := _FINDING.search(text):
        return match[1], f"expected {match[3]}; {match[4]}"
    for pattern, kind in _SAYS:
        if match := pattern.search(text):
            return kind, match[1].strip()
    return "crash", "the target ended without a word"


def _reproduce(path: Path) -> tool.Judged | None:
    """The first device on which the input, as bytes, is more than a pass."""
    for device in DEVICES:
        for said in tool.run([path], device):
            if said.bad:
                return said
    return None


def _minimized(text: str, rule: str, device: str, name: str) -> str | None:
    scratch = SCRATCH / f"{name}.vq"
    store.write(scratch, text)
    arguments = ["minimize", "--rule", rule, "--device", device, str(scratch)]
    return tool.text_of(arguments, limit_s=60) or None


def triage(raw: Path, target: str, log_text: str) -> Finding:
    """Files one input under its rule; `raw` is gone when the finding is whole."""
    data = raw.read_bytes()
    # What another kind of target stopped at says nothing as a program.
    said = _reproduce(raw) if fuzzing.judges_programs(target) else None
    text = tool.text_of(["decode", str(raw)]) if said else None
    if said is None or text is None or not said.rule:
        return _as_input(raw, data, target, log_text)
    smaller = _minimized(text, said.rule, said.device, raw.name)
    for program in filter(None, (smaller, text)):
        name = digest(program.encode())
        path = FINDINGS / said.rule / f"{name}.vq"
        # The program goes last: what has one is whole.
        store.write(path.with_suffix(".log"), log_text[-100_000:])
        store.write(path.with_suffix(".trace"), said.trace)
        store.write(path, program)
        again = [one for one in tool.run([path], said.device) if said.rule in one.rules]
        if again:
            store.write(path.with_suffix(".trace"), again[0].trace)
            raw.unlink()
            finding = of_case(again[0], path, target)
            finding.minimized = program == smaller
            return finding
        for suffix in (".vq", ".log", ".trace"):
            path.with_suffix(suffix).unlink()
    # As text it runs otherwise (a larger budget, say): the bytes are the evidence.
    return _as_input(raw, data, target, log_text)


def _as_input(raw: Path, data: bytes, target: str, log_text: str) -> Finding:
    """An input that the target alone stops at: no program, or one that runs fine elsewhere."""
    rule, sentence = from_log(log_text)
    name = digest(data)
    path = FINDINGS / rule / f"{name}.{target}"
    store.write(path.with_suffix(".log"), log_text[-100_000:])
    store.write(path, data)
    raw.unlink()
    return Finding(rule, name, path, target, target, "ROBUSTNESS", sentence, False)


def left_behind() -> tuple[list[Path], list[Path]]:
    """What is on disk: findings, and inputs that nobody has judged."""
    filed = [
        path for path in sorted(FINDINGS.glob("*/*"))
        if UNTRIAGED != path.parent and path.suffix not in (".trace", ".log")
        and path.is_file() and not path.name.startswith(".")
    ]  # fmt: skip
    folders = sorted(UNTRIAGED.iterdir()) if UNTRIAGED.is_dir() else []
    return filed, [path for folder in folders for path in fuzzing.written(folder)]


def _ask_target(target: str, path: Path) -> tuple[bool, str]:
    """Whether the target still stops at an input, and its last words."""
    binary = fuzzing.bin_dir("libfuzzer") / target
    if not binary.is_file():
        return True, f"there is no target {target} any more"
    done = run([str(binary), "-timeout=20", str(path)], SCRATCH / "again.log", limit_s=60)
    return done.code != 0, done.text


def judge_left(raw: Path) -> Finding | None:
    """An input that an earlier campaign did not come to judge; None: nothing stops at it now."""
    target = raw.parent.name
    stops, text = _ask_target(target, raw)
    if stops:
        return triage(raw, target, text)
    raw.unlink()
    return None


def recheck(path: Path) -> Finding | None:
    """An earlier campaign's finding, if it still is one."""
    rule = path.parent.name
    if path.suffix != ".vq":
        target = path.suffix[1:]
        stops, text = _ask_target(target, path)
        sentence = from_log(text)[1]
        again = Finding(rule, path.stem, path, target, target, "ROBUSTNESS", sentence, False)
        again.earlier = True
        return again if stops else None
    if path.name.startswith(KERNEL_PREFIX):
        # Of the kernel alone: it is replayed there like all findings, and judged then.
        log = path.with_suffix(".log")
        words = (log.read_text().splitlines() if log.is_file() else []) or ["FAIL: not said"]
        verdict, _, sentence = words[0].partition(" ")
        sentence = sentence.partition(": ")[2]
        return Finding(rule, path.stem, path, "", "kernel", verdict, sentence, False, earlier=True)
    said = _reproduce(path)
    if said is None:
        return None
    finding = of_case(said, path, "")
    finding.earlier = finding.minimized = True
    return finding


def of_case(judged: tool.Judged, path: Path, target: str) -> Finding:
    """A case that broke a rule, as a finding; `path` is where it lies."""
    worst = next((item for item in judged.said if item.rule == judged.rule), None)
    summary = f"expected {worst.expected}; {worst.actual}" if worst else judged.reason
    rule = judged.rule or "no-rule"
    return Finding(rule, path.stem, path, target, judged.device, judged.verdict, summary, False)
