"""The files that lints look at, and how a lint speaks."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """What is wrong: where (path from the root; line from 1, or 0 for the whole), what to do."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.text}"


class Tree:
    """A checkout: what git tracks or would track. A folder that is no checkout counts whole."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = self._list()

    def _list(self) -> list[str]:
        if not (self.root / ".git").exists():
            found = (p for p in self.root.rglob("*") if p.is_file())
            return sorted(str(p.relative_to(self.root)) for p in found)
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=self.root, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return sorted(p for p in set(listed.stdout.splitlines()) if (self.root / p).is_file())

    def select(self, *suffixes: str, under: tuple[str, ...] = ("",)) -> list[str]:
        return [p for p in self.paths if p.endswith(suffixes) and p.startswith(under)]

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def lines(self, path: str) -> list[str]:
        return self.read(path).splitlines()

    def is_python(self, path: str) -> bool:
        if path.endswith(".py"):
            return True
        name = path.rsplit("/", 1)[-1]
        if "." in name:
            return False
        with (self.root / path).open("rb") as file:
            head = file.read(80).split(b"\n")[0]
        return head.startswith(b"#!") and b"python" in head


def plant(root: Path, files: dict[str, str]) -> Tree:
    """A small tree for a self-test."""
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return Tree(root)
