"""Tests of ci/mutants: what is changed, what is kept of a run, how a run ends. Nothing is built."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from house import mutants, mutants_report, mutate, variant  # noqa: E402
from house.cpp import Source  # noqa: E402
from house.mutants import Outcome, Results  # noqa: E402
from house.mutate import Mutant  # noqa: E402
from house.shell import Broken, Done  # noqa: E402
from house.tool import Judged, Said  # noqa: E402

PATH = "harness/engine/x.cc"
TEXT = """// if (comment) a + b;
#define NOT_CODE(a) ((a) + 1)
namespace va {
constexpr uint32_t kLimit = 64;  // 65 in a comment

void Net::go(uint32_t index) {
  VA_CHECK(index < 7 && open_);
  const std::span<const uint8_t> name("a && b");
  if (index >= kLimit || !open_) return;
  ++count_;
  host_.point(1);
  publish(count_ == 0 ? 3 : index);
  for (uint32_t i = 0; i < count_; ++i) use(i);
}

int Net::ask() const {
  switch (kind_) {
    case Kind::kOne:
      return -EINVAL;
    default:
      break;
  }
  return 0;
}

}  // namespace va
"""


def found(text: str = TEXT) -> list[tuple[str, str]]:
    return [(mutant.operator, mutant.after) for mutant in mutate.mutants_of(PATH, text)]


def test_every_operator_changes_what_it_says() -> None:
    assert {
        ("constant", "constexpr uint32_t kLimit = 65; // 65 in a comment"),
        ("early", "void Net::go(uint32_t index) { return;"),
        ("negate", "if (!(index >= kLimit || !open_)) return;"),
        ("boundary", "if (index > kLimit || !open_) return;"),
        ("logic", "if (index >= kLimit && !open_) return;"),
        ("arithmetic", "--count_;"),
        ("drop", ";"),
        ("constant", "host_.point(2);"),
        ("negate", "publish(!(count_ == 0) ? 3 : index);"),
        ("boundary", "for (uint32_t i = 0; i <= count_; ++i) use(i);"),
        ("drop", "for (uint32_t i = 0; i < count_; ++i) ;"),
        ("swap", "publish(count_ == 0 ? 3 : index); host_.point(1);"),
        ("result", "return {};"),
        ("constant", "return 1;"),
    } <= set(found())


@pytest.mark.parametrize(
    "never", ["VA_CHECK", "comment) a", "NOT_CODE", "std::span", "case Kind", "--i", "count_ != 0"]
)
def test_what_says_nothing_is_left_alone(never: str) -> None:
    for mutant in mutate.mutants_of(PATH, TEXT):
        assert never not in mutant.after.removesuffix("// 65 in a comment"), mutant.after


def test_a_mutant_differs_by_its_edits_alone() -> None:
    for mutant in mutate.mutants_of(PATH, TEXT):
        changed = mutant.apply(TEXT)
        assert changed != TEXT
        assert changed.count("\n") == TEXT.count("\n")
        assert TEXT.splitlines()[mutant.line - 1] != changed.splitlines()[mutant.line - 1]


def test_ids_outlive_edits_elsewhere() -> None:
    before = {mutant.id for mutant in mutate.mutants_of(PATH, TEXT)}
    assert len(before) == len(found())
    longer = TEXT.replace("namespace va {\n", "namespace va {\nint f() {\n  return 3;\n}\n", 1)
    added = {mutant.id for mutant in mutate.mutants_of(PATH, longer)} - before
    assert before < before | added == {mutant.id for mutant in mutate.mutants_of(PATH, longer)}
    assert all(":f:" in name for name in added)


def test_lines_that_are_equal_are_told_apart() -> None:
    text = "void f() {\n  g(1);\n  h();\n  g(1);\n}\n"
    names = [mutant.id for mutant in mutate.mutants_of(PATH, text) if mutant.operator == "drop"]
    assert len(set(names)) == 3 and sum(name.endswith(".2") for name in names) == 1


def test_order_that_does_not_matter_is_not_changed() -> None:
    text = "void f() {\n  a = 1;\n  b = 2;\n  c = b;\n}\n"
    swaps = [mutant.before for mutant in mutate.mutants_of(PATH, text) if mutant.operator == "swap"]
    assert swaps == ["b = 2; c = b;"]


def test_functions_of_a_class_and_their_names() -> None:
    text = "struct A {\n  int x = 0;\n  A() : x_(f()) {}\n  bool g() const { return x > 1; }\n};\n"
    functions = [(function.name, function.void) for function in Source(text).functions]
    assert functions == [("A", False), ("g", False)]


def test_the_engine_has_many() -> None:
    everyone = mutate.load()
    assert len({mutant.id for mutant in everyone}) == len(everyone) >= 300
    assert {mutant.operator for mutant in everyone} == set(mutate.OPERATORS)
    assert not [mutant.id for mutant in everyone if "_test" in mutant.path]


def test_a_sample_is_spread_and_part_of_a_larger_one() -> None:
    everyone = mutate.load()
    small, large = mutate.sample(everyone, 60), mutate.sample(everyone, 300)
    assert (len(small), len(large)) == (60, 300)
    assert small == mutate.sample(everyone, 60)
    assert {mutant.id for mutant in small} <= {mutant.id for mutant in large}
    assert {mutant.operator for mutant in large} == set(mutate.OPERATORS)
    sources = {mutant.path for mutant in everyone if mutant.path.endswith(".cc")}
    assert sources <= {mutant.path for mutant in large}
    assert mutate.sample(everyone, 10_000) == everyone


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.setattr(mutants, "proof", lambda state, by: "now")
    return Results(tmp_path / "results.jsonl")


def test_a_killed_run_loses_the_mutant_at_hand_alone(results: Results) -> None:
    results.begin(60)
    results.add(Outcome("a", "survived", proof="now"))
    results.add(Outcome("b", "unit", "engine_test X.y", "now"))
    results.add(Outcome("c", "crash", "corpus/x.vq reference:arrival", "before an edit"))
    with results.path.open("a") as file:
        file.write('{"id": "d", "sta')
    again = Results(results.path)
    assert again.resume()
    assert (again.sample, set(again.known)) == (60, {"a", "b"})
    again.begin(60)
    assert [json.loads(line) for line in results.path.read_text().splitlines()][0] == {"sample": 60}
    assert not Results(results.path.with_name("none")).resume()


def test_a_result_rests_on_what_spoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(iter(mutants.cases()))
    by = f"{mutants.relative(case)} reference:inorder"
    monkeypatch.setattr(mutants, "_sources", lambda: "s")
    monkeypatch.setattr(mutants, "_tests", lambda: "t")
    assert mutants.proof("same-code", "") == "s"
    assert mutants.proof("survived", "") == mutants.proof("unit", "engine_test X.y") == "s-t"
    one = mutants.proof("unit", "engine_test Net/Waiting.SetMemTable/Arrival")
    assert one == mutants.proof("unit", "engine_test Net/Waiting.SetMemTable/Inorder") != "s-t"
    assert mutants.proof("conformance", by).startswith("s-")
    assert mutants.proof("conformance", by) != "s-t"
    assert mutants.proof("conformance", "corpus/gone.vq reference:copy") == "s-t"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("equivalent = 3", "equivalent"),
        ('[[equivalent]]\nids = ["a"]\nwhy = " "\n', "a: `why` is empty"),
        ('[[equivalent]]\nids = ["a", "a"]\nwhy = "x"\n', "a: listed twice"),
        ('[[equivalent]]\nids = ["a"]\n', "why"),
        ("equivalent = [", "equivalent"),
    ],
)
def test_a_list_that_is_wrong_is_said_to_be(
    text: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutants, "EQUIVALENT", tmp_path / "equivalent.toml")
    mutants.EQUIVALENT.write_text(text)
    with pytest.raises(Broken, match=complaint):
        mutants.equivalent()


@pytest.mark.parametrize(
    ("verdict", "rule", "actual", "state"),
    [
        ("PASS", "", "", None),
        ("NON-STRICT", "NUS-04", "two calls", None),
        ("UNSUPPORTED", "", "", None),
        ("FAIL", "USD-03", "two", "conformance"),
        ("ROBUSTNESS", "SAF-02", "it went away, status 142", "hang"),
        ("ROBUSTNESS", "SAF-02", "it went away, status 134", "crash"),
    ],
)
def test_what_a_case_says(verdict: str, rule: str, actual: str, state: str | None) -> None:
    said = (Said(verdict, rule, "", actual),)
    spoken = mutants._spoke(Judged("a.vq", "reference:copy", "", verdict, "", said))
    assert spoken == (None if state is None else (state, "a.vq reference:copy"))


def pair(name: str, state: str) -> tuple[Mutant, Outcome]:
    return Mutant(name, PATH, "drop", 7, "f();", ";", ()), Outcome(name, state)


CAUGHT = [pair(f"c{number}", "unit") for number in range(18)]


@pytest.mark.parametrize(
    ("pairs", "listed", "good", "closing"),
    [
        (CAUGHT, {}, True, "18 mutants, 18 of them another program, 18 caught (100 %), 0 unexpl"),
        ([*CAUGHT, pair("s", "survived")], {}, False, "18 caught (95 %), 1 unexplained"),
        ([*CAUGHT, pair("s", "survived")], {"s": "x"}, True, "18 caught (95 %), 0 unexplained"),
        ([pair("a", "unit"), pair("s", "survived")], {"s": "x"}, False, "1 caught (50 %), 0 un"),
        ([*CAUGHT, pair("n", "no-compile"), pair("e", "same-code")], {}, True, "18 of them"),
        ([*CAUGHT, pair("s", "hang")], {"s": "x"}, False, "19 caught (100 %), 0 unexplained"),
    ],
)
def test_summary(
    pairs: list[tuple[Mutant, Outcome]], listed: dict[str, str], good: bool, closing: str
) -> None:
    summary = mutants_report.Summary(pairs, listed)
    text = list(mutants_report.lines(summary))
    assert summary.good == good
    assert closing in text[-1]
    if summary.survivors:
        assert {"survived:", f"  {PATH}:7: drop", "    - f();", "    ci/mutants 's'"} <= set(text)
    if summary.stale:
        assert "listed as equivalent, but hang:" in text


def test_a_link_takes_what_the_program_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "g++ a/CMakeFiles/t.dir/own_test.cc.o -o bin/t  a/libva_a.a && :"
    monkeypatch.setattr(variant, "_link_line", lambda wanted: line)
    linked: list[str] = []

    def run(command: list[str], log: Path) -> Done:
        linked.append(command[-1])
        return Done(0, 0.0, log)

    monkeypatch.setattr(variant, "run", run)
    objects = {
        "a/CMakeFiles/va_a.dir/x.cc.o": Path("new/x.o"),
        "a/CMakeFiles/t.dir/own_test.cc.o": Path("new/own.o"),
        "b/CMakeFiles/va_b.dir/y.cc.o": Path("new/y.o"),
    }
    variant.link("t", objects, tmp_path / "t")
    assert "g++ new/own.o new/x.o -Wl,-S -o " in linked[0] and "new/y.o" not in linked[0]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "expected --sample N, --all or ids"),
        (["--sample", "0"], "expected a number from 1 on, not '0'"),
        (["--sample", "many"], "expected a number from 1 on, not 'many'"),
        (["--sample", "3", "--all"], "not allowed with"),
        (["no/such:mutant"], "no mutant no/such:mutant"),
        (["a", "--resume"], "ids go with no option"),
    ],
)
def test_bad_input_is_one_clear_error(arguments: list[str], complaint: str) -> None:
    command = [str(mutants.ROOT / "ci" / "mutants"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert complaint in done.stderr.splitlines()[-1]
