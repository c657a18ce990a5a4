"""How combinations go on devices: each is written to a file and run, failures are narrowed down."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from combination_program import program
from combinations import Combination, name, narrow, said
from vassay import ROOT, Result

FOLDER = ROOT / "build" / "combinations"


class Tally:
    """The combinations that ran on one device, and how."""

    def __init__(self, device: str, judge: Callable[[str], Result], strict: bool) -> None:
        """`judge` runs a case, named relative to the root, on the device."""
        self.device = device
        self.failed: list[Combination] = []
        self.passed: list[Combination] = []
        self._judge = judge
        self._strict = strict

    def run(self, combination: Combination) -> Result:
        """The file stays, so that the command that repeats it works."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{name(combination)}.vq"
        path.write_text(program(combination))
        result = self._judge(str(path.relative_to(ROOT)))
        if result.fails(self._strict):
            self.failed.append(combination)
        elif result.verdict != "UNSUPPORTED":
            self.passed.append(combination)
        return result

    def narrow(self) -> None:
        """Runs what tells possible causes of the failures apart."""
        narrow(self.failed, self.passed, lambda more: self.run(more).verdict != "UNSUPPORTED")


def _with_policy(tally: Tally, ran: Sequence[Combination]) -> list[Combination]:
    """The reference's policy is its URI's, and an axis like the others."""
    device, _, policy = tally.device.partition(":")
    return [{**one, "policy": policy or "arrival"} if device == "reference" else one for one in ran]


def report(tallies: Sequence[Tally]) -> list[str]:
    """A line for each cause of failures; the reference is one device."""
    failed: dict[str, list[Combination]] = {}
    passed: dict[str, list[Combination]] = {}
    for tally in tallies:
        device = "reference" if tally.device.startswith("reference") else tally.device
        failed.setdefault(device, []).extend(_with_policy(tally, tally.failed))
        passed.setdefault(device, []).extend(_with_policy(tally, tally.passed))
    return [f"{device}: {line}" for device in failed if failed[device]
            for line in said(failed[device], passed[device])]  # fmt: skip
