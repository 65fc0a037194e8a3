"""Every case against generated services, over real sockets in real time, the whole table in one event loop.

A busy machine is late, and late enough changes outcomes. So a bench that does not agree is run again, slower: in slow
motion all durations grow alike, and so nothing about the rules changes. A rule that is broken stays broken.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sockets
from casetable import Bench, Case, benches, cases
from observed import Observed, Slack, differences, unlike
from simulated import simulate

from msforge.live.loop import new_event_loop

ROWS = cases()
EARLY = 3.0
"""ms: timers may ring a little early, and the clock is read after what it measures."""
SPEEDS = ((1.5, 4), (4.0, 6), (12.0, 12))
"""Of each attempt: how much slower than simulated time, and how many benches at once."""

Wrong = dict[tuple[str, str], list[str]]


@pytest.fixture(scope="module")
def wrong() -> Iterator[Wrong]:
    """What does not agree, by bench and case, after the last attempt."""
    names = {bench.name: bench for bench, _ in ROWS}
    simulated = {name: simulate(bench) for name, bench in names.items()}
    loop = new_event_loop()
    found: Wrong = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = {
            name: sockets.generate(bench, Path(folder) / "made" / name, int(simulated[name][1].end))
            for name, bench in names.items()
        }
        left = list(names)
        for number, (scale, at_once) in enumerate(SPEEDS):
            seen = loop.run_until_complete(
                sockets.run([made[name] for name in left], Path(folder) / str(number), scale, at_once))
            for name in left:
                judge(names[name], seen[name], simulated[name][0], found, first=number == 0)
            left = [name for name in left if any(bench == name for bench, _ in found)]
            print(f"at {scale:g} times: {len(left)} benches do not agree, {len(found)} cases")
            if not left:
                break
        loop.close()
        yield found


def judge(bench: Bench, seen: Observed, simulated: Observed, found: Wrong, *, first: bool) -> None:
    """Take note of the cases that do not agree; one that has agreed once is done with."""
    for case in bench.cases:
        place = bench.name, case.id
        if first or place in found:
            slack = Slack(EARLY, case.slack)
            found.pop(place, None)
            lines = differences(case, seen, slack) + unlike(bench, case, simulated, seen, slack)
            if lines:
                found[place] = lines


@pytest.mark.parametrize(("bench", "case"), ROWS, ids=[f"{b.name}-{c.id}" for b, c in ROWS])
def test_generated_services_agree(bench: Bench, case: Case, wrong: Wrong) -> None:
    lines = wrong.get((bench.name, case.id), [])
    assert not lines, case.name + "\n" + "\n".join(lines)


def test_all_benches_are_run() -> None:
    assert {bench.name for bench, _ in ROWS} == {bench.name for bench in benches()}
