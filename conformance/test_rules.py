"""The rules as data and the rules that the tool judges are the same rules."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from vassay import ROOT, Tool

LEVELS = {"MUST", "SHOULD", "TEXT", "IMPL", "ROB", "OBS"}
FIELDS = {"id", "level", "core", "clause", "label", "requirement", "queues", "needs", "duties",
          "devices", "case", "via", "later"}  # fmt: skip
CORE = 148  # rules of the core set
OWN = {"POL", "RUN", "SAF"}  # families of the project's own, which are in no set
VIRTIO = re.compile(r"VIRTIO (1\.\d), (\d+(?:\.\d+)*) (\S.*)")
FILES = sorted((ROOT / "conformance/rules").glob("*.toml"))


def rules_of(path: Path) -> list[dict[str, Any]]:
    return tomllib.loads(path.read_text()).get("rule", [])


def all_rules() -> dict[str, dict[str, Any]]:
    return {rule["id"]: rule for path in FILES for rule in rules_of(path)}


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_rules_are_whole(path: Path) -> None:
    rules = rules_of(path)
    assert rules
    for rule in rules:
        assert re.fullmatch(r"[A-Z]{3}-\d\d", rule["id"]), rule
        assert rule["requirement"].strip() and rule["clause"].strip(), rule
        assert rule["level"] in LEVELS, rule
        assert set(rule) <= FIELDS, rule
        assert rule["devices"] and set(rule["queues"]) <= {"tx", "rx"}, rule


def test_the_core_set_is_whole() -> None:
    core = [rule["id"] for rule in all_rules().values() if rule.get("core")]
    assert len(core) == CORE
    assert not OWN & {name[:3] for name in core}


def test_a_family_has_no_gaps() -> None:
    families: dict[str, list[int]] = {}
    for name in all_rules():
        families.setdefault(name[:3], []).append(int(name[4:]))
    for family, numbers in families.items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), family


def test_a_clause_has_one_title_and_one_label() -> None:
    """A number that means two clauses is wrong in one of the rows."""
    meant: dict[tuple[str, str], tuple[str, str]] = {}
    for rule in all_rules().values():
        clauses = [match for part in rule["clause"].split("; ") if (match := VIRTIO.match(part))]
        labels = rule["label"].split("; ") if "label" in rule else []
        assert len(clauses) == len(labels), rule
        for match, label in zip(clauses, labels, strict=True):
            version, number, title = match.groups()
            kind = re.match(r"(device|driver)normative:|sec:", label)
            assert kind is not None, rule
            who = {"device": "Device", "driver": "Driver"}.get(kind[1] or "")
            assert title.startswith(f"{who} Requirements: ") == (who is not None), rule
            assert meant.setdefault((version, number), (title, label)) == (title, label), rule


def test_a_level_has_a_clause_that_can_bear_it() -> None:
    for rule in all_rules().values():
        text = rule["clause"] + rule.get("label", "")
        bears = any(word in text for word in ("devicenormative:", "Legacy Int", "vhost-user, "))
        assert bears or rule["level"] not in ("MUST", "SHOULD"), rule


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


def named_by_cases() -> set[str]:
    cases = [path.read_text() for folder in ("corpus", "conformance/cases")
             for path in (ROOT / folder).rglob("*.vq")]  # fmt: skip
    return {rule for text in cases for rule in re.findall(r"^# rule: (\S+)", text, re.MULTILINE)}


def test_a_rule_without_a_case_has_none() -> None:
    """What is marked as having no case, or none yet, loses the mark with its first one."""
    named = named_by_cases()
    for rule in all_rules().values():
        assert rule.get("case", "states") in ("states", "none"), rule
        assert not ("later" in rule or rule.get("case") == "none") or rule["id"] not in named, rule


def test_coverage_agrees_with_its_exit_code(tool: Tool) -> None:
    done = tool.run("rules", "--coverage")
    rules = all_rules()
    wanted = {name for name, rule in rules.items()
              if rule.get("case") != "none" and not {"later", "via"} & set(rule)
              and any(device.startswith("reference") for device in rule["devices"])}  # fmt: skip
    caught: set[str] = set()
    for path in (ROOT / "fuzzers/specimens").glob("*.toml"):
        specimen = tomllib.loads(path.read_text())
        caught |= {specimen["rule"], *specimen.get("also", [])}
    assert caught <= set(rules)
    named = named_by_cases()
    core = {name for name in wanted if rules[name].get("core")}
    sums = [
        f"{len(some & named)} of {len(some)} {kind}rules that the reference can run have a case, "
        f"{len(some & caught)} a specimen" for kind, some in (("core ", core), ("", wanted))
    ]  # fmt: skip
    assert done.stdout.splitlines()[-2:] == sums
    lacking = {line[:6] for line in done.stdout.splitlines() if re.match(r"[A-Z]{3}-\d\d ", line)}
    assert lacking == {name for name in wanted if name not in named & caught}
    assert done.returncode == (0 if wanted <= named and core <= caught else 1)


def test_explain_says_clause_and_cases(tool: Tool) -> None:
    some = sorted(all_rules())[0]
    done = tool.run("explain", some)
    assert done.returncode == 0
    assert all_rules()[some]["clause"] in done.stdout
