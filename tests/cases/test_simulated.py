"""Every case against the simulator, exactly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import pytest
from casetable import Bench, Case, benches, cases
from observed import EXACT, Observed, differences
from simulated import simulate

ROWS = cases()


@cache
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


def test_every_case_expects_something() -> None:
    assert not [case.name for _, case in ROWS if not case.want]


@pytest.mark.parametrize("part", ["roots", "log", "tries", "counts", "breaker", "spread", "causes", "late"])
def test_a_wrong_row_is_found(part: str) -> None:
    """The comparison sees a change in each kind of expectation."""
    wrong: dict[str, object] = {
        "roots": ["ok @1"], "log": {"b.x": ["0..1 ok"]}, "tries": {"b.x": {"timeout": 77}},
        "counts": {"jobs": {"done": 77}}, "breaker": {"b.x": ["7 open"]}, "spread": {"b": [7, 7]},
        "causes": {"b:reset": 77}, "late": {"b.x": 77},
    }
    bench, case = ROWS[0]
    assert differences(replace(case, want={part: wrong[part]}), seen(bench.name), EXACT)
