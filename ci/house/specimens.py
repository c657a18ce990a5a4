"""One planted bug at a time: a patched unit, a small link, its rule's cases.

A specimen is fuzzers/specimens/<id>.patch beside <id>.toml: `id`, `origin`, `symptom`, `rule` (the
one that must catch it), `also` (others that must) and, where they differ from what the rules' ids
find, `cases` and `device`. `hazards` (docs/rfc_v3_audit.md), `reached` (a line) and `triggered` (a
condition) are for readers.
With VA_SPECIMEN the engine's own checks are events, so that the oracle is put to the proof.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from house import tool, variant
from house.shell import ROOT, Broken, Done, relative

FOLDER = ROOT / "fuzzers" / "specimens"
BUILD = ROOT / "build" / "specimens"
TREE = BUILD / "tree"
PORT = "harness/device/reference_port.cc"  # turns failed checks into events
MISSED = ("PASS", "INFORMATIONAL", "UNSUPPORTED", "INCONCLUSIVE", "BROKEN")
_TOUCHES = re.compile(r"^\+\+\+ b/(\S+)", re.M)


class Survived(Exception):
    """A planted bug that its rule does not catch; the text says how it went."""


@dataclass(frozen=True)
class Specimen:
    id: str
    rule: str
    also: tuple[str, ...]
    symptom: str
    cases: tuple[str, ...]
    devices: tuple[str, ...]
    patch: Path
    touches: tuple[str, ...]


def load() -> list[Specimen]:
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
            patch = path.with_suffix(".patch")
            rule = str(data["rule"])
            also = tuple(map(str, data.get("also", [])))
            device = data.get("device")
            found.append(Specimen(
                str(data["id"]), rule, also, str(data["symptom"]),
                tuple(map(str, data.get("cases", [rule, *also]))),
                (str(device),) if device else ("reference:arrival", "reference:inorder"),
                patch, tuple(_TOUCHES.findall(patch.read_text(encoding="utf-8"))),
            ))  # fmt: skip
        except (KeyError, tomllib.TOMLDecodeError, FileNotFoundError) as error:
            raise Broken(f"{relative(path)}: {error}") from error
    if not found:
        raise Broken("fuzzers/specimens holds no specimen")
    return found


def does_not_apply(item: Specimen) -> str | None:
    done = subprocess.run(
        ["git", "apply", "--check", str(item.patch)], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return None
    complaint = (done.stderr.strip().splitlines() or ["git apply failed"])[0]
    return f"{item.id}: does not apply: {complaint}"


def _patched_sources(item: Specimen) -> None:
    """A copy of the sources with the bug in it."""
    variant.copy_sources(TREE)
    done = subprocess.run(
        ["git", "apply", str(item.patch)], cwd=TREE, capture_output=True, text=True, check=False,
        # The copy lies in a checkout, which git must not take for the one to patch.
        env={"PATH": "/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(BUILD)},
    )  # fmt: skip
    if done.returncode != 0:
        raise Survived(f"does not apply: {done.stderr.strip().splitlines()[0]}")


def _must(done: Done, what: str) -> None:
    if done.code != 0:
        raise Broken(f"{what}; see {relative(done.log)}\n{done.tail(5)}")


def build(item: Specimen) -> Path:
    """The tool with the bug in it."""
    folder = BUILD / item.id
    _patched_sources(item)
    folder.mkdir(parents=True, exist_ok=True)
    objects = {}
    for number, unit in enumerate(variant.units((*item.touches, PORT))):
        if unit.is_test:
            continue
        target = folder / f"{number}-{Path(unit.source).stem}.o"
        done = variant.compile_unit(unit, TREE, target, ["-O1", "-DVA_SPECIMEN"])
        _must(done, "does not compile")
        objects[unit.output] = target
    binary = folder / "vassay"
    _must(variant.link("vassay", objects, binary), f"{item.id} does not link")
    return binary


def kill(item: Specimen) -> str:
    """How it was caught; raises Survived if it was not."""
    clean = tool.vassay()
    binary = str(build(item))
    seen: list[str] = []
    caught = ""
    for device in item.devices:
        for judged in tool.run_with(binary, list(item.cases), device, 120):
            if judged.verdict == "BROKEN":
                raise Broken(f"{item.id}: {judged.case}: {judged.reason}")
            rules = [said.rule for said in judged.said if said.verdict not in MISSED]
            if item.rule in rules and not caught:
                caught = f"{item.rule} on {device}, {judged.case}"
            seen += rules
        for judged in tool.run_with(clean, list(item.cases), device, 120):
            if judged.bad:
                raise Survived(f"{judged.case} breaks {judged.rule} on the engine as it is")
    silent = [rule for rule in (item.rule, *item.also) if rule not in seen]
    if silent:
        others = ", ".join(sorted(set(seen))) or "nothing"
        raise Survived(f"{', '.join(silent)} did not speak; what did: {others}")
    shutil.rmtree(BUILD / item.id, ignore_errors=True)
    return ", ".join((caught, *item.also))
