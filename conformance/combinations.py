"""What may be combined, pairwise; and which values of a combination a failure comes from.

A combination gives each axis a value. `array()` is a set of them in which every two values of two
axes meet at least once, if they may: most mistakes that need more than one condition need two. It
is the same whenever it is made, so a combination's name can be repeated and listed.

The policy is an axis too, but the device's: every combination runs under each of the reference's
policies, so each value meets each policy. Elsewhere there is nothing to choose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product

Combination = Mapping[str, str]
Value = tuple[str, str]  # axis and value
Pair = tuple[Value, Value]
Cause = frozenset[Value]  # values of axes that induce a failure where they meet

AXES: dict[str, tuple[str, ...]] = {
    "EVENT_IDX": ("off", "on"),
    "INDIRECT": ("off", "on"),
    "MRG_RXBUF": ("off", "on"),
    "header": ("modern", "legacy"),  # with VERSION_1 or without
    "num": ("4", "8", "256", "1024"),  # 1024 is what guest memory has room for
    "framing": ("whole", "alone", "split", "pieces"),
    "base": ("0", "65534"),  # the third chain is past the wrap
    "order": ("at_once", "arrival", "reverse", "interleaved"),
}

# Descriptors of a chain: FRAMINGS of combination_program.py in numbers.
DESCRIPTORS = {"whole": 1, "alone": 2, "split": 3, "pieces": 8}

LARGEST_CAUSE = 3
MOST_PROBES = 20  # a single cause of any kind takes ten at most


def chains_at_once(combination: Combination) -> int:
    """How many chains the ring holds."""
    size = 1 if combination["INDIRECT"] == "on" else DESCRIPTORS[combination["framing"]]
    return int(combination["num"]) // size


@dataclass(frozen=True)
class Constraint:
    reason: str
    keeps: Callable[[Combination], bool]


CONSTRAINTS = (
    Constraint(
        "without VERSION_1 the header has a descriptor of its own (VIRTIO 1.2, Legacy Interface: "
        "Framing Requirements)",
        lambda c: c["header"] == "modern" or c["framing"] == "alone",
    ),
    Constraint(
        "a chain is no longer than the queue, in a table too (VIRTIO 1.2, 2.7.5.3.1)",
        lambda c: DESCRIPTORS[c["framing"]] <= int(c["num"]),
    ),
    Constraint(
        "what is held alone completes in one order only",
        lambda c: c["order"] in ("at_once", "arrival") or chains_at_once(c) > 1,
    ),
    Constraint(
        "a frame takes several buffers only where the ring holds them",
        lambda c: c["MRG_RXBUF"] == "off" or chains_at_once(c) > 1,
    ),
)


@cache
def allowed() -> tuple[Combination, ...]:
    every = (dict(zip(AXES, values, strict=True)) for values in product(*AXES.values()))
    return tuple(c for c in every if all(constraint.keeps(c) for constraint in CONSTRAINTS))


def name(combination: Combination) -> str:
    return ",".join(f"{axis}={combination[axis]}" for axis in AXES)


@cache
def array() -> tuple[Combination, ...]:
    """Greedy: always the one in which most pairs meet that have not met yet; of several the one
    whose pairs have met least, so that no two axes go together all the time."""
    pairs = [tuple(combinations(one.items(), 2)) for one in allowed()]
    missing = set().union(*pairs)
    met: Counter[Pair] = Counter()
    chosen = []
    while missing:
        fresh = [sum(pair in missing for pair in some) for some in pairs]
        most = max(fresh)
        best = min((number for number, count in enumerate(fresh) if count == most),
                   key=lambda number: sum(met[pair] for pair in pairs[number]))  # fmt: skip
        missing.difference_update(pairs[best])
        met.update(pairs[best])
        chosen.append(allowed()[best])
    return tuple(chosen)


# ---- what a failure comes from -----------------------------------------------------------------


def has(combination: Combination, cause: Cause) -> bool:
    return cause <= combination.items()


def _of_size(size: int, values: Iterable[Value],
             passed: Sequence[Combination]) -> list[Cause]:  # fmt: skip
    """Sets of so many of these values that meet in nothing that passed."""
    sets = (frozenset(some) for some in combinations(sorted(values), size))
    return [cause for cause in sets if not any(has(one, cause) for one in passed)]


def _common(some: Sequence[Combination]) -> set[Value]:
    return set.intersection(*(set(one.items()) for one in some))


def inducing(failed: Sequence[Combination], passed: Sequence[Combination]) -> list[Cause]:
    """The smallest causes that are in all that failed and in nothing that passed: several of a size
    where these runs do not tell which, none where no set of up to three values explains it."""
    common = _common(failed)
    for size in range(1, LARGEST_CAUSE + 1):
        if found := _of_size(size, common, passed):
            return found
    return []


@dataclass(frozen=True)
class Explanation:
    causes: tuple[Cause, ...]  # one of these; empty: no set of up to three values explains it
    failed: tuple[Combination, ...]  # that it is about


def explain(failed: Sequence[Combination], passed: Sequence[Combination]) -> list[Explanation]:
    """One explanation for all if there is one; else one after the other, each for as many as it
    can, small ones first."""
    found: list[Explanation] = []
    rest = list(failed)
    while rest:
        causes = inducing(rest, passed) or _of_most(rest, passed)
        if not causes:
            found += [Explanation((), (one,)) for one in rest]
            break
        about = [one for one in rest if has(one, causes[0])]
        found.append(Explanation(tuple(causes), tuple(about)))
        rest = [one for one in rest if not has(one, causes[0])]
    return found


def _of_most(failed: Sequence[Combination], passed: Sequence[Combination]) -> list[Cause]:
    """The smallest causes in any that failed; of these, those that are in the same, the most."""
    for size in range(1, LARGEST_CAUSE + 1):
        sets = {cause for one in failed for cause in _of_size(size, one.items(), passed)}
        where = {cause: tuple(number for number, one in enumerate(failed) if has(one, cause))
                 for cause in sorted(sets, key=sorted)}  # fmt: skip
        if where:
            most = max(where.values(), key=len)
            return [cause for cause in where if where[cause] == most]
    return []


def telling(failed: Sequence[Combination], passed: Sequence[Combination]) -> Combination | None:
    """One that has not run and that would tell causes apart, or tell a cause from what else is
    common to all that failed with it. None: nothing more can be learned."""
    if not passed:
        return None
    fresh = [one for one in allowed() if one not in failed and one not in passed]
    for explanation in explain(failed, passed):
        among = len(explanation.causes)
        counts = [(sum(has(one, cause) for cause in explanation.causes), one) for one in fresh]
        if splits := [(abs(2 * n - among), one) for n, one in counts if 0 < n < among]:
            return min(splits, key=lambda split: split[0])[1]
        common = _common(explanation.failed)
        others = [(len(common & one.items()), one) for n, one in counts if n == among > 0]
        least, other = min(others, key=lambda each: each[0], default=(len(common), None))
        if least < len(common):
            return other
    return None


def narrow(failed: Sequence[Combination], passed: Sequence[Combination],
           run: Callable[[Combination], bool]) -> None:  # fmt: skip
    """Runs what tells causes apart. `run` puts what it is given to those that failed or passed;
    False: it is neither."""
    for _ in range(MOST_PROBES if failed else 0):
        more = telling(failed, passed)
        if more is None or not run(more):
            return


def said(failed: Sequence[Combination], passed: Sequence[Combination]) -> list[str]:
    """What the failures come from, a sentence each."""
    if not passed:
        return [f"fails in every combination ({len(failed)})"]
    lines = []
    for explanation in explain(failed, passed):
        if not explanation.causes:
            lines.append("no set of up to three values explains the failure of "
                         + name(explanation.failed[0]))  # fmt: skip
            continue
        words = [" and ".join(f"{axis}={value}" for axis, value in sorted(cause))
                 for cause in explanation.causes]  # fmt: skip
        count = len(explanation.failed)
        others = len(failed) + len(passed) - count
        also = len(failed) - count
        lines.append(f"fails whenever {', or whenever '.join(words)} "
                     f"({count} of {count}; {also} of {others} others)")  # fmt: skip
        if len(words) > 1:
            lines[-1] += ": which of them, these runs do not tell"
    return lines
