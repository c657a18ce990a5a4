"""Simple mutations of the engine: one small change of a source at a time, made mechanically.

What is not changed, since a mutant of it says nothing about tests: checks of the engine's own
invariants (VA_CHECK, static_assert), which are tests themselves and never fail on the engine as it
is; poison() and unpoison(), which do nothing without a sanitizer; the initial values of members,
which open() and clear() set again; the steps of a `for`, which hang at once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from house.cpp import Condition, Function, Source, Statement
from house.shell import ROOT

FOLDERS = ("harness/engine", "harness/ring")
_PASSED_OVER = {"VA_CHECK", "static_assert", "poison", "unpoison"}
_JUMPS = {"return", "break", "continue", ";"}
_BOUNDARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_EQUALITY = {"==": "!=", "!=": "=="}
_LOGIC = {"&&": "||", "||": "&&"}
_ARITHMETIC = {"+": "-", "-": "+", "+=": "-=", "-=": "+=", "++": "--", "--": "++"}
_BOOLEAN = {"true": "false", "false": "true"}


@dataclass(frozen=True)
class Edit:
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Mutant:
    """One changed source. The id is made of what the place says and not of where it stands, so that
    it outlives edits elsewhere: file, function, operator, a hash of the line, and a number where
    these are not enough."""

    id: str
    path: str  # from the root
    operator: str
    line: int
    before: str
    after: str
    edits: tuple[Edit, ...]

    @property
    def file(self) -> str:
        return self.path.removeprefix("harness/")

    def apply(self, text: str) -> str:
        for edit in sorted(self.edits, key=lambda edit: -edit.start):
            text = text[: edit.start] + edit.text + text[edit.end :]
        return text


Changes = Iterator[tuple[Edit, ...]]


class _Body:
    """A function whose places are looked for."""

    def __init__(self, source: Source, function: Function) -> None:
        self.source = source
        self.function = function
        self.quiet = self._quiet()
        self.conditions = [c for c in source.conditions(function) if c.first not in self.quiet]
        self.statements = list(source.statements(function))

    def _quiet(self) -> set[int]:
        tokens = self.source.tokens
        found: set[int] = set()
        for at in range(self.function.first, self.function.last):
            if tokens[at].text in _PASSED_OVER and tokens[at + 1].text == "(":
                found |= set(range(at, self.source.match(at + 1) + 1))
        return found

    def places(self) -> Iterator[int]:
        for at in range(self.function.first + 1, self.function.last):
            if at not in self.quiet:
                yield at

    def replace(self, at: int, text: str) -> tuple[Edit, ...]:
        token = self.source.tokens[at]
        return (Edit(token.start, token.end, text),)

    def steps(self) -> set[int]:
        """Tokens of the steps of `for` loops."""
        tokens = self.source.tokens
        found: set[int] = set()
        for at in range(self.function.first, self.function.last):
            if tokens[at].text == "for":
                close = self.source.match(at + 1)
                semicolons = [i for i in range(at, close) if tokens[i].text == ";"]
                found |= set(range(semicolons[-1], close)) if semicolons else set()
        return found


def _operators(body: _Body, table: dict[str, str]) -> Changes:
    for at in body.places():
        text = body.source.tokens[at].text
        if text in table and body.source.spaced(at):
            yield body.replace(at, table[text])


def _boundary(body: _Body) -> Changes:
    return _operators(body, _BOUNDARY)


def _logic(body: _Body) -> Changes:
    return _operators(body, _LOGIC)


def _equality(body: _Body) -> Changes:
    """Not where it is all that a condition says: that is its negation."""
    whole = set()
    for condition in body.conditions:
        places = range(condition.first, condition.last + 1)
        texts = [body.source.tokens[at].text for at in places]
        if sum(text in (*_EQUALITY, *_BOUNDARY, *_LOGIC) for text in texts) == 1:
            whole |= set(places)
    for at in body.places():
        text = body.source.tokens[at].text
        if text in _EQUALITY and at not in whole:
            yield body.replace(at, _EQUALITY[text])


def _arithmetic(body: _Body) -> Changes:
    steps = body.steps()
    for at in body.places():
        text = body.source.tokens[at].text
        if text in _ARITHMETIC and at not in steps:
            if body.source.spaced(at) or text in ("++", "--"):
                yield body.replace(at, _ARITHMETIC[text])


def _negate(body: _Body) -> Changes:
    for condition in body.conditions:
        tokens = body.source.tokens
        start, end = tokens[condition.first].start, tokens[condition.last].end
        yield (Edit(start, start, "!("), Edit(end, end, ")"))


def _boolean(body: _Body) -> Changes:
    for at in body.places():
        text = body.source.tokens[at].text
        if text in _BOOLEAN:
            yield body.replace(at, _BOOLEAN[text])


def one_more(number: str) -> str:
    digits = number.rstrip("uUlL")
    value = int(digits.replace("'", ""), 0) + 1
    return (hex(value) if digits.startswith("0x") else str(value)) + number[len(digits) :]


def _constant(body: _Body) -> Changes:
    """Not the zero of a comparison: errnos and flags are compared with it, and `< 1` or `!= 1` is
    the same there; the comparison itself is changed."""
    tokens = body.source.tokens
    for at in body.places():
        neighbours = {tokens[at - 1].text, tokens[at + 1].text}
        compared = bool(neighbours & (_BOUNDARY.keys() | _EQUALITY.keys()))
        if tokens[at].kind == "number" and not (tokens[at].text == "0" and compared):
            yield body.replace(at, one_more(tokens[at].text))


def _result(body: _Body) -> Changes:
    """`return` of something: of zero, false or nothing instead."""
    for statement in body.statements:
        tokens = body.source.tokens
        words = [token.text for token in tokens[statement.first + 1 : statement.last]]
        if tokens[statement.first].text != "return" or body.function.void or not words:
            continue
        if words not in (["0"], ["true"], ["false"], ["nullptr"], ["{", "}"]):
            yield (Edit(tokens[statement.first + 1].start, tokens[statement.last].start, "{}"),)


def _early(body: _Body) -> Changes:
    """A function that does nothing."""
    if body.function.void and body.statements:
        at = body.source.tokens[body.function.first].end
        yield (Edit(at, at, " return;"),)


def _acts(body: _Body, statement: Statement) -> bool:
    """A call or an assignment that stands by itself."""
    first = body.source.tokens[statement.first].text
    return not statement.declares and first not in _JUMPS and statement.first not in body.quiet


def _drop(body: _Body) -> Changes:
    for statement in body.statements:
        if _acts(body, statement):
            tokens = body.source.tokens
            yield (Edit(tokens[statement.first].start, tokens[statement.last].start, ""),)


def _target(text: str) -> str:
    """What an assignment assigns to; nothing for a call."""
    for operator in (" = ", " += ", " -= ", " |= ", " &= ", " ^= "):
        if operator in text:
            return text.split(operator)[0]
    return text.strip("+-;") if text.startswith(("++", "--")) else ""


def _depends(first: str, second: str) -> bool:
    """Whether the order may matter: two calls, or one uses what the other assigns."""
    targets = _target(first), _target(second)
    if not any(targets):
        return first != second
    return any(
        target and target in other and target != _target(other)
        for target, other in zip(targets, (second, first), strict=True)
    )


def _swap(body: _Body) -> Changes:
    for a, b in zip(body.statements, body.statements[1:], strict=False):
        adjacent = a.last + 1 == b.first and not a.guarded and not b.guarded
        if not (adjacent and _acts(body, a) and _acts(body, b)):
            continue
        one, other = body.source.span(a.first, a.last), body.source.span(b.first, b.last)
        if _depends(one, other):
            tokens = body.source.tokens
            yield (
                Edit(tokens[a.first].start, tokens[a.last].end, other),
                Edit(tokens[b.first].start, tokens[b.last].end, one),
            )


OPERATORS: dict[str, Callable[[_Body], Changes]] = {
    "negate": _negate, "boundary": _boundary, "equality": _equality, "logic": _logic,
    "arithmetic": _arithmetic, "constant": _constant, "boolean": _boolean, "result": _result,
    "early": _early, "drop": _drop, "swap": _swap,
}  # fmt: skip


def _outside(source: Source) -> Iterator[tuple[str, tuple[Edit, ...]]]:
    for name, first, last in source.constants():
        for token in source.tokens[first : last + 1]:
            if token.kind == "number":
                yield name, (Edit(token.start, token.end, one_more(token.text)),)


def _shown(text: str, edits: tuple[Edit, ...], applied: str) -> tuple[str, str]:
    """The lines that differ, without indentation, as one line each."""
    first = text.rfind("\n", 0, edits[0].start) + 1
    behind = max(edit.end for edit in edits)
    end = text.find("\n", behind)
    longer = len(applied) - len(text)
    return " ".join(text[first:end].split()), " ".join(applied[first : end + longer].split())


def mutants_of(path: str, text: str) -> list[Mutant]:
    """All of a file, in the order of its lines."""
    source = Source(text)
    found = [(name, "constant", edits) for name, edits in _outside(source)]
    for function in source.functions:
        body = _Body(source, function)
        for operator, changes in OPERATORS.items():
            found += [(function.name, operator, edits) for edits in changes(body)]
    found.sort(key=lambda item: (item[2][0].start, list(OPERATORS).index(item[1])))
    seen: Counter[str] = Counter()
    mutants = []
    for name, operator, edits in found:
        at = edits[0].start
        digest = hashlib.sha256(source.line_text(at).encode()).hexdigest()[:4]
        key = f"{path.removeprefix('harness/')}:{name}:{operator}:{digest}"
        seen[key] += 1
        number = f".{seen[key]}" if seen[key] > 1 else ""
        mutant = Mutant(key + number, path, operator, source.line(at), "", "", edits)
        before, after = _shown(text, edits, mutant.apply(text))
        mutants.append(replace(mutant, before=before, after=after))
    return mutants


def sources() -> list[str]:
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("*.*")):
            name = path.name
            if name.endswith((".cc", ".h")) and not name.endswith(("_test.cc", "_fixture.h")):
                found.append(str(path.relative_to(ROOT)))
    return found


def order(mutant: Mutant) -> tuple[bool, str, int, str]:
    """As they are run: those of headers last, which take ten times as long."""
    return mutant.path.endswith(".h"), mutant.path, mutant.line, mutant.id


def load() -> list[Mutant]:
    """All mutants there are."""
    found: list[Mutant] = []
    for path in sources():
        found += mutants_of(path, (ROOT / path).read_text(encoding="utf-8"))
    return sorted(found, key=order)


def _mixed(text: str) -> float:
    """A number below 1 that has nothing to do with the order of ids."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32


def sample(mutants: list[Mutant], count: int) -> list[Mutant]:
    """`count` of them, of each file and operator as large a part as of the whole. A smaller sample
    is part of a larger one, so what was explained once stays explained."""
    groups: dict[tuple[str, str], list[Mutant]] = {}
    for mutant in mutants:
        groups.setdefault((mutant.path, mutant.operator), []).append(mutant)
    ranked: list[tuple[float, str, Mutant]] = []
    for (path, operator), group in groups.items():
        # The first of a small group is not always among the first of all.
        offset = _mixed(f"{path} {operator}")
        for turn, mutant in enumerate(sorted(group, key=lambda mutant: _mixed(mutant.id))):
            ranked.append(((turn + offset) / len(group), mutant.id, mutant))
    chosen = [mutant for _, _, mutant in sorted(ranked, key=lambda item: item[:2])[:count]]
    return sorted(chosen, key=order)
