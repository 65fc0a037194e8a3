"""Random systems, simulated and on the runtime: the same outcomes, tries and times, to the nanosecond."""

from __future__ import annotations

from itertools import zip_longest

import pytest
import virtual_run
import yaml
from casetable import Entry
from invented import Invention
from observed import UNSEEN, Observed
from simulated import observed

from msforge import sim
from msforge.model import compile_system
from msforge.spec import load_text

MANY = 4096
"""More than any source sends."""


def differences(one: Observed, other: Observed) -> list[str]:
    """Where they differ."""
    found = []
    for source, roots in one.roots.items():
        for number, (a, b) in enumerate(zip_longest(roots, other.roots.get(source, []))):
            if a != b:
                found.append(f"{source} #{number}: simulated {a}, running {b}")
    for callee, counts in one.tries.items():
        mine = {word: n for word, n in counts.items() if n}
        yours = {word: n for word, n in other.tries.get(callee, {}).items() if n}
        if mine != yours:
            found.append(f"tries of {callee}: simulated {mine}, running {yours}")
    for callee, changes in one.breaker.items():
        if sorted(changes) != sorted(other.breaker.get(callee, [])):
            found.append(f"breaker of {callee}: simulated {changes}, running {other.breaker.get(callee)}")
    for name, counts in one.counts.items():
        other_counts = other.counts.get(name, {})
        wrong = [f"{word} {n} {other_counts[word]}" for word, n in counts.items()
                 if word not in UNSEEN and n != other_counts.get(word, n)]
        if wrong:
            found.append(f"{name}: simulated and running {', '.join(wrong)}")
    for body, entries in one.log.items():
        # one that was cancelled before it was sent, and one that a dead replica can't tell of
        entries = [e for e in entries if e.end > e.begin or e.outcome not in ("cancelled", "reset")]
        yours = sorted(other.log.get(body, []), key=_moment)
        if sorted(entries, key=_moment) != yours:
            odd = [e for e in entries if e not in yours][:2]
            odder = [e for e in yours if e not in entries][:2]
            found.append(f"{body}: only simulated {odd}, only running {odder}")
    return found


def _moment(entry: Entry) -> tuple[float, float, str]:
    return entry.begin, entry.end, entry.outcome


@pytest.mark.parametrize("seed", range(40))
def test_the_runtime_does_what_the_simulator_does(seed: int) -> None:
    text = yaml.safe_dump(Invention(seed).system, sort_keys=False)
    system = compile_system(load_text(text))
    traces = frozenset((s.index, number) for s in system.sources for number in range(MANY))
    records = sim.run(system, traces=traces)
    found = differences(observed(system, records), virtual_run.run(system, int(records.end)))
    assert not found, "\n".join(found[:6]) + "\n" + text
