"""What a machine adds to a system's own times: measured there, and laid on a plan by name.

The dice stay as they were: an overhead is added to a draw and has a word of its own. A plan without overheads is
the description's, and nothing of this is in a user's file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from msforge.model.estimate import body_times
from msforge.model.plan import Step, System, Verb
from msforge.policies.distributions import Dist

NAMES: Final[Mapping[str, str]] = {
    "client": "a client's request, beyond network and steps",
    "call": "a call between services, beyond network and steps",
    "short call": "the same of one answered within two milliseconds",
    "step": "a step of work or waiting, beyond its time",
    "short step": "the same of one shorter than two milliseconds",
    "hand-off": "a thread's release until the next request in line has it",
    "delivery": "a message's way from the broker to a consumer's thread",
    "store": "an operation of a store, beyond its time",
    "write": "the same of one that writes, with its commit",
    "publish": "a message on its way to the broker, beyond its time",
}
"""Every overhead by name, in a reader's words."""
SHORT: Final = 2_000_000
"""ns on the clock, on average, below which a step, or a call's answer, is a short one: who sleeps briefly wakes on a
core still awake."""


@dataclass(frozen=True)
class Overheads:
    """Samples (ns, ascending, none below 0) of each overhead in NAMES; those that are missing add nothing.

    `client` and both kinds of `call` are for the way there and back together, with the overshoot of the two sleeps that
    stand for the network, and with what the service does around its steps.
    """

    samples: Mapping[str, tuple[float, ...]]
    slow_motion: float = 1.0
    """How long a second of the description takes on the clock."""
    brief: frozenset[int] = frozenset()
    """Bodies of the plan they were laid on that answer within SHORT, where nobody waits."""

    def slowed(self, slow_motion: float) -> Overheads:
        """As they are in the description's time, when each of its seconds takes so many on the clock."""
        return replace(
            self, slow_motion=self.slow_motion * slow_motion,
            samples={name: tuple(v / slow_motion for v in values) for name, values in self.samples.items()},
        )

    def varied(self, level: float, spread: float) -> Overheads:
        """As on the same machine at another time: medians `level` times as long, the logs around them `spread` times
        as wide. Both are above 0."""
        return replace(self, samples={
            name: tuple(_varied(v, self.median(name), level, spread) for v in values)
            for name, values in self.samples.items()
        })

    def median(self, name: str) -> float:
        """The median (ns), 0 for one that is missing."""
        values = self.samples.get(name, ())
        return middle(values) if values else 0.0

    def longer(self, name: str, dist: Dist) -> Dist:
        """`dist` with the overhead of this name added."""
        values = self.samples.get(name)
        return Dist("delayed", values, (dist,)) if values else dist

    def hop(self, name: str, latency: Dist) -> Dist:
        """The latency of one way of a `client`'s request or a kind of `call`. Without latency nothing sleeps there."""
        values = self.samples.get(name)
        if not values:
            return latency
        slept = self.median("short step") if latency.is_constant and latency.mean == 0 else 0.0
        halves = tuple(max(0.0, value / 2 - slept) for value in values)
        return Dist("delayed", halves, (latency,))

    @property
    def hand_off(self) -> Dist | None:
        """From a thread's release to the next request's start; None when it takes no time."""
        return self._alone("hand-off")

    @property
    def delivery(self) -> Dist | None:
        """From the broker to the consumer's first step; None when it takes no time."""
        return self._alone("delivery")

    def _alone(self, name: str) -> Dist | None:
        values = self.samples.get(name)
        return Dist("empirical", values) if values else None

    def on(self, system: System) -> System:
        """The plan on a machine with these overheads. Simulated, it answers as that machine does."""
        brief = {body for body, ns in enumerate(body_times(system)) if ns * self.slow_motion < SHORT}
        return replace(
            system,
            steps=tuple(self._step(step) for step in system.steps),
            stores=tuple(
                replace(s, read=self.longer("store", s.read), write=self.longer("write", s.write))
                for s in system.stores
            ),
            channels=tuple(replace(c, publish=self.longer("publish", c.publish)) for c in system.channels),
            overheads=replace(self, brief=frozenset(brief)),
        )

    def _step(self, step: Step) -> Step:
        if step.verb not in (Verb.WORK, Verb.WAIT) or step.service < 0 or step.dist is None:
            return step
        short = step.dist.mean * self.slow_motion < SHORT
        return replace(step, dist=self.longer("short step" if short else "step", step.dist))


def _varied(value: float, median: float, level: float, spread: float) -> float:
    return level * median * (value / median) ** spread if median > 0 else level * value


def middle(values: Sequence[float]) -> float:
    """The median of ascending samples, the upper one of two."""
    return values[len(values) // 2]


def log_spread(values: Sequence[float]) -> float:
    """How far apart ascending samples are: the log of the 0.9 quantile over the 0.1 quantile; 0 when one is 0."""
    low, high = values[len(values) // 10], values[len(values) * 9 // 10]
    return math.log(high / low) if low > 0 else 0.0


def ascending(values: Sequence[float], most: int = 400) -> tuple[float, ...]:
    """Measured values as an overhead keeps them: none below 0, ascending, at most so many, evenly spread."""
    ordered = sorted(max(0.0, float(value)) for value in values)
    if len(ordered) <= most:
        return tuple(ordered)
    return tuple(ordered[(2 * i + 1) * len(ordered) // (2 * most)] for i in range(most))
