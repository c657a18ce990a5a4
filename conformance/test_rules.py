"""The rules as data and the rules that the tool judges are the same rules."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from vassay import ROOT, Tool

LEVELS = {"MUST", "SHOULD", "TEXT", "IMPL", "ROB", "OBS"}
FILES = sorted((ROOT / "conformance/rules").glob("*.toml"))


def rules_of(path: Path) -> list[dict[str, str]]:
    return tomllib.loads(path.read_text()).get("rule", [])


def all_rules() -> dict[str, dict[str, str]]:
    return {rule["id"]: rule for path in FILES for rule in rules_of(path)}


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_rules_are_whole(path: Path) -> None:
    rules = rules_of(path)
    assert rules
    for rule in rules:
        assert re.fullmatch(r"[A-Z]{3}-\d\d", rule["id"]), rule
        assert rule["requirement"].strip() and rule["clause"].strip(), rule
        assert rule["level"] in LEVELS, rule


def test_ids_are_unique() -> None:
    assert sum(len(rules_of(path)) for path in FILES) == len(all_rules())


def test_the_tool_shows_the_same_rules(tool: Tool) -> None:
    shown = json.loads(tool.run("rules", "--json").stdout)
    assert [rule["id"] for rule in shown["rules"]] == sorted(all_rules())
    assert shown["judged_without_text"] == []
    for rule in shown["rules"]:
        assert rule["requirement"] == all_rules()[rule["id"]]["requirement"]


def test_cases_name_rules_that_there_are(tool: Tool) -> None:
    known = set(all_rules())
    for folder in ("corpus", "conformance/cases"):
        for path in sorted((ROOT / folder).rglob("*.vq")):
            for rule in re.findall(r"^# rule: (\S+)", path.read_text(), re.MULTILINE):
                assert rule in known, f"{path.relative_to(ROOT)} names {rule}"


def test_a_rule_without_a_case_has_none() -> None:
    """What is marked as having no case, or none yet, loses the mark with its first one."""
    cases = [path.read_text() for folder in ("corpus", "conformance/cases")
             for path in (ROOT / folder).rglob("*.vq")]  # fmt: skip
    named = {rule for text in cases for rule in re.findall(r"^# rule: (\S+)", text, re.MULTILINE)}
    for rule in all_rules().values():
        assert rule.get("case", "states") in ("states", "none", "later"), rule
        assert rule.get("case", "states") == "states" or rule["id"] not in named, rule


def test_coverage_agrees_with_its_exit_code(tool: Tool) -> None:
    done = tool.run("rules", "--coverage")
    *without, summary = done.stdout.splitlines()
    match = re.fullmatch(r"(\d+) of (\d+) rules that the reference can run have a case", summary)
    assert match is not None, summary
    assert int(match[2]) - int(match[1]) == len(without)
    wanted = [rule for rule in all_rules().values() if rule.get("case") not in ("none", "later")
              and any(device.startswith("reference") for device in rule["devices"])]  # fmt: skip
    assert int(match[2]) == len(wanted)
    assert done.returncode == (1 if without else 0)


def test_explain_says_clause_and_cases(tool: Tool) -> None:
    some = sorted(all_rules())[0]
    done = tool.run("explain", some)
    assert done.returncode == 0
    assert all_rules()[some]["clause"] in done.stdout
