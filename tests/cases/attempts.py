"""The table against running services, attempt after attempt, each slower than the one before (see `judge`)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import process_run
import socket_run
from casetable import Bench
from judge import Wrong, judge
from simulated import simulate

from msforge.runtime.loop import new_event_loop


def over_sockets(benches: Iterable[Bench], speeds: Sequence[tuple[float, int]]) -> Wrong:
    """What does not agree after the last attempt, in one process.

    Of each attempt: how much slower than simulated time, and how many benches at once.
    """
    known = {bench.name: bench for bench in benches}
    simulated = {name: simulate(bench) for name, bench in known.items()}
    loop = new_event_loop()
    found: Wrong = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = {
            name: socket_run.generate(bench, Path(folder) / "made" / name, int(simulated[name][1].end))
            for name, bench in known.items()
        }
        left = list(known)
        for number, (scale, at_once) in enumerate(speeds):
            seen = loop.run_until_complete(
                socket_run.run([made[name] for name in left], Path(folder) / str(number), scale, at_once))
            for name in left:
                judge(known[name], seen[name], simulated[name][0], found, first=number == 0)
            left = [name for name in left if any(bench == name for bench, _ in found)]
            print(f"{scale:g} times slower: {len(found)} cases do not agree")
            if not left:
                break
    loop.close()
    return found


def as_processes(bench: Bench, speeds: Sequence[float]) -> Wrong:
    """What does not agree after the last attempt, each replica a process."""
    simulated, records = simulate(bench)
    loop = new_event_loop()
    found: Wrong = {}
    for number, scale in enumerate(speeds):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            seen = loop.run_until_complete(
                process_run.run(bench, Path(folder), int(records.end) + process_run.MARGIN, scale))
        judge(bench, seen, simulated, found, first=number == 0)
        print(f"{scale:g} times slower: {len(found)} cases do not agree")
        if not found:
            break
    loop.close()
    return found
