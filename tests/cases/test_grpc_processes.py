"""A marked subset of the table against processes that speak gRPC to each other, through balancers in front."""

from __future__ import annotations

import pytest
from attempts import as_processes
from casetable import Case, marked
from judge import Wrong
from once import once
from spoken import over_grpc

pytest.importorskip("grpc", reason="the package grpcio is not installed")

BENCH = over_grpc(marked())
SPEEDS = (6.0, 20.0, 50.0)
"""How much slower than simulated time: a process that died needs a second to start again."""


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Wrong:
    """What does not agree, after the last attempt."""
    return once("grpc-processes", tmp_path_factory, worker_id, lambda: as_processes(BENCH, SPEEDS))


@pytest.mark.parametrize("case", BENCH.cases, ids=[case.id for case in BENCH.cases])
def test_processes_that_speak_grpc_agree(case: Case, wrong: Wrong) -> None:
    lines = wrong.get((BENCH.name, case.id), [])
    assert not lines, case.name + "\n" + "\n".join(lines)
