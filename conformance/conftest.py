"""Options, the tool as a fixture, and cases x devices as parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tally import Tally, report
from vassay import ROOT, Batch, Result, Tool

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

DEFAULT_DEVICES = ["reference:arrival", "reference:inorder", "reference:copy"]
CASE_FOLDERS = ["conformance/cases", "corpus"]
TALLIES = pytest.StashKey[list[Tally]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vhost-assay")
    group.addoption(
        "--device", action="append", metavar="URI",
        help="device to test (`vassay devices`); may be given again; all policies of the "
        "reference by default",
    )  # fmt: skip
    group.addoption(
        "--vassay", default=str(ROOT / "build/dev/bin/vassay"), metavar="PATH",
        help="the tool; build/dev/bin/vassay by default",
    )  # fmt: skip
    group.addoption("--strict-verdicts", action="store_true", help="NON-STRICT fails")


def pytest_configure(config: pytest.Config) -> None:
    tallies: list[Tally] = []
    config.stash[TALLIES] = tallies
    path = Path(config.getoption("--vassay"))
    if not path.is_file():
        raise pytest.UsageError(
            f"{path} is not there; build it: cmake --preset dev && cmake --build --preset dev"
        )


def devices(config: pytest.Config) -> list[str]:
    return config.getoption("--device") or DEFAULT_DEVICES


def all_cases() -> list[str]:
    """Every case of the project, relative to its root."""
    found: list[Path] = []
    for folder in CASE_FOLDERS:
        found += sorted((ROOT / folder).rglob("*.vq"))
    return [str(path.relative_to(ROOT)) for path in found]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", devices(metafunc.config), scope="session")
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", all_cases())


@pytest.fixture(scope="session")
def tool(request: pytest.FixtureRequest) -> Tool:
    return Tool(Path(request.config.getoption("--vassay")).resolve())


@pytest.fixture(scope="session")
def batch(device: str, tool: Tool) -> Iterator[Batch]:
    """One process for a device and the whole session: a guest boots once."""
    with Batch(tool, device) as process:
        yield process


@pytest.fixture(scope="session")
def strict(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--strict-verdicts"))


@pytest.fixture(scope="session")
def hold(strict: bool) -> Callable[[Result], None]:
    """Holds a device to a result: the test fails or skips as the verdict says."""

    def hold_to(result: Result) -> None:
        if result.verdict == "UNSUPPORTED":
            pytest.skip(result.reason())
        if result.fails(strict):
            pytest.fail(result.story(), pytrace=False)

    return hold_to


@pytest.fixture(scope="session")
def tally(batch: Batch, strict: bool, request: pytest.FixtureRequest) -> Iterator[Tally]:
    """What combinations do on a device; in the end, while the device is there, failures are
    narrowed down."""
    kept = Tally(batch.device, batch.judged, strict)
    request.config.stash[TALLIES].append(kept)
    yield kept
    kept.narrow()


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    tallies = config.stash[TALLIES]
    if lines := report(tallies):
        terminalreporter.section("combinations that fail")
        for line in lines:
            terminalreporter.line(line)
