"""Every case on every device. FAIL, ROBUSTNESS and INCONCLUSIVE fail, BROKEN is an error,
UNSUPPORTED skips with its reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from vassay import Batch, Result


@pytest.fixture
def result(batch: Batch, case: str) -> Result:
    """In a fixture, since what goes wrong here is an error and not a failure of the device."""
    return batch.judged(case)


def test_case(result: Result, hold: Callable[[Result], None]) -> None:
    hold(result)
