"""Findings: an input that a target stopped at becomes a small program with a rule, on disk.

An input is on disk before anybody judges it (libFuzzer writes it to out/findings/untriaged), and
it leaves that folder only when its finding is written: a campaign that is killed loses nothing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from house import store, tool
from house.build import relative

FINDINGS = store.OUT / "findings"
UNTRIAGED = FINDINGS / "untriaged"
DEVICES = ("reference:arrival", "reference:inorder")

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

    def as_json(self) -> dict[str, object]:
        return {
            "rule": self.rule, "case": relative(self.path), "target": self.target,
            "device": self.device, "verdict": self.verdict, "summary": self.summary,
            "minimized": self.minimized, "earlier": self.earlier, "kernel": self.kernel or None,
        }  # fmt: skip


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


def _minimized(text: str, rule: str, device: str, scratch: Path) -> str | None:
    store.write(scratch, text)
    arguments = ["minimize", "--rule", rule, "--device", device, str(scratch)]
    smaller = tool.text_of(arguments, limit_s=60)
    scratch.unlink()
    return smaller or None


def triage(raw: Path, target: str, log_text: str) -> Finding:
    """Files one input under its rule; `raw` is gone when the finding is whole."""
    data = raw.read_bytes()
    said = _reproduce(raw)
    text = tool.text_of(["decode", str(raw)]) if said else None
    if said is None or text is None or not said.rule:
        return _as_input(raw, data, target, log_text)
    smaller = _minimized(text, said.rule, said.device, UNTRIAGED / f"{raw.name}.vq")
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
    """What is on disk: programs with a rule, and inputs that nobody has judged."""
    filed: list[Path] = []
    raw: list[Path] = []
    if FINDINGS.is_dir():
        for path in sorted(FINDINGS.rglob("*")):
            if not path.is_file() or path.name.startswith("."):
                continue
            if UNTRIAGED in path.parents:
                raw.append(path)
            elif path.suffix not in (".trace", ".log"):
                filed.append(path)
    return filed, raw


def recheck(path: Path) -> Finding | None:
    """An earlier campaign's finding, if it still is one."""
    rule = path.parent.name
    if path.suffix != ".vq":
        target = path.suffix[1:]
        summary = "an earlier campaign's input; run the target on it"
        return Finding(
            rule, path.stem, path, target, target, "ROBUSTNESS", summary, False, earlier=True
        )
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
