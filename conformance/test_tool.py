"""The tool seen from outside: exit codes, JSON, JUnit, messages about bad input."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from vassay import ROOT, Tool

GOOD = """\
# One packet is sent, completed and published. The used index says so.
# rule: USD-01
avail tx
kick tx
complete tx #0
settle
> used_idx tx 0x0001
"""
WRONG = GOOD.replace("0x0001", "0x0005")
NEEDS_ANOTHER_DEVICE = "inject tx 100\n"
MALFORMED = "avail tx\nkick nowhere\n"


@pytest.fixture
def write(tmp_path: Path):
    def write_case(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write_case


def test_0_when_all_pass(tool: Tool, write) -> None:
    done = tool.run("run", write("good.vq", GOOD))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 PASS" in done.stdout


def test_1_and_the_whole_story_when_one_fails(tool: Tool, write) -> None:
    path = write("wrong.vq", WRONG)
    done = tool.run("run", write("good.vq", GOOD), path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "expected" in done.stdout and "actual" in done.stdout and "clause" in done.stdout
    assert f"repeat       vassay run --device reference:arrival {path}" in done.stdout
    assert f"{path}:6: settle" in done.stdout


def test_2_for_a_malformed_case_while_the_others_run(tool: Tool, write) -> None:
    path = write("malformed.vq", MALFORMED)
    done = tool.run("run", path, write("good.vq", GOOD))
    assert done.returncode == 2
    assert re.match(re.escape(path) + r":2:\d+: .*expected", done.stderr), done.stderr
    assert "1 PASS" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "no/such/case.vq"],
        ["run", "XXX-99"],
        ["run", "--device", "nonsense", "corpus"],
        ["run", "--device", "reference:later", "corpus"],
        ["diff", "--device", "reference", "corpus"],
        ["run", "--no-such-option", "corpus"],
        ["explain", "no_such_thing"],
        ["fmt", "no/such/case.vq"],
        [],
    ],
    ids=" ".join,
)
def test_2_for_bad_usage(tool: Tool, arguments: list[str]) -> None:
    done = tool.run(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr, "it says what was wrong"


def test_2_for_zero_cases(tool: Tool, tmp_path: Path) -> None:
    assert tool.run("run", str(tmp_path)).returncode == 2
    assert tool.run("run", "--batch", text="").returncode == 2


def test_unknown_device_lists_what_there_is(tool: Tool) -> None:
    done = tool.run("run", "--device", "nonsense", "corpus")
    assert "reference:inorder" in done.stderr and "kernel:6.12" in done.stderr


def test_3_when_the_device_never_came_up(tool: Tool, write) -> None:
    done = tool.run("run", "--device", "kernel:/no/such/bzImage", write("good.vq", GOOD))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "BROKEN" in done.stdout and "/no/such/bzImage" in done.stdout


def test_77_when_nothing_is_supported(tool: Tool, write) -> None:
    path = write("elsewhere.vq", NEEDS_ANOTHER_DEVICE)
    assert tool.run("run", path).returncode == 77
    assert tool.run("run", path, write("good.vq", GOOD)).returncode == 0


def test_130_after_showing_what_was_found(tool: Tool, write) -> None:
    process = subprocess.Popen(
        [str(tool.path), "run", "--batch"], cwd=ROOT, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    with process:
        process.stdin.write(write("good.vq", GOOD) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["verdict"] == "PASS"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130


def test_batch_answers_every_line(tool: Tool, write) -> None:
    paths = [write("good.vq", GOOD), write("malformed.vq", MALFORMED), write("wrong.vq", WRONG)]
    done = tool.run("run", "--batch", text="\n".join(paths))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["case"] for answer in answers] == paths
    assert [answer.get("verdict") for answer in answers] == ["PASS", None, "FAIL"]
    assert answers[1]["error"].startswith(f"{paths[1]}:2:")
    assert done.returncode == 2


def test_json_is_numbered_and_repeats_byte_for_byte(tool: Tool, write) -> None:
    path = write("good.vq", GOOD)
    first = tool.run("run", "--json", path)
    assert first.stdout == tool.run("run", "--json", path).stdout
    document = json.loads(first.stdout)
    assert document["schema"] == 1
    assert document["summary"] == {"PASS": 1}
    assert "seconds" not in document["results"][0]
    timed = json.loads(tool.run("run", "--json", "--timings", path).stdout)
    assert timed["results"][0]["seconds"] > 0


def test_a_saved_trace_is_judged_alike(tool: Tool, write) -> None:
    path = write("wrong.vq", WRONG)
    result = json.loads(tool.run("run", "--json", path).stdout)["results"][0]
    done = tool.run("judge", "--json", write("saved.vq", result["traces"][0]))
    judged = json.loads(done.stdout)["results"][0]
    assert done.returncode == 1
    assert judged["verdict"] == "FAIL"
    assert judged["devices"] == ["reference:arrival"]
    assert judged["findings"][0]["actual"] == result["findings"][0]["actual"]


def test_a_case_is_no_trace(tool: Tool, write) -> None:
    done = tool.run("judge", write("good.vq", GOOD))
    assert done.returncode == 2
    assert "expected a trace" in done.stderr


def test_junit(tool: Tool, write, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    cases = [write("good.vq", GOOD), write("wrong.vq", WRONG)]
    tool.run("run", "--junit", str(report), *cases)
    suite = ElementTree.parse(report).getroot()[0]
    assert suite.attrib["tests"] == "2"
    assert [len(case) for case in suite] == [0, 1]
    assert suite[1][0].tag == "failure"


def test_bytes_are_a_case(tool: Tool, write, tmp_path: Path) -> None:
    path = tmp_path / "input"
    with path.open("wb") as file:
        subprocess.run([str(tool.path), "encode", write("good.vq", GOOD)], stdout=file, check=True)
    done = tool.run("run", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_id_runs_the_cases_that_name_it(tool: Tool) -> None:
    rules = json.loads(tool.run("rules", "--json").stdout)["rules"]
    shown = tool.run("explain", rules[0]["id"]).stdout
    cases = re.findall(r"(?:corpus|conformance/cases)/\S+\.vq", shown)
    done = tool.run("run", "--json", rules[0]["id"])
    if not cases:
        assert done.returncode == 2
        return
    assert [result["case"] for result in json.loads(done.stdout)["results"]] == cases


def test_policies_differ_where_they_should(tool: Tool, write) -> None:
    """Completed out of order: arrival publishes at once, inorder waits for the first."""
    path = write("order.vq", GOOD.replace("avail tx", "avail tx\navail tx").replace("#0", "#1"))
    devices = ["--device", "reference:arrival", "--device", "reference:inorder"]
    done = tool.run("diff", "--json", *devices, path)
    assert done.returncode == 1, done.stdout + done.stderr
    differences = json.loads(done.stdout)["results"][0]["differences"]
    assert {"event": "used_idx", "left": "0x1", "right": "0x0"}.items() <= next(
        item for item in differences if item["event"] == "used_idx"
    ).items()


def test_a_device_equals_itself(tool: Tool, write) -> None:
    devices = ["--device", "reference:arrival", "--device", "reference:arrival"]
    assert tool.run("diff", *devices, write("good.vq", GOOD)).returncode == 0


def test_smoke_says_what_was_negotiated(tool: Tool) -> None:
    done = tool.run("smoke")
    assert done.returncode == 0, done.stdout
    assert "VERSION_1" in done.stdout


def test_generated_programs_come_again_from_their_seed(tool: Tool) -> None:
    one = tool.run("run", "--generate", "1", "--seed", "7", "--hostile", "-v")
    assert one.stdout == tool.run("run", "--generate", "1", "--seed", "7", "--hostile", "-v").stdout
    assert "generated 7" in one.stdout
    assert one.stdout != tool.run("run", "--generate", "1", "--seed", "8", "--hostile", "-v").stdout


def test_minimize_wants_something_to_keep(tool: Tool, write) -> None:
    done = tool.run("minimize", write("good.vq", GOOD))
    assert done.returncode == 2
    assert "no oracle finds fault" in done.stderr


def test_a_budget_that_runs_out_is_inconclusive(tool: Tool, write) -> None:
    done = tool.run("run", write("long.vq", "repeat 2000000\n  kick tx\nend\n"))
    assert done.returncode == 1, done.stdout
    assert "INCONCLUSIVE" in done.stdout and "RUN-02" in done.stdout
