"""Builds by preset."""

from __future__ import annotations

import re
from pathlib import Path

from house.shell import JOBS, ROOT, Broken, Done, relative, run


def bin_dir(preset: str) -> Path:
    return ROOT / "build" / preset / "bin"


def build(preset: str, logs: Path, targets: list[str] | None = None) -> Done:
    """Configures and builds; the result is that of the step that failed, or of the build."""
    done = run(["cmake", "--preset", preset], logs / f"configure-{preset}.log")
    if done.code != 0:
        return done
    command = ["cmake", "--build", "--preset", preset, "--parallel", str(JOBS)]
    if targets:
        command += ["--target", *targets]
    built = run(command, logs / f"build-{preset}.log")
    return Done(built.code, done.seconds + built.seconds, built.log)


def must_build(preset: str, logs: Path, targets: list[str] | None = None) -> Done:
    done = build(preset, logs, targets)
    if done.code != 0:
        match = re.search(r"^.*(?:\berror: |CMake Error|undefined reference).*$", done.text, re.M)
        first = match[0].strip()[:200] if match else "no message"
        raise Broken(f"preset {preset} does not build ({first}); see {relative(done.log)}")
    return done
