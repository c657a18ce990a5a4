"""Tests of a campaign that does not go well: ended, killed, out of space, without a guest."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from house import afl, campaign, conduct, course, findings, fuzzing, kernel  # noqa: E402
from house import report, store, tool  # noqa: E402
from house.campaign import Slice  # noqa: E402
from house.shell import Broken  # noqa: E402
from house.test_house import is_gone  # noqa: E402
from house.tool import Judged  # noqa: E402

STARTED = "INFO: Loaded 1 modules   (420 inline 8-bit counters): 420 [0x1, 0x2),"
WORKED = "#1024\tNEW    cov: 100 ft: 205 corp: 30/9Kb lim: 99 exec/s: 512 rss: 31Mb"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """out/ and build/ elsewhere."""
    out = tmp_path / "out"
    monkeypatch.setattr(store, "OUT", out)
    monkeypatch.setattr(findings, "FINDINGS", out / "findings")
    monkeypatch.setattr(findings, "UNTRIAGED", out / "findings" / "untriaged")
    monkeypatch.setattr(findings, "SCRATCH", tmp_path / "scratch")
    monkeypatch.setattr(report, "REPORT", out / "report")
    monkeypatch.setattr(conduct, "MARKER", out / "logs" / "campaign.running")
    monkeypatch.setattr(campaign, "LOGS", out / "logs")
    monkeypatch.setattr(campaign, "WORK", tmp_path / "work")
    monkeypatch.setattr(campaign, "SEEDS", tmp_path / "work" / "seeds")
    monkeypatch.setattr(fuzzing, "bin_dir", lambda preset: tmp_path)
    return tmp_path


def target(folder: Path, *lines: str, name: str = "avail_index") -> None:
    """A fuzz target that says that it started, and does the rest as told."""
    script = folder / name
    script.write_text("\n".join(["#!/bin/bash", f"echo '{STARTED}'", *lines]) + "\n")
    script.chmod(0o755)


def fuzz(seconds: float = 1.0) -> campaign.Fuzzed:
    fuzzed = campaign.Fuzzed()
    campaign.fuzz([Slice("avail_index", seconds)], 1, 1, lambda *_: None, fuzzed)
    return fuzzed


@pytest.mark.parametrize(
    ("targets", "jobs", "expected"),
    [(1, 2, [10.0, 10.0]), (2, 2, [10.0, 10.0]), (3, 2, [5.0, 5.0, 5.0]), (2, 1, [5.0, 5.0])],
)
def test_the_budget_is_wall_time(targets: int, jobs: int, expected: list[float]) -> None:
    parts = campaign.plan([f"t{number}" for number in range(targets)], 10.0, jobs)
    assert [part.seconds for part in parts] == expected


def test_a_target_that_is_killed_once_goes_on(house: Path) -> None:
    once = house / "once"
    target(house, f"echo '{WORKED}'", f"[ -e {once} ] || {{ touch {once}; kill -9 $$; }}")
    fuzzed = fuzz(3.0)
    assert fuzzed.notes == ["avail_index was ended by SIGKILL after 0 s and left no input"]
    assert fuzzed.runs["avail_index"].executions == 2048


def test_a_target_that_only_dies_fails_the_campaign(house: Path) -> None:
    target(house, f"echo '{WORKED}'", "exit 9")
    with pytest.raises(Broken, match="avail_index ended with 9 .* 4 times; see"):
        fuzz(30.0)


@pytest.mark.parametrize("line", ["exit 0", "exit 127"])
def test_a_target_that_does_nothing_fails_the_campaign(house: Path, line: str) -> None:
    target(house, line)
    with pytest.raises(Broken, match="avail_index did not start"):
        fuzz()


def test_what_is_not_judged_when_a_campaign_ends_stays(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = findings.UNTRIAGED / "avail_index" / "1-crash-1"
    target(house, f"echo '{WORKED}'", f"echo x > {raw}", "sleep 60")
    fuzzed = campaign.Fuzzed()

    def tell(*_: object) -> None:
        if raw.exists():
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        campaign.fuzz([Slice("avail_index", 60)], 1, 1, tell, fuzzed)
    assert time.monotonic() - began < 10
    assert fuzzed.runs["avail_index"].executions == 1024
    assert findings.left_behind() == ([], [raw])


def test_left_behind_is_what_somebody_found(house: Path) -> None:
    for name in ("slow-unit-1", ".x.vq.new"):
        store.write(findings.UNTRIAGED / "avail_index" / name, "x")
    kernels = findings.FINDINGS / "USD-03" / "kernel-1.vq"
    store.write(kernels, "kick tx\n")
    store.write(kernels.with_suffix(".log"), "FAIL USD-03: expected one; two\n")
    assert findings.left_behind() == ([kernels], [])
    found = findings.recheck(kernels)
    assert found is not None
    assert (found.device, found.verdict, found.summary) == ("kernel", "FAIL", "expected one; two")


def test_an_input_that_stops_nothing_any_more_goes(house: Path) -> None:
    target(house, "exit 0")
    raw = findings.UNTRIAGED / "avail_index" / "crash-1"
    store.write(raw, "x")
    assert findings.judge_left(raw) is None and not raw.exists()


def test_only_what_is_judged_as_a_program_is_filed_as_one(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "run", lambda *_: pytest.fail("not to be run"))
    raw = findings.UNTRIAGED / "agent_frames" / "crash-1"
    store.write(raw, "x")
    assert findings.triage(raw, "agent_frames", "vassay-bug: x.cc:1: no").rule == "suite-bug"


def answers(*verdicts: str) -> list[Judged]:
    return [Judged("x.vq", "kernel", "6.1", verdict, "why") for verdict in verdicts]


@pytest.mark.parametrize(
    ("verdicts", "complaint"),
    [
        ((), "vassay ended after 0 of 2 programs"),
        (("PASS",), "vassay ended after 1 of 2 programs"),
        (("BROKEN",), "no guest: why"),
        (("PASS", "BROKEN", "BROKEN", "BROKEN", "BROKEN"), "no guest: why"),
        (("UNSUPPORTED", "UNSUPPORTED"), "the kernel executed none of 2 programs"),
    ],
)
def test_a_replay_that_says_nothing_fails_the_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdicts: tuple[str, ...], complaint: str
) -> None:
    monkeypatch.setattr(tool, "batch", lambda *_: (one for one in answers(*verdicts)))
    log = tmp_path / "log"
    log.touch()
    said = kernel.Said(shaped=2)
    with pytest.raises(Broken, match=complaint):
        list(kernel.replay([Path(f"{i}.vq") for i in range(max(2, len(verdicts)))], log, said))


def test_one_program_that_the_guest_fails_on_is_named_and_the_replay_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tool, "batch", lambda *_: (one for one in answers("PASS", "BROKEN", "PASS"))
    )
    said = kernel.Said(shaped=3)
    programs = [Path(f"{i}.vq") for i in range(3)]
    assert len(list(kernel.replay(programs, tmp_path / "log", said))) == 3
    assert said.verdicts["BROKEN"] == 1


def test_there_is_something_to_replay(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="no program"):
        list(kernel.replay([], tmp_path / "log", kernel.Said()))


def test_no_guest_is_known_before_the_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Broken, match="run: apt-get install qemu-system-x86"):
        kernel.prepare(tmp_path / "log")


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "ended by Ctrl-C; what was found so far is in out/findings"),
        (KeyboardInterrupt("SIGTERM"), 130, "ended by SIGTERM; "),
        (Broken("no guest"), 3, "the campaign failed: no guest"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x"), 3,
         "the campaign failed: No space left on device: /x; make room there"),
    ],
)  # fmt: skip
def test_a_campaign_that_ends_early_says_what_is_there(
    house: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    error: BaseException, code: int, sentence: str,
) -> None:  # fmt: skip
    raw = findings.UNTRIAGED / "avail_index" / "crash-1"
    store.write(raw, "x")
    filed = findings.FINDINGS / "USD-03" / "abc.vq"
    store.write(filed, "kick tx\n")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(conduct, "must_build", fail)
    args = argparse.Namespace(targets=None, seconds=1.0, jobs=1, seed=1, afl=None)
    assert conduct.conduct(argparse.ArgumentParser(), args) == code
    said = capsys.readouterr()
    assert said.err.startswith(f"ci/campaign: {sentence}") and said.err.count("\n") == 1
    listed = "left by earlier campaigns: 1 finding(s), 1 input(s) not judged yet"
    assert listed in said.out and str(raw) in said.out and str(filed) in said.out
    assert (report.REPORT / "report.json").exists() and not conduct.MARKER.exists()


def test_the_next_start_knows_that_one_was_killed(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.write(conduct.MARKER, "1\n")
    store.write(store.OUT / "corpus" / "x" / ".1.vq.new", "half")
    conduct.list_left(course.Course(1.0, 1))
    assert "an earlier campaign was ended in the middle" in capsys.readouterr().out
    assert list((store.OUT / "corpus" / "x").iterdir()) == []


def test_a_full_disk_is_known_before_it_hurts(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.must_have_room("begin")
    monkeypatch.setitem(store.ROOM_MB, "begin", 1 << 40)
    with pytest.raises(Broken, match=r"no space to begin: \d+ MB are free in .*; make room"):
        store.must_have_room("begin")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("a file where a folder is wanted")
    with pytest.raises(OSError) as caught:
        store.write(tmp_path / "x" / "y", "data")
    assert "x" in store.explain(caught.value)


def test_a_killed_campaign_takes_along_what_its_children_started(tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).resolve().parents[1])!r})\n"
        "import os, signal, time; from pathlib import Path; from house.shell import start\n"
        f"log = Path({str(tmp_path / 'log')!r})\n"
        "start(['bash', '-c', 'trap \"\" TERM; sleep 987 & echo $!; wait'], log)\n"
        "while not log.read_text(): time.sleep(0.01)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert is_gone(int((tmp_path / "log").read_text()))


AFL_STATS = """run_time          : 20
execs_done        : 5000
corpus_count      : 3
edges_found       : 90
total_edges       : 400
"""


def test_what_afl_leaves_meets_what_libfuzzer_leaves(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queues join the corpus under libFuzzer's names, crashes and hangs the untriaged."""
    instances = [house / "run" / name for name in (afl.PLAIN, afl.ASAN)]
    for number, folder in enumerate(instances):
        for what in ("queue", "crashes", "hangs"):
            (folder / what).mkdir(parents=True)
        (folder / "fuzzer_stats").write_text(AFL_STATS)
        (folder / "queue" / "id:000000,orig:zero").write_bytes(b"same")
        (folder / "queue" / f"id:00000{number + 1}").write_bytes(b"new" * (number + 1))
        (folder / "crashes" / "README.txt").write_text("not an input")
    (instances[1] / "crashes" / "id:000000,sig:06").write_bytes(b"stops")
    (instances[0] / "hangs" / "id:000000").write_bytes(b"hangs")
    corpus = house / "corpus"
    ran = afl._gather("avail_index", instances, corpus)
    assert (ran.executions, ran.seconds, ran.edges_covered) == (10000, 20.0, 90)
    assert sorted(path.read_bytes() for path in corpus.iterdir()) == [b"new", b"newnew", b"same"]
    assert all(len(path.name) == 40 for path in corpus.iterdir())
    assert sorted(path.name.split("-")[1] for path in ran.artifacts) == ["crash", "timeout"]
    assert findings.left_behind()[1] == ran.artifacts

    target(house, "exit 0")
    found, notes = afl.triage(ran)
    assert not found and len(notes) == 2 and not findings.left_behind()[1]


def test_afl_mutates_a_target_as_libfuzzer_does() -> None:
    assert afl.environment("mergeable_rx")["VASSAY_PROFILE"] == "kReceive"
    for name in fuzzing.written_targets():
        mutates = "AFL_CUSTOM_MUTATOR_LIBRARY" in afl.environment(name)
        assert mutates == fuzzing.takes_programs(name), name


@pytest.mark.parametrize(
    ("afl_option", "seconds", "expected"),
    [(None, 600.0, 0.0), (None, 36000.0, 3600.0), (100.0, 600.0, 100.0), (0.0, 36000.0, 0.0)],
)
def test_what_afl_gets_of_the_budget(
    afl_option: float | None, seconds: float, expected: float
) -> None:
    args = argparse.Namespace(afl=afl_option, seconds=seconds)
    assert conduct.afl_share(argparse.ArgumentParser(), args, 10) == expected


@pytest.mark.parametrize("afl_option", [600.0, 49.0, -1.0])
def test_a_budget_for_afl_that_cannot_be(afl_option: float) -> None:
    args = argparse.Namespace(afl=afl_option, seconds=600.0)
    with pytest.raises(SystemExit):
        conduct.afl_share(argparse.ArgumentParser(), args, 10)
