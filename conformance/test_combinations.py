"""Every combination of the array on every device, like a case; and what the array and the naming of
causes are worth. What failures come from is said at the end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import combinations, product
from pathlib import Path

import pytest
from combination_program import FRAMINGS, ORDERS, program
from combinations import (
    AXES,
    CONSTRAINTS,
    DESCRIPTORS,
    Combination,
    allowed,
    array,
    has,
    inducing,
    name,
    narrow,
    said,
)
from tally import Tally, report
from vassay import ROOT, Result, Tool

MOST = 24  # combinations; the longest two axes ask for 16


@pytest.fixture
def result(tally: Tally, combination: Combination) -> Result:
    """In a fixture, since what goes wrong here is an error and not a failure of the device."""
    return tally.run(combination)


@pytest.mark.parametrize("combination", array(), ids=name)
def test_combination(tally: Tally, result: Result, hold: Callable[[Result], None]) -> None:
    if tally.device.startswith("reference"):
        assert result.verdict != "UNSUPPORTED", result.reason()
    hold(result)


def every_combination() -> list[Combination]:
    """As allowed(), put together in another way."""
    found: list[Combination] = [{}]
    for axis, values in AXES.items():
        found = [{**one, axis: value} for value in values for one in found]
    return [one for one in found if all(constraint.keeps(one) for constraint in CONSTRAINTS)]


def test_every_two_values_that_may_meet_do() -> None:
    def meet(where: Sequence[Combination], *two: tuple[str, str]) -> bool:
        return any(all(one[axis] == value for axis, value in two) for one in where)

    possible = every_combination()
    met = 0
    for (one, ones), (other, others) in combinations(AXES.items(), 2):
        for first, second in product(ones, others):
            two = ((one, first), (other, second))
            assert meet(array(), *two) == meet(possible, *two), two
            met += meet(possible, *two)
    assert met > 200  # of 204; fewer where a constraint keeps out too much


def test_the_array_is_small_and_the_same_again() -> None:
    names = [name(one) for one in array()]
    assert len(names) == len(set(names)) <= MOST
    script = "import combinations as c; print(*map(c.name, c.array()), sep='\\n')"
    for seed in ("1", "2"):  # the order of a set would differ
        again = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT / "conformance", capture_output=True,
            text=True, check=True, env={"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        assert again.stdout.splitlines() == names


def test_each_constraint_keeps_something_out() -> None:
    for constraint in CONSTRAINTS:
        others = [other for other in CONSTRAINTS if other is not constraint]
        every = [dict(zip(AXES, values, strict=True)) for values in product(*AXES.values())]
        assert any(all(other.keeps(c) for other in others) and not constraint.keeps(c)
                   for c in every), constraint.reason  # fmt: skip


def test_the_tables_speak_of_the_same_values() -> None:
    assert tuple(FRAMINGS) == AXES["framing"] and tuple(ORDERS) == AXES["order"]
    assert DESCRIPTORS == {framing: len(cuts) + 1 for framing, cuts in FRAMINGS.items()}


@pytest.mark.parametrize("combination", array(), ids=name)
def test_program_is_canonical(tool: Tool, combination: Combination) -> None:
    done = tool.run("fmt", "/dev/stdin", text=program(combination))
    assert done.stdout == program(combination), done.stderr


@pytest.mark.parametrize("queue", ["tx", "rx"])
@pytest.mark.parametrize("combination", array(), ids=name)
def test_the_driver_keeps_its_duties(
    tool: Tool, combination: Combination, queue: str, tmp_path: Path
) -> None:
    """To the end: a rule that presumes all of them still sees a wrong id in the last used entry."""
    path = tmp_path / "case.vq"
    path.write_text(program(combination))
    done = tool.run("run", "--json", str(path))
    trace = json.loads(done.stdout)["results"][0]["traces"][0]
    before, last, behind = trace.rpartition(f"used {queue} slot=")
    wrong = re.sub(r"id=\d+", f"id={combination['num']}", behind, count=1)
    path.write_text(before + last + wrong)
    judged = json.loads(tool.run("judge", "--json", str(path)).stdout)["results"][0]
    assert "USD-01" in {finding["rule"] for finding in judged["findings"]}


# ---- what a failure comes from -----------------------------------------------------------------


def planted(*causes: dict[str, str]) -> list[str]:
    """What is said where a combination fails that has one of these causes in it."""
    failed: list[Combination] = []
    passed: list[Combination] = []

    def run(combination: Combination) -> bool:
        fails = any(has(combination, frozenset(cause.items())) for cause in causes)
        (failed if fails else passed).append(combination)
        return True

    for one in array():
        run(one)
    narrow(failed, passed, run)
    return [line.partition(" (")[0] for line in said(failed, passed)]


@pytest.mark.parametrize("axis", AXES)
def test_a_single_value_is_named(axis: str) -> None:
    for value in AXES[axis]:
        assert planted({axis: value}) == [f"fails whenever {axis}={value}"]


def test_any_two_values_are_named() -> None:
    """Or the one of them that never comes without the other."""
    pairs = {pair for one in allowed() for pair in combinations(sorted(one.items()), 2)}
    for pair in sorted(pairs):
        implying = [value for value in pair
                    if all(has(one, frozenset(pair)) for one in allowed()
                           if has(one, frozenset([value])))]  # fmt: skip
        words = " and ".join(f"{axis}={value}" for axis, value in implying or pair)
        assert planted(dict(pair)) == [f"fails whenever {words}"]


def test_three_values_are_named() -> None:
    triple = {"EVENT_IDX": "on", "INDIRECT": "on", "MRG_RXBUF": "on"}
    assert planted(triple) == ["fails whenever EVENT_IDX=on and INDIRECT=on and MRG_RXBUF=on"]


def test_two_causes_are_named() -> None:
    lines = planted({"base": "65534", "EVENT_IDX": "on"}, {"num": "4"})
    assert sorted(lines) == ["fails whenever EVENT_IDX=on and base=65534", "fails whenever num=4"]


def test_what_nothing_explains_is_said() -> None:
    one = allowed()[0]
    assert inducing([one], [one]) == []
    assert said([one], [one]) == [
        f"no set of up to three values explains the failure of {name(one)}"
    ]


def test_a_cause_counts_what_it_explains() -> None:
    failed = [one for one in array() if one["MRG_RXBUF"] == "on" and one["num"] == "4"]
    passed = [one for one in array() if one not in failed]
    (line,) = said(failed, passed)
    assert line.startswith("fails whenever ") and "MRG_RXBUF=on and num=4" in line
    assert f"({len(failed)} of {len(failed)}; 0 of {len(passed)} others)" in line


def test_the_policy_is_an_axis_of_the_reference() -> None:
    def nothing(case: str) -> Result:
        raise AssertionError(case)

    tallies = [Tally(f"reference:{policy}", nothing, strict=False)
               for policy in ("arrival", "inorder", "copy")]  # fmt: skip
    for tally in tallies:
        for one in array():
            fails = tally.device == "reference:inorder" and one["EVENT_IDX"] == "on"
            (tally.failed if fails else tally.passed).append(one)
    count = len(tallies[1].failed)
    others = 3 * len(array()) - count
    assert report(tallies) == [
        "reference: fails whenever EVENT_IDX=on and policy=inorder "
        f"({count} of {count}; 0 of {others} others)"
    ]
    assert report(tallies[::2]) == []
