"""A deliberate lie is caught: the code does something else than the file says, and verify names the service."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from msforge.live import state
from msforge.results.agreement import AGREES, DISAGREES, INCONCLUSIVE, Agreement
from msforge.verification.machine import Watch
from tests.verification.conftest import verify


def lie(folder: Path, service: str, file: str, what: str, instead: str) -> None:
    """Change the service's code, and nothing else."""
    [found] = (folder / "services" / service).glob(f"*/{file}")
    text, count = re.subn(what, instead, found.read_text("utf-8"))
    assert count == 1
    found.write_text(text, "utf-8")


def blamed(found: Agreement) -> list[tuple[str, str]]:
    return [(finding.service, finding.step) for finding in found.findings]


def test_an_honest_system_agrees(till: Path) -> None:
    for _ in range(2):
        found = verify(till, watch=Watch, slow_motion=3.0)
        if found.agreement.verdict != INCONCLUSIVE:
            break
    assert found.measured.entries[0].counts.arrivals == found.simulated.entries[0].counts.arrivals
    assert state.read(till) is None
    if found.agreement.verdict == INCONCLUSIVE:
        warnings.warn(f"inconclusive, twice: {found.agreement.reasons}", stacklevel=1)
        return
    assert found.agreement.verdict == AGREES, found.agreement.findings
    [pairs] = found.agreement.pairs
    assert pairs.count > 150
    assert pairs.correlation is not None and pairs.correlation > 0.9
    assert pairs.same_outcome is not None and pairs.same_outcome > 0.95


def test_a_retry_too_many(till: Path) -> None:
    lie(till, "front", "clients.py", r"attempts=2", "attempts=3")
    found = verify(till).agreement
    assert found.verdict == (INCONCLUSIVE if found.reasons else DISAGREES)
    assert ("front", "call back.pay") in blamed(found)


def test_a_queue_that_is_not_bounded(till: Path) -> None:
    lie(till, "back", "app.py", r"queue=2,", "queue=-1,")
    found = verify(till).agreement
    assert found.verdict == (INCONCLUSIVE if found.reasons else DISAGREES)
    assert ("back", "queue") in blamed(found)


def test_work_done_twice(till: Path) -> None:
    lie(till, "front", "handlers.py", r"    await do\.wait_1\(\)\n", "    await do.wait_1()\n    await do.wait_1()\n")
    found = verify(till).agreement
    assert found.verdict == (INCONCLUSIVE if found.reasons else DISAGREES)
    first = found.findings[0]
    assert (first.service, first.endpoint, first.step) == ("front", "buy", "wait#0")
    assert found.traces and {visit["side"] for visit in found.traces[0]["visits"]} == {"measured", "simulated"}


