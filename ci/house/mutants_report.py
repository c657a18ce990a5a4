"""What a run of ci/mutants found, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from house.mutants import CAUGHT, Outcome
from house.mutate import Mutant
from house.report import percent

SHARE = 0.9  # of the mutants that are another program: so many are to be caught


@dataclass(frozen=True)
class Summary:
    """Mutants with their outcomes, and which survivors are listed as equivalent."""

    decided: list[tuple[Mutant, Outcome]]
    listed: dict[str, str]
    undecided: int = 0

    @property
    def counted(self) -> list[tuple[Mutant, Outcome]]:
        return [item for item in self.decided if item[1].counts]

    @property
    def caught(self) -> int:
        return sum(outcome.caught for _, outcome in self.decided)

    @property
    def survivors(self) -> list[Mutant]:
        """Those that nobody has explained."""
        return [
            mutant for mutant, outcome in self.decided
            if outcome.state == "survived" and mutant.id not in self.listed
        ]  # fmt: skip

    @property
    def stale(self) -> list[tuple[Mutant, Outcome]]:
        """Listed, and no survivors."""
        return [
            item for item in self.decided
            if item[0].id in self.listed and item[1].state != "survived"
        ]  # fmt: skip

    @property
    def good(self) -> bool:
        enough = self.caught >= SHARE * len(self.counted)
        return enough and not self.survivors and not self.stale


def _table(
    summary: Summary, title: str, key: Callable[[Mutant], str]
) -> Iterator[str]:  # fmt: skip
    total: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    for mutant, outcome in summary.counted:
        total[key(mutant)] += 1
        caught[key(mutant)] += outcome.caught
    yield f"{title:28} {'caught':>7} {'of':>5}"
    for name in sorted(total):
        share = percent(caught[name], total[name])
        yield f"  {name:26} {caught[name]:>7} {total[name]:>5}  {share:>6}"


def shown(mutant: Mutant) -> list[str]:
    return [f"  {mutant.path}:{mutant.line}: {mutant.operator}", f"    - {mutant.before}",
            f"    + {mutant.after}", f"    ci/mutants '{mutant.id}'"]  # fmt: skip


def lines(summary: Summary) -> Iterator[str]:
    """The whole summary; the last line is one for a log."""
    states = Counter(outcome.state for _, outcome in summary.decided)
    yield from _table(summary, "by file", lambda mutant: mutant.file)
    yield from _table(summary, "by operator", lambda mutant: mutant.operator)
    yield ""
    for mutant, outcome in summary.stale:
        yield f"listed as equivalent, but {outcome.state} {outcome.by}".rstrip() + ":"
        yield from shown(mutant)
    for mutant in summary.survivors:
        yield "survived:"
        yield from shown(mutant)
    for state in (*CAUGHT, "survived", "same-code", "no-compile"):
        note = ""
        if state == "survived" and states[state]:
            note = f", {states[state] - len(summary.survivors)} of them listed as equivalent"
        yield f"{state:12} {states[state]:>5}{note}"
    if summary.undecided:
        yield f"{'not decided':12} {summary.undecided:>5}"
    total = len(summary.counted)
    yield (
        f"{len(summary.decided)} mutants, {total} of them another program, "
        f"{summary.caught} caught ({percent(summary.caught, total)}), "
        f"{len(summary.survivors)} unexplained"
    )
