"""A marked subset of the table against processes that speak gRPC to each other, through balancers in front."""

from __future__ import annotations

import tempfile
from pathlib import Path

import process_run
import pytest
from casetable import Case, marked
from judge import Wrong, judge
from simulated import simulate
from spoken import over_grpc

from msforge.live.loop import new_event_loop

pytest.importorskip("grpc", reason="the package grpcio is not installed")

BENCH = over_grpc(marked())
SPEEDS = (6.0, 20.0, 50.0)
"""How much slower than simulated time: a process that died needs a second to start again."""


@pytest.fixture(scope="module")
def wrong() -> Wrong:
    """What does not agree, after the last attempt."""
    simulated, records = simulate(BENCH)
    loop = new_event_loop()
    found: Wrong = {}
    for number, scale in enumerate(SPEEDS):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            seen = loop.run_until_complete(
                process_run.run(BENCH, Path(folder), int(records.end) + process_run.MARGIN, scale))
        judge(BENCH, seen, simulated, found, first=number == 0)
        print(f"{scale:g} times slower: {len(found)} cases do not agree")
        if not found:
            break
    loop.close()
    return found


@pytest.mark.parametrize("case", BENCH.cases, ids=[case.id for case in BENCH.cases])
def test_processes_that_speak_grpc_agree(case: Case, wrong: Wrong) -> None:
    lines = wrong.get((BENCH.name, case.id), [])
    assert not lines, case.name + "\n" + "\n".join(lines)
