"""Every case against the runtime in virtual time: the services' own code without network and templates, exactly."""

from __future__ import annotations

from functools import cache

import pytest
import virtual_run
from casetable import Bench, Case, benches, cases
from observed import EXACT, Observed, differences, unlike
from simulated import compiled, simulate

ROWS = cases()


@cache
def seen(name: str) -> tuple[Observed, Observed]:
    """A bench, run once for all of its cases: in virtual time, and simulated."""
    bench = next(b for b in benches() if b.name == name)
    simulated, records = simulate(bench)
    return virtual_run.run(compiled(bench), int(records.end)), simulated


@pytest.mark.parametrize(("bench", "case"), ROWS, ids=[f"{b.name}-{c.id}" for b, c in ROWS])
def test_runtime_agrees(bench: Bench, case: Case) -> None:
    found, simulated = seen(bench.name)
    wrong = differences(case, found, EXACT) + unlike(bench, case, simulated, found, EXACT)
    assert not wrong, case.name + "\n" + "\n".join(wrong)
