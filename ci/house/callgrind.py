"""Reads callgrind's output: how often a function was called, and what its calls cost in all."""

from __future__ import annotations

import re

_NAME = re.compile(r"^(c?)fn=\((\d+)\)(?: (.*))?$")


def inclusive(text: str, prefix: str) -> tuple[int, int]:
    """(calls, instructions including callees) of the functions whose name begins with `prefix`.

    Callgrind writes a call as three lines: `cfn=(id) name`, where the name stands only the first
    time, `calls=COUNT POSITION`, and `POSITION COST`. Recursive functions would count twice.
    """
    names: dict[str, str] = {}
    calls = cost = 0
    callee = ""
    counting = 0
    for line in text.splitlines():
        if counting:
            cost += int(line.split()[1])
            calls += counting
            counting = 0
        elif match := _NAME.match(line):
            if match[3]:
                names[match[2]] = match[3]
            if match[1]:
                callee = names.get(match[2], "")
        elif line.startswith("calls=") and callee.startswith(prefix):
            counting = int(line[6:].split()[0])
    return calls, cost
