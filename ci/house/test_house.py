"""Tests of what the commands in ci/ share; the tool is a small script here."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from house import callgrind, course, docs, findings, fuzzing, kernel  # noqa: E402
from house import report, stages, store, tool  # noqa: E402
from house.shell import Broken, run  # noqa: E402
from house.stages import Failed, Stage  # noqa: E402

LIBFUZZER = """INFO: Loaded 1 modules   (420 inline 8-bit counters): 420 [0x1, 0x2),
#2\tINITED cov: 11 ft: 12 corp: 1/1b exec/s: 0 rss: 30Mb
#1024\tNEW    cov: 100 ft: 205 corp: 30/9Kb lim: 99 exec/s: 512 rss: 31Mb L: 9/99 MS: 1 Custom-
ops_per_input: 27.5
stat::number_of_executed_units: 4711
stat::average_exec_per_sec:     2355
"""

FINDING = """vassay-finding: USD-03 FAIL target=avail_index device=reference:inorder op=4
  expected: one used entry
  actual:   two
vring tx
==1== ERROR: libFuzzer: deadly signal
"""


def test_log_of_a_run() -> None:
    ran = fuzzing.read_log("x", LIBFUZZER)
    assert (ran.executions, ran.edges_total, ran.edges_covered) == (4711, 420, 100)
    assert (ran.features, ran.corpus_inputs, ran.ops_per_input) == (205, 30, 27.5)
    assert ran.started
    assert not fuzzing.read_log("x", "error while loading shared libraries").started


def test_runs_add_up() -> None:
    total = fuzzing.Run("x")
    total.add(fuzzing.Run("x", executions=100, ops_per_input=10.0, edges_covered=5))
    total.add(fuzzing.Run("x", executions=300, ops_per_input=30.0, edges_covered=4))
    assert (total.executions, total.ops_per_input, total.edges_covered) == (400, 25.0, 5)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (FINDING, "USD-03"),
        ("vassay-bug: engine/net_tx.cc:9: check failed: x\nERROR: libFuzzer: x", "suite-bug"),
        ("==1==ERROR: AddressSanitizer: heap-use-after-free on address", "asan"),
        ("==1==ERROR: LeakSanitizer: detected memory leaks", "leak"),
        ("==1== ERROR: libFuzzer: timeout after 20 seconds", "bound"),
        ("", "crash"),
    ],
)
def test_last_words(text: str, rule: str) -> None:
    assert findings.from_log(text)[0] == rule


def fake_vassay(folder: Path, verdict: str) -> Path:
    """Says `verdict` of every case, decodes to a line of text, minimises to a shorter one."""
    script = folder / "vassay"
    script.write_text(f"""#!/usr/bin/python3
import json, sys
command = sys.argv[1]
if command == "run":
    found = [{{"verdict": {verdict!r}, "rule": "USD-03", "expected": "one", "actual": "two"}}]
    print(json.dumps({{"schema": 1, "results": [{{
        "case": sys.argv[-1], "devices": [sys.argv[4]], "verdict": {verdict!r}, "reason": "",
        "findings": found, "traces": ["trace 1 device=reference version=0.1.0\\n"]}}]}}))
elif command == "decode":
    print("kick tx\\nkick tx")
elif command == "minimize":
    print("kick tx")
