"""A number that changes in time, and how long it stood at each value."""

from __future__ import annotations


class Gauge:
    """A count (busy threads, waiting requests). `time[k]` is the ns it stood at k, up to `since`."""

    __slots__ = ("since", "time", "value")

    def __init__(self, now: int) -> None:
        self.value = 0
        self.since = now
        self.time = [0]

    def up(self, now: int) -> None:
        """One more."""
        value = self.value
        time = self.time
        time[value] += now - self.since
        self.since = now
        self.value = value = value + 1
        if value == len(time):
            time.append(0)

    def down(self, now: int) -> None:
        """One fewer."""
        value = self.value
        self.time[value] += now - self.since
        self.since = now
        self.value = value - 1

    def read(self, now: int) -> list[int]:
        """The times per value up to `now`."""
        self.time[self.value] += now - self.since
        self.since = now
        return self.time

    def area(self, now: int) -> int:
        """The integral of the value over time, up to `now`."""
        return sum(map(int.__mul__, self.read(now), range(len(self.time))))
