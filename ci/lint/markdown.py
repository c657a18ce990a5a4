"""A document has one title, links that lead somewhere, and fences that say their language."""

from __future__ import annotations

import re
from pathlib import Path

from tree import Problem, Tree, plant

_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")


def _document(tree: Tree, path: str) -> list[Problem]:
    problems = []
    titles = 0
    fenced = False
    for number, line in enumerate(tree.lines(path), start=1):
        if line.startswith("```"):
            if not fenced and line.strip() == "```":
                problems.append(Problem(path, number, "a fence without language (sh, text, …)"))
            fenced = not fenced
            continue
        if fenced:
            continue
        titles += line.startswith("# ")
        for match in _LINK.finditer(line):
            target = match[1]
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (tree.root / path).parent.joinpath(target).exists():
                problems.append(Problem(path, number, f"link to {target}, which is not there"))
    if titles != 1:
        problems.append(Problem(path, 1, f"{titles} titles (`# …`), expected one"))
    if fenced:
        problems.append(Problem(path, 0, "a fence is not closed"))
    return problems


def check(tree: Tree) -> list[Problem]:
    return [problem for path in tree.select(".md") for problem in _document(tree, path)]


def bad(root: Path) -> Tree:
    return plant(root, {"a.md": "# A\n\n[b](b.md)\n"})


def good(root: Path) -> Tree:
    linked = "# B\n\n```sh\nls  # not a title\n```\n"
    return plant(root, {"a.md": "# A\n\n[b](b.md)\n", "b.md": linked})
