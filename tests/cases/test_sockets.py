"""Every case against generated services, over real sockets in real time, the whole table in one event loop."""

from __future__ import annotations

import pytest
from attempts import over_sockets
from casetable import Bench, Case, benches
from judge import Wrong
from once import once

BENCHES = [bench for bench in benches() if not bench.long]
ROWS = [(bench, case) for bench in BENCHES for case in bench.cases]
SPEEDS = ((1.5, 4), (4.0, 6), (12.0, 12), (40.0, 24))
"""Of each attempt: how much slower than simulated time, and how many benches at once."""


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Wrong:
    """What does not agree, after the last attempt."""
    return once("sockets", tmp_path_factory, worker_id, lambda: over_sockets(BENCHES, SPEEDS))


@pytest.mark.parametrize(("bench", "case"), ROWS, ids=[f"{b.name}-{c.id}" for b, c in ROWS])
def test_generated_services_agree(bench: Bench, case: Case, wrong: Wrong) -> None:
    lines = wrong.get((bench.name, case.id), [])
    assert not lines, case.name + "\n" + "\n".join(lines)
