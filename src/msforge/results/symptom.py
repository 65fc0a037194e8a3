"""A symptom, and what the searches for symptoms share."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from msforge.model.plan import NONE
from msforge.records import Outcome
from msforge.results.signals import Rise, Signals

Floats = NDArray[np.float64]

FAILURE = 1e9
"""What a failed request weighs, ns."""
CLIENTS = -2
ERROR, RESET, UNAVAILABLE, OVERLOADED, TIMEOUT = (
    int(outcome)
    for outcome in (Outcome.ERROR, Outcome.RESET, Outcome.UNAVAILABLE, Outcome.OVERLOADED, Outcome.TIMEOUT)
)


@dataclass
class Symptom:
    """Something out of the ordinary at one place. `first` and `last` are buckets; harm is in ns of requests' time."""

    kind: str              # slow failing down paused unreachable delayed saturated backlog
    place: str             # service store link channel
    index: int             # of the service, store or channel; of the callee service for a link
    service: int           # the service that stands for it
    harm: float
    first: int
    last: int
    caller: int = NONE     # link: the calling service, CLIENTS for the clients
    body: int = NONE       # when a single endpoint or consumer shows it
    sure: bool = True      # False: the evidence points at more than one place
    facts: dict[str, float] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def endpoints(signals: Signals, service: int) -> list[int]:
    """The bodies of a service that are called, not consumers."""
    bodies = signals.system.services[service].bodies
    return [body for body in bodies if signals.system.bodies[body].consumer == NONE]


def into(signals: Signals, service: int) -> list[int]:
    """Edges that reach a service over the network."""
    return signals.calls_to.get(service, [])


def entries_of(signals: Signals, service: int) -> list[int]:
    """Entry groups whose target is at a service."""
    system = signals.system
    return [n for n, (_, target) in enumerate(signals.slices.entries) if system.bodies[target].service == service]


def over(mask: NDArray[np.bool_], values: Floats) -> float:
    """Sum of `values` in the buckets of `mask`."""
    return float(values[mask].sum())


def by_chance(counts: Floats, whole: Floats, found: Rise) -> bool:
    """True when so many in the hot buckets are no more than the rate elsewhere gives by chance (six sigmas)."""
    calm = ~found.hot
    usual = float(counts[calm].sum() / max(1.0, whole[calm].sum()))
    expected = usual * float(whole[found.hot].sum())
    return bool(counts[found.hot].sum() < expected + 6.0 * expected**0.5 + 5.0)
