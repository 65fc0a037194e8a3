"""Every case of the table that needs neither store nor channel, nor a host that changes what runs.

Simulated and on the runtime, to the nanosecond.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
from casetable import Bench, Case, benches
from instants import run
from observed import EXACT, Observed, differences, unlike
from simulated import compiled, simulate
from twin import live

HOSTS = ("change", "deploy")
"""What a host does to the replicas it has, and no replica for itself."""
BENCHES = {
    bench.name: bench for bench in benches()
    if not bench.long and not bench.system.get("stores") and not bench.system.get("channels")
    and not any(kind in fault for fault in bench.system.get("faults", []) for kind in HOSTS)
}


@lru_cache(maxsize=2)
def both(name: str) -> tuple[Observed, Observed]:
    """A bench simulated, and on the runtime."""
    bench = BENCHES[name]
    system = compiled(bench)
    return simulate(bench)[0], run(lambda loop: live(system, loop))


CASES = [(bench, case) for bench in BENCHES.values() for case in bench.cases]


@pytest.mark.parametrize(("bench", "case"), CASES, ids=[f"{b.name}-{c.id}" for b, c in CASES])
def test_the_runtime_does_what_the_table_says(bench: Bench, case: Case) -> None:
    simulated, running = both(bench.name)
    case.want.pop("late", None)
    case.want.pop("spread", None)
    found = differences(case, running, EXACT) + unlike(bench, case, simulated, running, EXACT)
    assert not found, "\n".join(found)