""")
    script.chmod(0o755)
    return script


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(findings, "FINDINGS", tmp_path / "findings")
    monkeypatch.setattr(findings, "UNTRIAGED", tmp_path / "findings" / "untriaged")
    script = fake_vassay(tmp_path, "FAIL")
    monkeypatch.setattr(tool, "vassay", lambda: str(script))
    return tmp_path


def untriaged(name: str = "crash-1") -> Path:
    raw = findings.UNTRIAGED / "avail_index" / name
    store.write(raw, b"\2\0")
    return raw


def test_a_finding_is_filed_whole(sandbox: Path) -> None:
    raw = untriaged()
    finding = findings.triage(raw, "avail_index", FINDING)
    assert (finding.rule, finding.minimized, finding.verdict) == ("USD-03", True, "FAIL")
    assert finding.path.read_text() == "kick tx\n"
    assert finding.path.with_suffix(".trace").read_text().startswith("trace 1")
    assert "vassay-finding" in finding.path.with_suffix(".log").read_text()
    assert not raw.exists()
    assert findings.left_behind() == ([finding.path], [])


def test_an_input_that_runs_fine_elsewhere_is_kept(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = fake_vassay(sandbox, "PASS")
    monkeypatch.setattr(tool, "vassay", lambda: str(script))
    finding = findings.triage(untriaged(), "avail_index", "ERROR: AddressSanitizer: SEGV on x")
    assert finding.rule == "asan"
    assert finding.path.read_bytes() == b"\2\0"
    assert findings.left_behind()[0] == [finding.path]


def test_what_a_killed_campaign_left_is_listed(sandbox: Path) -> None:
    raw = untriaged("timeout-7")
    filed = sandbox / "findings" / "CTL-01" / "abc.vq"
    store.write(filed, "kick tx\n")
    store.write(filed.with_suffix(".log"), "")
    assert findings.left_behind() == ([filed], [raw])


def test_an_earlier_finding_is_looked_at_again(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = sandbox / "findings" / "USD-03" / "abc.vq"
    store.write(filed, "kick tx\n")
    again = findings.recheck(filed)
    assert again is not None and again.earlier
    script = fake_vassay(sandbox, "PASS")
    monkeypatch.setattr(tool, "vassay", lambda: str(script))
    assert findings.recheck(filed) is None


def test_the_kernel_gets_what_it_can_execute_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "foreign_operations", lambda: frozenset({"fail_alloc"}))
    fit = [tmp_path / f"fit-{number}.vq" for number in range(8)]
    for path in fit:
        path.write_text("avail tx  # fail_alloc is only mentioned\n")
    unfit = [tmp_path / f"unfit-{number}.vq" for number in range(20)]
    for path in unfit:
        path.write_text("kick tx\nfail_alloc 1\n")
    endless = tmp_path / "endless.vq"
    endless.write_text("repeat 5000\n  kick tx\nend\n")
    unfit.append(endless)
    must = tmp_path / "finding.vq"
    must.write_text("repeat 7\n  kick tx\nend\n")
    chosen, candidates, shaped = kernel.choose({"a": fit + unfit}, [must])
    assert chosen[0] == must and set(chosen[1:9]) == set(fit)
    assert len(chosen) == 1 + 8 + 2 and (candidates, shaped) == (29, 8)


def test_blocks_of_a_document() -> None:
    text = "# T\n\n<!-- run: true -->\n```sh\nfalse\n```\n\n<!-- exit: 0 1 -->\n```sh\nfalse\n```\n"
    found = docs.blocks("a.md", text + "\n```text\nno\n```\n```sh\nls\npwd\n```\n")
    assert [(block.script, block.codes) for block in found] == [
        ("true", (0,)), ("false", (0, 1)), ("ls\npwd", (0,)),
    ]  # fmt: skip


def test_inclusive_cost() -> None:
    text = (
        "fn=(1) main\n5 10\ncfn=(2) va::decode(x)\ncalls=3 7\n9 300\n"
        "fn=(3) other\ncfn=(2)\ncalls=1 7\n9 100\n"
    )
    assert callgrind.inclusive(text, "va::decode(") == (4, 400)


def stage(name: str, error: Exception | None = None, needs: tuple[str, ...] = ()) -> Stage:
    def body() -> str:
        if error:
            raise error
        return "fine"

    return Stage(name, name, body, needs)


@pytest.mark.parametrize(
    ("chain", "code", "closing"),
    [
        ([stage("a"), stage("b")], 0, "2 passed, 0 failed"),
        ([stage("a", Failed("no")), stage("b", needs=("a",))], 1, "0 passed, 1 failed, 1 skipped"),
        ([stage("a", Broken("no")), stage("b")], 3, "1 passed, 1 failed"),
    ],
)
def test_stages(
    chain: list[Stage], code: int, closing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stages.run_all(chain, resume=False) == code
    assert capsys.readouterr().out.splitlines()[-1] == closing


def test_stages_are_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "STATE", tmp_path / "state.json")
    assert stages.run_all([stage("a"), stage("b", Failed("no"))], resume=True) == 1
    assert stages.run_all([stage("a", Failed("not run again")), stage("b")], resume=True) == 0


def test_one_writer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ROOT", tmp_path)
    with store.Lock("x"), pytest.raises(Broken, match="another one runs"):
        with store.Lock("x"):
            pass


def is_gone(process: int) -> bool:
    """Whether a process that was ended is gone, within the time that a busy machine takes."""
    status = Path("/proc") / str(process) / "status"
    for _ in range(100):
        if not status.exists() or "zombie" in status.read_text():
            return True
        time.sleep(0.1)
    return False


def test_a_limit_ends_what_a_process_started(tmp_path: Path) -> None:
    done = run(["bash", "-c", "sleep 987 & echo $!; wait"], tmp_path / "log", limit_s=1.0)
    assert done.code == 124
    assert is_gone(int(done.text))


def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).resolve().parents[1])!r})\n"
        "import os, signal; from pathlib import Path; from house.shell import start\n"
        f"child = start(['sleep', '987'], Path({str(tmp_path / 'log')!r}))\n"
        "print(child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert is_gone(int(killed.stdout))


def test_the_page_is_made_from_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "REPORT", tmp_path)
    value = json.loads((Path(__file__).parent / "testdata" / "report.json").read_text())
    report.write(value)
    page = (tmp_path / "index.html").read_text()
    assert "avail_index" in page and "&lt;script&gt;" in page and "<script>" not in page
    assert "vassay run --device" in page and "A head is used once." in page
    assert "untriaged/avail_index/1-crash-1" in page
    assert json.loads((tmp_path / "report.json").read_text()) == value


@pytest.mark.parametrize(
    ("code", "state"), [(0, "good"), (1, "bad"), (3, "bad"), (130, "warn"), (None, "warn")]
)
def test_the_page_of_a_campaign_that_did_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None, state: str
) -> None:
    monkeypatch.setattr(report, "REPORT", tmp_path)
    report.write(course.as_report(course.Course(60.0, 2), code, "this is how it ended"))
    page = (tmp_path / "index.html").read_text()
    assert f'<p class="verdict {state}">This is how it ended</p>' in page
    assert "not run" in page


def test_commands_explain_themselves() -> None:
    root = Path(__file__).resolve().parents[2]
    for name in ("test", "campaign", "bench", "specimens", "mutants", "lint/run"):
        command = [str(root / "ci" / name)]
        helped = subprocess.run([*command, "--help"], capture_output=True, check=False)
        assert helped.returncode == 0, name
        wrong = subprocess.run([*command, "--no-such"], capture_output=True, check=False)
        assert wrong.returncode == 2, name
