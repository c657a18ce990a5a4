"""Every case on every device. FAIL, ROBUSTNESS and INCONCLUSIVE fail, BROKEN is an error,
UNSUPPORTED skips with its reason."""

from __future__ import annotations

import pytest
from vassay import Batch, Broken, Result

FAILS = {"FAIL", "ROBUSTNESS", "INCONCLUSIVE"}


@pytest.fixture
def result(batch: Batch, case: str) -> Result:
    """In a fixture, since what goes wrong here is an error and not a failure of the device."""
    found = batch.run(case)
    if found.verdict == "BROKEN":
        raise Broken(found.reason())
    return found


def test_case(result: Result, request: pytest.FixtureRequest) -> None:
    if result.verdict == "UNSUPPORTED":
        pytest.skip(result.reason())
    strict = request.config.getoption("--strict-verdicts") and result.verdict == "NON-STRICT"
    if result.verdict in FAILS or strict:
        pytest.fail(result.story(), pytrace=False)
