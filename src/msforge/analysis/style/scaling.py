"""What scaling the uneven part alone saves, in a month's money."""

from __future__ import annotations

from dataclasses import dataclass

from msforge.analysis.cost import GIB, HOURS
from msforge.analysis.style.formulas import cores
from msforge.analysis.style.situation import SECOND, Situation

HOUR = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Machines:
    """Cores at the peak, a process on each, and what they cost in a month."""

    cores: int
    memory: float                 # GiB of all
    month: float


def machines(busy: float, memory: float, situation: Situation) -> Machines:
    """Enough for `busy` cores' work, `memory` bytes a process."""
    many = cores(busy)
    size = memory / GIB
    month = many * (situation.core_price + size * situation.memory_price) * HOURS
    return Machines(many, many * size, month)


def busy(situation: Situation) -> float:
    """Cores' worth of work at an ordinary peak: rate times CPU time (the utilisation law)."""
    return situation.rate * situation.cpu / SECOND


def as_one(situation: Situation) -> Machines:
    """One program at the uneven part's own peak: every process carries all of it."""
    work = busy(situation)
    at_peak = work * (1 - situation.share) + work * situation.share * situation.peak
    return machines(at_peak, situation.process + situation.memory, situation)


def apart(situation: Situation) -> tuple[Machines, Machines]:
    """The rest at its ordinary peak, and the uneven part at its own; memory is divided as the work is."""
    work, share = busy(situation), situation.share
    rest = machines(work * (1 - share), situation.process + situation.memory * (1 - share), situation)
    part = machines(work * share * situation.peak, situation.process + situation.memory * share, situation)
    return rest, part


def evenly(situation: Situation, deployables: int) -> Machines:
    """All parts apart, of equal size, at an ordinary peak."""
    one = machines(busy(situation) / deployables, situation.process + situation.memory / deployables, situation)
    return Machines(one.cores * deployables, one.memory * deployables, one.month * deployables)


def together(situation: Situation) -> Machines:
    """One program at an ordinary peak."""
    return machines(busy(situation), situation.process + situation.memory, situation)


def upkeep(situation: Situation, deployables: int = 1) -> float:
    """What the work on so many deployables costs in a month."""
    return deployables * situation.upkeep / HOUR * situation.engineer_price
