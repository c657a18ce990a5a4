"""Results below out/: written by rename, so a file is whole or absent, and guarded by a lock."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from house.shell import ROOT, Broken

OUT = ROOT / "out"


def write(path: Path, data: str | bytes) -> None:
    """Writes all of `path` or nothing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_bytes(data.encode() if isinstance(data, str) else data)
    os.replace(scratch, path)


def write_json(path: Path, value: Any) -> None:
    write(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


class Lock:
    """One writer of out/ at a time. It lies below build/, since out/ may be deleted at any time."""

    def __init__(self, name: str) -> None:
        self.path = ROOT / "build" / f"{name}.lock"
        self.file: IO[str] | None = None

    def __enter__(self) -> Lock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = self.path.open("a+")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.file.seek(0)
            owner = self.file.read()
            raise Broken(f"another one runs in this checkout (process {owner})") from None
        self.file.truncate(0)
        self.file.write(str(os.getpid()))
        self.file.flush()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.file:
            self.file.close()
