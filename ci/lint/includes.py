"""The include graph and the CMake link lists of harness/ point one way.

The table is layers.py. Both are held, since either alone could be walked around: an include without
a link of header-only code, a link without an include through a forward declaration.
"""

from __future__ import annotations

import re
from pathlib import Path

from layers import MAY_USE, module_of
from tree import Problem, Tree, plant

_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
_LIBRARY = re.compile(r"va_library\(\s*(\w+)([^)]*)\)", re.S)
_LINK = re.compile(r"target_link_libraries\(\s*va_(\w+)([^)]*)\)", re.S)


def _includes(tree: Tree, path: str, module: str) -> list[Problem]:
    problems = []
    for number, line in enumerate(tree.lines(path), start=1):
        match = _INCLUDE.match(line)
        if not match:
            continue
        header = match[1]
        if header.startswith("."):
            problems.append(Problem(path, number, f'"{header}": write it relative to harness/'))
            continue
        used = header.split("/")[0]
        if "/" not in header or used == module or used not in MAY_USE:
            continue
        if used not in MAY_USE[module]:
            problems.append(Problem(path, number, f"{module} must not include {used} ({header})"))
    return problems


def _links(tree: Tree, path: str) -> list[Problem]:
    text = "\n".join(line.split("#")[0] for line in tree.lines(path))
    uses: list[tuple[str, str]] = []
    for match in _LIBRARY.finditer(text):
        words = match[2].split()
        if "DEPS" in words:
            rest = words[words.index("DEPS") + 1 :]
            for word in rest:
                if word in ("SRCS", "TESTS"):
                    break
                uses.append((match[1], word))
    for match in _LINK.finditer(text):
        uses += [(match[1], word[3:]) for word in match[2].split() if word.startswith("va_")]
    problems = []
    for module, used in uses:
        # A module may be made of several libraries; the folder is what counts.
        owner = module_of(path) or module
        if used in MAY_USE and used != owner and used not in MAY_USE.get(owner, frozenset()):
            problems.append(Problem(path, 0, f"{module} ({owner}) must not link {used}"))
    return problems


def check(tree: Tree) -> list[Problem]:
    problems = []
    for path in tree.select(".cc", ".h", "CMakeLists.txt", under=("harness/", "fuzzers/")):
        module = module_of(path)
        if module is None:
            continue
        if module not in MAY_USE:
            problems.append(Problem(path, 0, f"{module} has no row in ci/lint/layers.py"))
        elif path.endswith("CMakeLists.txt"):
            problems += _links(tree, path)
        else:
            problems += _includes(tree, path, module)
    return problems


def bad(root: Path) -> Tree:
    return plant(root, {"harness/oracle/a.cc": '#include "engine/engine.h"\n'})


def good(root: Path) -> Tree:
    cmake = "va_library(oracle SRCS a.cc DEPS base trace)\n"
    source = '#include "oracle/a.h"\n#include "trace/trace.h"\n'
    return plant(root, {"harness/oracle/a.cc": source, "harness/oracle/CMakeLists.txt": cmake})
