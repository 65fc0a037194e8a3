"""A number that changes in time, and its integral."""

from __future__ import annotations


class Level:
    """A count, such as busy threads. `area` is its integral over time (ns) up to `since`."""

    __slots__ = ("area", "since", "value")

    def __init__(self) -> None:
        self.value = 0
        self.since = 0
        self.area = 0

    def step(self, now: int, by: int) -> None:
        """So many more (or fewer) from now on."""
        self.area += self.value * (now - self.since)
        self.since = now
        self.value += by

    def until(self, now: int) -> int:
        """The integral up to `now`."""
        self.step(now, 0)
        return self.area
