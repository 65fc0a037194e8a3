"""Every case against generated services that speak gRPC to each other, over real sockets in one process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import socket_run
from casetable import Bench, Case, benches
from judge import Wrong, judge
from simulated import simulate
from spoken import over_grpc

from msforge.live.loop import new_event_loop

pytest.importorskip("grpc", reason="the package grpcio is not installed")

BENCHES = {bench.name: bench for bench in map(over_grpc, benches()) if not bench.long}
ROWS = [(bench, case) for bench in BENCHES.values() for case in bench.cases]
SPEEDS = ((2.0, 4), (6.0, 6), (20.0, 12), (50.0, 24))
"""Of each attempt: how much slower than simulated time, and how many benches at once."""


@pytest.fixture(scope="module")
def wrong() -> Iterator[Wrong]:
    """What does not agree, after the last attempt."""
    simulated = {name: simulate(bench) for name, bench in BENCHES.items()}
    loop = new_event_loop()
    found: Wrong = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = {
            name: socket_run.generate(bench, Path(folder) / "made" / name, int(simulated[name][1].end))
            for name, bench in BENCHES.items()
        }
        left = list(BENCHES)
        for number, (scale, at_once) in enumerate(SPEEDS):
            seen = loop.run_until_complete(
                socket_run.run([made[name] for name in left], Path(folder) / str(number), scale, at_once))
            for name in left:
                judge(BENCHES[name], seen[name], simulated[name][0], found, first=number == 0)
            left = [name for name in left if any(bench == name for bench, _ in found)]
            print(f"{scale:g} times slower: {len(found)} cases do not agree")
            if not left:
                break
        loop.close()
        yield found


@pytest.mark.parametrize(("bench", "case"), ROWS, ids=[f"{b.name}-{c.id}" for b, c in ROWS])
def test_services_that_speak_grpc_agree(bench: Bench, case: Case, wrong: Wrong) -> None:
    lines = wrong.get((bench.name, case.id), [])
    assert not lines, case.name + "\n" + "\n".join(lines)
