"""Faults of the file strike the running services too, and what is measured of them is what was simulated."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verification.conftest import verify


def test_a_crash_agrees(till: Path) -> None:
    """A replica that is down is neither idle nor there: how busy it was is a share of the time that it was ready."""
    found = verify(till, scenario="closed")
    [busy] = [r for r in found.agreement.readings if r.name == "service/back/utilisation"]
    assert busy.measured == pytest.approx(busy.twin, abs=busy.tolerance)
    measured, simulated = (
        next(s for s in side.services if s.name == "back").replicas_mean.value
        for side in (found.measured, found.simulated)
    )
    assert simulated < 0.7
    assert measured == pytest.approx(simulated, abs=0.06)
