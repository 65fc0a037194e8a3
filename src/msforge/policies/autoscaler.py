"""The Kubernetes HorizontalPodAutoscaler's rule, with its default behaviour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

SECOND: Final = 1_000_000_000
PERIOD: Final = 15 * SECOND
"""How often the caller asks, and the period that scaling up is limited in."""
STABILISATION: Final = 300 * SECOND
"""How far back the highest recommendation holds when scaling down."""
TOLERANCE: Final = 10
"""Nothing happens while usage is within a tenth (1 / TOLERANCE) of the target."""
STEP_UP: Final = 4
PARTS: Final = 1_000_000
"""Readings and the target are compared in integers, in parts of this."""


class Autoscaler:
    """How many replicas there should be, between `minimum` and `maximum`, for a `target` use (0 to 1).

    As `k8s.io/kubernetes/pkg/controller/podautoscaler`: desired = ceil(sum of readings / target).
    Replicas that are not ready count 0 when the others call for more, and are left out when they
    call for fewer; if counting them turns the direction, nothing happens. Up at once, but at most to the
    larger of +4 and twice the replicas of 15 s before. Down to the highest recommendation of
    the last 300 s; the number of replicas at the first decision is the first recommendation.
    """

    __slots__ = ("_added", "_advice", "_target", "maximum", "minimum")

    def __init__(self, minimum: int, maximum: int, target: float) -> None:
        if not 0 < minimum <= maximum:
            raise ValueError(f"an autoscaler needs 0 < minimum <= maximum, not {minimum} and {maximum}")
        self.minimum = minimum
        self.maximum = maximum
        self._target = round(target * PARTS)
        if self._target <= 0:
            raise ValueError(f"an autoscaler's target must be above 0, not {target}")
        self._advice: list[tuple[int, int]] = []  # (time, replicas), the last 300 s
        self._added: list[tuple[int, int]] = []   # (time, replicas added), the last 15 s

    def decide(self, now: int, current: int, readings: Sequence[float | None]) -> int:
        """The number of replicas wanted at `now` (ns), to be asked every 15 s.

        `readings` has each replica's use of its metric since the last decision (0 to 1, or more);
        None for one that is not ready.
        """
        if not self.minimum <= current <= self.maximum:
            return self._scaled(now, current, min(max(current, self.minimum), self.maximum))
        if not self._advice:
            self._advice.append((now, current))
        wanted = recommendation(current, readings, self._target)
        self._advice = [(at, n) for at, n in self._advice if at > now - STABILISATION]
        self._advice.append((now, wanted))
        if wanted < current:
            wanted = min(current, max(n for _, n in self._advice))
        elif wanted > current:
            self._added = [(at, n) for at, n in self._added if at > now - PERIOD]
            before = current - sum(n for _, n in self._added)
            wanted = max(min(wanted, max(before + STEP_UP, before * 2)), current)
        return self._scaled(now, current, min(max(wanted, self.minimum), self.maximum))

    def _scaled(self, now: int, current: int, wanted: int) -> int:
        if wanted > current:
            self._added.append((now, wanted - current))
        return wanted


class Use(NamedTuple):
    """What a replica has done so far: `area` of threads (or cores) x ns, out of `capacity` at once."""

    key: Any
    area: float
    capacity: float
    ready: bool


class Scaling:
    """The controller around the rule: it keeps what it saw of each replica at its last look, `PERIOD` ago."""

    __slots__ = ("_before", "_resting", "_rule", "_scaler")

    def __init__(self) -> None:
        self._before: dict[Any, float] = {}
        self._rule: tuple[int, int, float] | None = None
        self._scaler: Autoscaler | None = None
        self._resting = False

    def rest(self) -> None:
        """There is no rule now. The first look of one that comes later judges nothing: it has no earlier one."""
        self._resting = True
        self._rule = None
        self._before.clear()

    def look(self, now: int, minimum: int, maximum: int, target: float, uses: Sequence[Use]) -> tuple[int, float]:
        """The number of replicas wanted at `now` (ns), and the mean use of those that are ready, since the last look.

        A controller with other settings begins anew.
        """
        if self._resting:
            self._resting = False
            self._before = {use.key: use.area for use in uses}
            return len(uses), 0.0
        if self._scaler is None or self._rule != (minimum, maximum, target):
            self._rule = (minimum, maximum, target)
            self._scaler = Autoscaler(minimum, maximum, target)
        readings = [self._reading(use) for use in uses]
        known = [reading for reading in readings if reading is not None]
        mean = sum(known) / len(known) if known else 0.0
        return self._scaler.decide(now, len(uses), readings), mean

    def _reading(self, use: Use) -> float | None:
        last = self._before.get(use.key, 0.0)
        self._before[use.key] = use.area
        return (use.area - last) / (use.capacity * PERIOD) if use.ready else None


def recommendation(current: int, readings: Sequence[float | None], target: int) -> int:
    """What the readings call for, before any limit; `target` in millionths."""
    ready = [round(r * PARTS) for r in readings if r is not None]
    if not ready:
        return current
    used, even = sum(ready), len(ready) * target
    count, up = len(ready), used > even
    if up:
        count = len(readings)
        even = count * target
    if abs(used - even) * TOLERANCE <= even:
        return current
    wanted = -(-used // target)
    return max(wanted, current) if up else wanted  # those not ready may not turn a rise into a fall
