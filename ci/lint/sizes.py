"""A function fits a screen (70 lines), a source file stays within 500, a line within 100 columns.

A longer function carries a comment `long: WHY` directly above it or in its first line; a longer
file has one in its first 30 lines. Tables and grammars earn it, control flow rarely does.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tree import Problem, Tree, plant

MAX_FUNCTION = 70
MAX_FILE = 500
MAX_COLUMNS = 100
EXCUSE = re.compile(r"(//|#) long: \w+")
_QUIET = re.compile(
    r"""R"(\w*)\(.*?\)\1"      # a raw string
      | //[^\n]* | /\*.*?\*/
      | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])+'""",
    re.S | re.X,
)
_SCOPE = re.compile(r"\b(namespace|class|struct|union|extern)\b")


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def cpp_functions(text: str) -> list[tuple[int, int]]:
    """First and last line of each function body's braces at namespace or class level."""
    code = _QUIET.sub(_blank, text)
    # Digit separators would have been taken for characters; they do not matter here.
    code = re.sub(r"(?m)^\s*#[^\n]*(\\\n[^\n]*)*", _blank, code)
    stack: list[tuple[bool, int]] = []  # (is a function, line)
    found = []
    line, since = 1, 0
    for at, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char == "{":
            head = code[since:at].strip()
            outside = all(not inside for inside, _ in stack)
            scope = bool(_SCOPE.search(head)) and ")" not in head
            is_function = outside and not scope and ")" in head and not head.endswith("=")
            stack.append((is_function or not outside, line if is_function else 0))
            since = at + 1
        elif char == "}":
            if stack:
                _, first = stack.pop()
                if first:
                    found.append((first, line))
            since = at + 1
        elif char == ";":
            since = at + 1
    return found


def python_functions(text: str) -> list[tuple[int, int]]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds)
    ]


def _source(tree: Tree, path: str, python: bool) -> list[Problem]:
    source = tree.read(path)
    lines = source.splitlines()
    problems = []
    if len(lines) > MAX_FILE and not any(EXCUSE.search(line) for line in lines[:30]):
        problems.append(Problem(path, 0, f"{len(lines)} lines, the limit is {MAX_FILE}: split it"))
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_COLUMNS:
            text = f"{len(line)} columns, the limit is {MAX_COLUMNS}"
            problems.append(Problem(path, number, text))
    try:
        functions = python_functions(source) if python else cpp_functions(source)
    except SyntaxError as error:
        return [*problems, Problem(path, error.lineno or 0, f"not Python 3.11: {error.msg}")]
    for first, last in functions:
        if last - first + 1 <= MAX_FUNCTION:
            continue
        if any(EXCUSE.search(line) for line in lines[max(0, first - 8) : first + 1]):
            continue
        text = f"a function of {last - first + 1} lines, {MAX_FUNCTION} fit a screen"
        problems.append(Problem(path, first, text))
    return problems


def check(tree: Tree) -> list[Problem]:
    problems = []
    for path in tree.paths:
        if path.endswith((".cc", ".h")):
            problems += _source(tree, path, python=False)
        elif tree.is_python(path):
            problems += _source(tree, path, python=True)
    return problems


def bad(root: Path) -> Tree:
    body = "  ++n;\n" * 80
    return plant(root, {"a.cc": f"namespace va {{\nvoid f(int n) {{\n{body}}}\n}}\n"})


def good(root: Path) -> Tree:
    body = "  ++n;\n" * 60
    text = f"namespace va {{\nvoid f(int n) {{\n{body}}}\nvoid g(int n) {{\n{body}}}\n}}\n"
    return plant(root, {"a.cc": text})
