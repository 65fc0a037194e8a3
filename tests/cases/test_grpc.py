"""Every case against generated services that speak gRPC to each other, over real sockets in one process."""

from __future__ import annotations

import pytest
from attempts import over_sockets
from casetable import Bench, Case, benches
from judge import Wrong
from once import once
from spoken import over_grpc

pytest.importorskip("grpc", reason="the package grpcio is not installed")

BENCHES = {bench.name: bench for bench in map(over_grpc, benches()) if not bench.long}
ROWS = [(bench, case) for bench in BENCHES.values() for case in bench.cases]
SPEEDS = ((2.0, 4), (6.0, 6), (20.0, 12), (50.0, 24))
"""Of each attempt: how much slower than simulated time, and how many benches at once."""


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Wrong:
    """What does not agree, after the last attempt."""
    return once("grpc", tmp_path_factory, worker_id, lambda: over_sockets(BENCHES.values(), SPEEDS))


@pytest.mark.parametrize(("bench", "case"), ROWS, ids=[f"{b.name}-{c.id}" for b, c in ROWS])
def test_services_that_speak_grpc_agree(bench: Bench, case: Case, wrong: Wrong) -> None:
    lines = wrong.get((bench.name, case.id), [])
    assert not lines, case.name + "\n" + "\n".join(lines)
