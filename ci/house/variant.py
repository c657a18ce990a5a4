"""The engine changed a little: a copy of the sources, the units that a change reaches, and a link
with what preset dev has built. What ci/specimens and ci/mutants are made with."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from house.shell import ROOT, Done, run

DEV = ROOT / "build" / "dev"


def copy_sources(tree: Path) -> None:
    """The sources as they are, at `tree`: always the same place, so that ccache knows what no
    change touches."""
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT / "harness", tree / "harness")


@dataclass(frozen=True)
class Unit:
    """A source that preset dev compiles; paths from the root and from build/dev."""

    source: str
    output: str
    command: str

    @property
    def is_test(self) -> bool:
        return self.source.endswith("_test.cc")


@cache
def _all_units() -> tuple[Unit, ...]:
    units = []
    for entry in json.loads((DEV / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        source = str(Path(entry["file"]).relative_to(ROOT))
        units.append(Unit(source, words[words.index("-o") + 1], entry["command"]))
    return tuple(units)


@cache
def _includers() -> dict[str, set[str]]:
    """By header: outputs of the units that include it, as the last build of preset dev saw it."""
    listed = subprocess.run(
        ["ninja", "-C", str(DEV), "-t", "deps"], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, set[str]] = {}
    output = ""
    for line in listed.splitlines():
        if line and not line.startswith(" "):
            output = line.split(":")[0]
        elif line.endswith(".h"):
            found.setdefault(str((DEV / line.strip()).resolve()), set()).add(output)
    return found


def units(touches: tuple[str, ...]) -> list[Unit]:
    """Those that a change of these files reaches, also through a header, tests among them; fuzz
    targets are not."""
    outputs = set()
    for path in touches:
        outputs |= _includers().get(str(ROOT / path), set()) if path.endswith(".h") else set()
    reached = [unit for unit in _all_units() if unit.output in outputs or unit.source in touches]
    return sorted(
        (unit for unit in reached if not unit.source.startswith("fuzzers/")),
        key=lambda unit: unit.output,
    )


def compile_unit(unit: Unit, tree: Path, target: Path, flags: list[str]) -> Done:
    """Compiles the unit as it lies in `tree`; warnings do not matter."""
    command = ["ccache"] if shutil.which("ccache") else []
    skip = False
    for word in shlex.split(unit.command):
        if skip:
            skip = False
        elif word in ("-o", "-c"):
            skip = True
        elif word not in ("-O2", "-Werror", "ccache") and not word.endswith("/ccache"):
            command.append(word.replace(str(ROOT / "harness"), str(tree / "harness")))
    command += ["-w", *flags, "-o", str(target), "-c", str(tree / unit.source)]
    return run(command, target.with_suffix(".log"))


@cache
def _link_line(wanted: str) -> str:
    listed = subprocess.run(
        ["ninja", "-C", str(DEV), "-t", "commands", wanted], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return listed.stdout.splitlines()[-1]


def link(program: str, objects: dict[str, Path], binary: Path) -> Done:
    """Links a program of preset dev with `objects`, by the output that each stands for. Those of a
    library that it links stand before the libraries, so they win; one of its own takes that one's
    place. Without debug information, which takes most of a link's time."""
    line = _link_line(f"bin/{program}")
    words = []
    for output, path in objects.items():
        folder, _, target = output.partition("/CMakeFiles/")
        library = f"{folder}/lib{target.split('.dir/')[0]}.a"
        if f" {output} " in line:
            line = line.replace(f" {output} ", f" {path} ")
        elif f" {library} " in line:
            words.append(str(path))
    line = line.replace(f"-o bin/{program}", f"{' '.join(words)} -Wl,-S -o {binary}")
    command = ["bash", "-c", f"cd {shlex.quote(str(DEV))} && {line}"]
    return run(command, binary.with_suffix(".link.log"))
