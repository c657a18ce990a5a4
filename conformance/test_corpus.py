"""What holds for every case as a file: canonical text, and the same trace whenever it is run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from vassay import ROOT, Batch, Tool


def test_text_is_canonical(tool: Tool, case: str) -> None:
    done = tool.run("fmt", case)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (ROOT / case).read_text(), f"vassay fmt {case} prints the canonical text"


def test_same_trace_twice(batch: Batch, case: str) -> None:
    if not batch.device.startswith("reference"):
        pytest.skip("byte-equal traces are promised by the reference engine only")
    assert batch.run(case).raw == batch.run(case).raw


def test_text_and_bytes_hold_the_same_program(tool: Tool, case: str, tmp_path: Path) -> None:
    """decode(encode(case)) is a fixed point: encoding its text again gives the same bytes."""
    first = tool.run("decode", str(encoded(tool, case, tmp_path / "first")))
    again = tmp_path / "again.vq"
    again.write_text(first.stdout)
    second = tool.run("decode", str(encoded(tool, str(again), tmp_path / "second")))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout


def encoded(tool: Tool, case: str, to: Path) -> Path:
    with to.open("wb") as file:
        subprocess.run([str(tool.path), "encode", case], cwd=ROOT, stdout=file, check=True)
    return to
