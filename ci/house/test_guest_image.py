"""Tests of ci/guest-image on kernels that are given by path."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(folder: Path, kernel: str, *more: str) -> subprocess.CompletedProcess[str]:
    agent = folder / "agent"
    agent.write_text("an agent")
    command = [str(ROOT / "ci" / "guest-image"), "--kernel", kernel, "--agent", str(agent),
               "--out", str(folder / "image"), *more]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False)


def bzimage(path: Path, body: bytes) -> Path:
    head = bytearray(1024)
    head[0x1F1] = 1
    head[0x1F4:0x1F8] = (len(body) // 16).to_bytes(4, "little")
    head[0x202:0x206] = b"HdrS"
    path.write_bytes(bytes(head) + body)
    return path


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "no such kernel image"), (b"\0" * 4096, "no bzImage"), (b"", "no bzImage")],
)
def test_what_is_no_kernel_leaves_no_folder(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "bzImage"
    if content is not None:
        path.write_bytes(content)
    done = make(tmp_path, str(path))
    assert done.returncode == 3 and not (tmp_path / "image").exists()
    assert done.stderr.startswith(f"guest-image: {path}: {complaint}")
    assert done.stderr.count("\n") == 1


def test_a_kernel_cut_short_or_without_modules(tmp_path: Path) -> None:
    path = bzimage(tmp_path / "bzImage", b"x" * 160)
    done = make(tmp_path, str(path), "--modules", str(tmp_path / "none"))
    assert done.returncode == 3 and "no such modules directory" in done.stderr
    path.write_bytes(path.read_bytes()[:-1])
    done = make(tmp_path, str(path))
    assert done.returncode == 3 and "cut short, 1183 of 1184 bytes" in done.stderr
    assert not (tmp_path / "image").exists()


def test_a_kernel_that_was_built_anew_is_taken_anew(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "tun.ko").write_text("one")
    path = bzimage(tmp_path / "bzImage", b"1" * 160)
    (tmp_path / "image" / "tmpkilled").mkdir(parents=True)
    for body, module in ((b"1", "one"), (b"2", "one"), (b"2", "another")):
        bzimage(path, body * 160)
        (modules / "tun.ko").write_text(module)
        done = make(tmp_path, str(path), "--modules", str(modules))
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
        assert (tmp_path / "image" / "vmlinuz").read_bytes() == path.read_bytes()
        assert (tmp_path / "image" / "modules" / "tun.ko").read_text() == module
    assert not (tmp_path / "image" / "tmpkilled").exists()
