"""C++ is formatted by .clang-format; every text file ends in one newline, without stray blanks.

The replacement for a complaint is always the same: clang-format-14 -i FILE.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tree import Problem, Tree, plant

CPP = (".cc", ".h")
TEXT = (*CPP, ".py", ".md", ".toml", ".txt", ".cmake", ".vq", ".json", ".yml")
_REPORT = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+):\d+: ")
_STYLE = Path(__file__).resolve().parents[2] / ".clang-format"


def _unformatted(tree: Tree) -> list[Problem]:
    paths = [p for p in tree.select(*CPP) if "/testdata/" not in p]
    if not paths:
        return []
    done = subprocess.run(
        ["clang-format-14", f"--style=file:{_STYLE}", "--dry-run", "-Werror", *paths],
        cwd=tree.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    first: dict[str, int] = {}
    for line in done.stderr.splitlines():
        if match := _REPORT.match(line):
            first.setdefault(match["path"], int(match["line"]))
    if done.returncode != 0 and not first:
        raise RuntimeError(f"clang-format-14 failed: {done.stderr.strip()[:300]}")
    return [
        Problem(path, line, f"not formatted; run: clang-format-14 -i {path}")
        for path, line in sorted(first.items())
    ]


def _untidy(tree: Tree, path: str) -> list[Problem]:
    text = tree.read(path)
    problems = []
    if text and not text.endswith("\n"):
        problems.append(Problem(path, text.count("\n") + 1, "no newline at the end"))
    if text.endswith("\n\n"):
        problems.append(Problem(path, text.count("\n"), "blank lines at the end"))
    for number, line in enumerate(text.splitlines(), start=1):
        if line != line.rstrip():
            problems.append(Problem(path, number, "blanks at the end of the line"))
        if "\t" in line:
            problems.append(Problem(path, number, "a tab; use spaces"))
    return problems


def check(tree: Tree) -> list[Problem]:
    problems = _unformatted(tree)
    for path in tree.paths:
        if "/testdata/" in path or not (path.endswith(TEXT) or tree.is_python(path)):
            continue
        problems += _untidy(tree, path)
    return problems


def bad(root: Path) -> Tree:
    return plant(root, {"harness/base/a.cc": "int  f( ) {return 1;}\n"})


def good(root: Path) -> Tree:
    return plant(root, {"harness/base/a.cc": "int f() {\n  return 1;\n}\n"})
