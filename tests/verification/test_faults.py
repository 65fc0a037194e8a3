"""Faults of the file strike the running services too, and what is measured of them is what was simulated."""

from __future__ import annotations

from pathlib import Path

import pytest

from msforge.results.agreement import AGREES
from tests.verification.conftest import verify


def test_a_crash_agrees(till: Path) -> None:
    """A replica that is down is neither idle nor there: how busy it was is a share of the time that it was ready."""
    found = verify(till, scenario="closed")
    assert found.agreement.verdict == AGREES, [f.text for f in found.agreement.findings]
    of = {r.name: r for r in found.agreement.readings}
    busy = of["service/back/utilisation"]
    assert busy.measured == pytest.approx(busy.twin, abs=busy.tolerance)
    ready = [next(s for s in side.services if s.name == "back").replicas_mean.value
             for side in (found.measured, found.simulated)]
    assert ready[0] == pytest.approx(ready[1], abs=0.03)
    assert ready[1] < 0.7
