"""A bulkhead: at most so many calls in flight, so that one slow callee cannot take every thread."""

from __future__ import annotations


class Bulkhead:
    """`limit` places. Whoever entered must leave exactly once."""

    __slots__ = ("in_flight", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_flight = 0

    def enter(self) -> bool:
        """Takes a place if there is one."""
        if self.in_flight >= self.limit:
            return False
        self.in_flight += 1
        return True

    def leave(self) -> None:
        """Gives a place back. Raises RuntimeError when nobody is in."""
        if self.in_flight <= 0:
            raise RuntimeError("a call left a bulkhead it had not entered")
        self.in_flight -= 1
