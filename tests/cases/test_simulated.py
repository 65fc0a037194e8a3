"""Every case against the simulator, exactly."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import pytest
from casetable import Bench, Case, benches, cases
from observed import EXACT, Observed, differences
from simulated import simulate

ROWS = cases()


@lru_cache(maxsize=None)
def seen(name: str) -> Observed:
    """A bench, run once for all of its cases."""
    return simulate(next(b for b in benches() if b.name == name))[0]


@pytest.mark.parametrize(("bench", "case"), ROWS, ids=[f"{b.name}-{c.id}" for b, c in ROWS])
def test_simulator_agrees(bench: Bench, case: Case) -> None:
    found = differences(case, seen(bench.name), EXACT)
    assert not found, case.name + "\n" + "\n".join(found)


def test_every_rule_has_three_cases() -> None:
    counts = Counter(case.rule for _, case in ROWS)
    assert "" not in counts
    few = {rule: n for rule, n in counts.items() if n < 3}
    assert not few
