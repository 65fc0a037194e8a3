"""How fast this laptop simulates, and what that means for a lab."""

from __future__ import annotations

import math
import os
import time

from msforge.units import SECOND
from msforge.workshop.checks import Check, State

SECONDS = 1.5
"""How long is measured."""
SETTLED = 5 * SECOND
"""Simulated time that is left out: first uses of everything."""
RATE = 200
STEADY = [f"traffic.shoppers.stages=[{{rate: {RATE}/s, for: 10m}}]", "simulation.duration=10m"]
"""The shop's highest everyday rate, for longer than anyone waits."""
REFERENCE = 3_000.0
"""Checkouts of the shop that one core of the reference machine simulates in a second (docs/doctor.md)."""
REFERENCE_CORES = 2
LAB = 5.0
"""Seconds that a lab's check may take on the reference machine."""
SEEDS = 5
"""Runs of a check."""
PATIENCE = 15.0
"""Seconds that a class waits without grumbling."""


def speed() -> Check:
    """A part of the shop's day, simulated on one core."""
    import msforge
    from msforge.catalog import example

    ticks: list[tuple[float, int]] = []

    def tell(done: int, total: int, requests: int) -> None:
        if done >= SETTLED:  # requests are counted in lumps; simulated time is not
            ticks.append((time.perf_counter(), done))

    def enough() -> bool:
        return len(ticks) > 2 and ticks[-1][0] - ticks[0][0] > SECONDS

    msforge.simulate(example("shop").file, sets=STEADY, replications=1, processes=1, progress=tell, stop=enough)
    took, simulated = (last - first for first, last in zip(ticks[0], ticks[-1], strict=True))
    return judged(RATE * simulated / SECOND / max(took, 1e-9), os.cpu_count() or 1)


def lab_seconds(per_second: float, cores: int) -> float:
    """What a check of at most `LAB` seconds on the reference machine takes here: five runs, one a core at a time."""
    rounds = math.ceil(SEEDS / cores) / math.ceil(SEEDS / REFERENCE_CORES)
    return LAB * rounds * REFERENCE / max(per_second, 1e-9)


def judged(per_second: float, cores: int) -> Check:
    """The finding for so many simulated checkouts a second and core."""
    expected = lab_seconds(per_second, cores)
    words = f"{per_second:,.0f} checkouts/s on one core: a lab's check takes at most about {_seconds(expected)}"
    if expected <= PATIENCE:
        return Check("speed", "simulation", State.OK, words)
    return Check("speed", "simulation", State.WARN, words,
                 "plug it in, close other programs, switch a power-saving mode off; a virus scanner may read along")


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 9.95 else f"{value:,.0f} s"
