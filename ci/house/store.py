"""Results below out/: written by rename, so a file is whole or absent, and guarded by a lock."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from house.shell import ROOT, Broken, relative

OUT = ROOT / "out"
# Below this much free space a campaign does not begin, or comes to its end: what it has found by
# then can still be written.
ROOM_MB = {"begin": 64, "go on": 16}


def explain(error: OSError) -> str:
    """The cause as one sentence with the file; what to do about the usual ones."""
    remedy = {
        errno.ENOSPC: "; make room there", errno.EDQUOT: "; make room there",
        errno.EROFS: "; make it writable", errno.EACCES: "; make it accessible",
    }.get(error.errno or 0, "")  # fmt: skip
    where = f": {relative(Path(error.filename))}" if error.filename else ""
    return f"{error.strerror or error}{where}{remedy}"


def must_have_room(to: str) -> None:
    """Raises Broken where results, build or temporary files have too little space `to` do it."""
    for folder in (OUT, ROOT / "build", Path(tempfile.gettempdir())):
        folder.mkdir(parents=True, exist_ok=True)
        free = os.statvfs(folder)
        megabytes = free.f_bavail * free.f_frsize >> 20
        if megabytes < ROOM_MB[to]:
            raise Broken(
                f"no space to {to}: {megabytes} MB are free in {relative(folder)}, "
                f"and {ROOM_MB[to]} are wanted; make room there"
            )


def write(path: Path, data: str | bytes) -> None:
    """Writes all of `path` or nothing of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.new")
    try:
        scratch.write_bytes(data.encode() if isinstance(data, str) else data)
        os.replace(scratch, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def sweep() -> None:
    """Removes what writers that were killed have left half done; call it under the lock."""
    for scratch in OUT.rglob(".*.new"):
        scratch.unlink()


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
            raise Broken(
                f"another one runs in this checkout (process {owner}); wait for it or end it"
            ) from None
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
