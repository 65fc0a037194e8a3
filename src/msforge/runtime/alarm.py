"""Wakes a pure machine when something in it is due."""

from __future__ import annotations

import asyncio
from typing import Protocol

from msforge.runtime.clock import Clock


class Machine(Protocol):
    """What an alarm wakes."""

    def due(self) -> int:
        """When (ns) something is to happen next; -1 for never."""

    def wake(self, now: int) -> None:
        """Do what is due."""


class Alarm:
    """Wakes a machine when something is due. `set` it after whatever may change that."""

    __slots__ = ("at", "clock", "handle", "machine")

    def __init__(self, clock: Clock, machine: Machine) -> None:
        self.clock = clock
        self.machine = machine
        self.at = -1
        self.handle: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """Look when the machine is to be woken."""
        due = self.machine.due()
        if due == self.at:
            return
        self.stop()
        if due >= 0:
            self.at = due
            self.handle = self.clock.later(max(0, due - self.clock.now()), self._ring)

    def _ring(self) -> None:
        self.at = -1
        self.handle = None
        self.machine.wake(self.clock.now())
        self.set()

    def stop(self) -> None:
        """Wake it no more."""
        if self.handle is not None:
            self.handle.cancel()
        self.at = -1
        self.handle = None
