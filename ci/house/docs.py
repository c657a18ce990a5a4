"""Runs what the documents tell the reader to type: every `sh` fence of README.md and HACKING.md.

A comment above a fence says how the test differs from the reader's run:

    <!-- run: COMMAND -->   a cheaper variant is run in place of the block
    <!-- exit: N [N…] -->   the block ends with N, or one of them (0 if nothing is said)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from house.shell import ROOT, run
from house.stages import Failed

DOCUMENTS = ("README.md", "docs/HACKING.md")
_NOTE = re.compile(r"^<!-- (run|exit): (.*) -->$")


@dataclass(frozen=True)
class Block:
    path: str
    line: int
    script: str
    codes: tuple[int, ...]


def blocks(path: str, text: str) -> list[Block]:
    found: list[Block] = []
    notes: dict[str, str] = {}
    script: list[str] | None = None
    first = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if script is not None:
            if line.startswith("```"):
                body = notes.get("run", "\n".join(script))
                codes = tuple(int(code) for code in notes.get("exit", "0").split())
                found.append(Block(path, first, body, codes))
                script, notes = None, {}
            else:
                script.append(line)
        elif line.startswith("```sh"):
            script, first = [], number
        elif match := _NOTE.match(line):
            notes[match[1]] = match[2]
        elif line.strip():
            notes = {}
    return found


def run_all(logs: Path) -> str:
    wrong: list[str] = []
    count = 0
    for path in DOCUMENTS:
        for block in blocks(path, (ROOT / path).read_text(encoding="utf-8")):
            count += 1
            log = logs / f"docs-{Path(path).stem.lower()}-{block.line}.log"
            done = run(["bash", "-euo", "pipefail", "-c", block.script], log, limit_s=600)
            where = f"{path}:{block.line}"
            first = block.script.splitlines()[0]
            print(f"   {where:22} {done.seconds:6.1f} s  {first}", flush=True)
            if done.code not in block.codes:
                expected = " or ".join(map(str, block.codes))
                wrong.append(f"{where}: exit {done.code}, expected {expected}\n{done.tail()}")
    if wrong:
        raise Failed(f"{len(wrong)} of {count} documented commands fail\n" + "\n".join(wrong))
    return f"{count} documented commands"
