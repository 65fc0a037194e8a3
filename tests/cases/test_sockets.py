"""Every case against generated services, over real sockets in real time, the whole table in one event loop."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import socket_run
from casetable import Bench, Case, cases
from judge import Wrong, judge
from simulated import simulate

from msforge.live.loop import new_event_loop

ROWS = [(bench, case) for bench, case in cases() if not bench.long]
SPEEDS = ((1.5, 4), (4.0, 6), (12.0, 12), (40.0, 24))
"""Of each attempt: how much slower than simulated time, and how many benches at once."""


@pytest.fixture(scope="module")
def wrong() -> Iterator[Wrong]:
    """What does not agree, after the last attempt."""
    benches = {bench.name: bench for bench, _ in ROWS}
    simulated = {name: simulate(bench) for name, bench in benches.items()}
    loop = new_event_loop()
    found: Wrong = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = {
            name: socket_run.generate(bench, Path(folder) / "made" / name, int(simulated[name][1].end))
            for name, bench in benches.items()
        }
        left = list(benches)
        for number, (scale, at_once) in enumerate(SPEEDS):
            seen = loop.run_until_complete(
                socket_run.run([made[name] for name in left], Path(folder) / str(number), scale, at_once))
            for name in left:
                judge(benches[name], seen[name], simulated[name][0], found, first=number == 0)
            left = [name for name in left if any(bench == name for bench, _ in found)]
            print(f"{scale:g} times slower: {len(found)} cases do not agree")
            if not left:
                break
        loop.close()
        yield found


@pytest.mark.parametrize(("bench", "case"), ROWS, ids=[f"{b.name}-{c.id}" for b, c in ROWS])
def test_generated_services_agree(bench: Bench, case: Case, wrong: Wrong) -> None:
    lines = wrong.get((bench.name, case.id), [])
    assert not lines, case.name + "\n" + "\n".join(lines)
