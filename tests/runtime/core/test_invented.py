"""Random systems, simulated and on the runtime: the same outcomes, tries and times, to the nanosecond."""

from __future__ import annotations

import pytest
import virtual_run
import yaml
from invented import Invention
from observed import Observed
from simulated import observed

from msforge import sim
from msforge.model import compile_system
from msforge.spec import load_text


def differences(one: Observed, other: Observed) -> list[str]:
    """Where they differ."""
    found = []
    for source, roots in one.roots.items():
        for number, (a, b) in enumerate(zip(roots, other.roots[source], strict=True)):
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
    for body, entries in one.log.items():
        entries = [e for e in entries if e.end > e.begin or e.outcome != "cancelled"]  # cancelled before it was sent
        if entries != other.log.get(body, []):
            odd = [e for e in entries if e not in other.log.get(body, [])][:2]
            odder = [e for e in other.log.get(body, []) if e not in entries][:2]
            found.append(f"{body}: only simulated {odd}, only running {odder}")
    return found


@pytest.mark.parametrize("seed", range(40))
def test_the_runtime_does_what_the_simulator_does(seed: int) -> None:
    text = yaml.safe_dump(Invention(seed).system, sort_keys=False)
    system = compile_system(load_text(text))
    traces = frozenset((s.index, number) for s in system.sources for number in range(len(s.times)))
    records = sim.run(system, traces=traces)
    found = differences(observed(system, records), virtual_run.run(system, int(records.end)))
    assert not found, "\n".join(found[:6]) + "\n" + text
