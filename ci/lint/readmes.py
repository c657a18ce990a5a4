"""Every folder has a README.md, of at most 15 lines, that says what belongs in it."""

from __future__ import annotations

from pathlib import Path

from tree import Problem, Tree, plant

MAX_LINES = 15


def check(tree: Tree) -> list[Problem]:
    folders = set()
    for path in tree.paths:
        parts = path.split("/")[:-1]
        folders |= {"/".join(parts[: n + 1]) for n in range(len(parts))}
    problems = []
    for folder in sorted(folders):
        if folder.startswith("."):
            continue
        readme = f"{folder}/README.md"
        if readme not in tree.paths:
            problems.append(Problem(folder, 0, "has no README.md"))
        elif (count := len(tree.lines(readme))) > MAX_LINES:
            problems.append(Problem(readme, 0, f"{count} lines, the limit is {MAX_LINES}"))
    return problems


def bad(root: Path) -> Tree:
    return plant(root, {"ci/run": "#!/bin/bash\n"})


def good(root: Path) -> Tree:
    return plant(root, {"ci/run": "#!/bin/bash\n", "ci/README.md": "# ci\n"})
