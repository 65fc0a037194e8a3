"""Timeouts per try: one timer for all tries that wait equally long."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from msforge.sim.kernel import TIMER

if TYPE_CHECKING:
    from msforge.sim.request import Request


class TimerQueue:
    """All tries with the same timeout: they give up in the order they were sent, so one timer suffices."""

    __slots__ = ("armed", "callbacks", "engine", "entries", "timeout")
    _ok = True

    def __init__(self, engine: Any, timeout: int) -> None:
        self.engine = engine
        self.timeout = timeout
        self.entries: deque[tuple[int, Request]] = deque()
        self.armed = False
        self.callbacks: Any = None

    def add(self, request: Request) -> None:
        """Watch a try that is sent now."""
        self.entries.append((self.engine.env.now + self.timeout, request))
        if not self.armed:
            self.armed = True
            self.callbacks = EXPIRE
            self.engine.schedule(self, TIMER, self.timeout)

    def expire(self) -> None:
        """Give up on those whose time is up; look again when the next may be."""
        now = self.engine.env.now
        entries = self.entries
        while entries:
            due, request = entries[0]
            if request.call is None:
                entries.popleft()
            elif due <= now:
                entries.popleft()
                request.call.timed_out(request)
            else:
                self.callbacks = EXPIRE
                self.engine.schedule(self, TIMER, due - now)
                return
        self.armed = False


def _expire(queue: TimerQueue) -> None:
    queue.expire()


EXPIRE = (_expire,)
