"""What the fleet asks of a way of running: units, each a replica, and what they stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msforge.model.plan import Service
from msforge.runtime.balancer import Balancer
from msforge.runtime.embedded import EmbeddedParts

Told = Callable[[str], dict[str, str]]
"""The settings (without a prefix) that tell a service where the servers beside it are."""


def nothing_told(service: str) -> dict[str, str]:
    """There are no servers beside the services."""
    return {}


class Unit(Protocol):
    """One replica as the fleet handles it."""

    url: str
    held: bool
    """Whether its consumers are to wait for `release` when it starts."""

    @property
    def pid(self) -> int:
        """The process it runs in."""

    async def start(self) -> None:
        """Start it and return once it is ready. Raises StartError."""

    async def release(self) -> None:
        """It was held: its consumers get messages from now on."""

    async def stop(self) -> None:
        """Let it finish what it has, then end it."""

    def crash(self) -> None:
        """It dies now: its listener is closed, its connections are reset."""

    async def set_fault(self, fault: Mapping[str, Any]) -> None:
        """Switch on a fault (`faults.runtime_fault`)."""

    async def clear_fault(self, number: str) -> None:
        """Switch one off."""

    async def set_numbers(self, numbers: Mapping[str, Any]) -> None:
        """Have these numbers in force (`numbers.numbers_of`)."""

    async def drain(self) -> None:
        """It takes no more messages; returns once nothing is left that it was busy with."""

    async def look(self) -> dict[str, Any]:
        """What it says of itself now: busy, waiting, and what its threads and cores have done (`Replica.use`)."""


class Backend(Protocol):
    """What units stand on: made once a system, before any unit."""

    head_start: float
    """Seconds that starting a unit takes by itself."""
    parts: EmbeddedParts
    began: int
    """When the clock of its channels and stores was 0, ns since the epoch."""
    told: Told
    """What units are told of the servers beside them, once these are up."""
    shared: dict[str, Balancer]
    """What stands before each service whose callers don't balance themselves."""

    def unit(self, service: Service, ordinal: int, number: int, crashed: Callable[[], None]) -> Unit:
        """A new unit, not started. It calls `crashed` when it dies by itself."""

    def forget(self, unit: Any) -> None:
        """A unit has stopped for good."""

    async def open(self) -> None:
        """Whatever has to be there before the first unit."""

    async def close(self) -> None:
        """End all that is left."""

    async def believe(self, service: str, urls: list[str]) -> None:
        """Tell every balancer of the service's callers which replicas it may use."""

    async def part_fault(self, fault: Mapping[str, Any]) -> None:
        """Pause or crash a store, or cut a service off from a channel that it reads."""

    async def part_clear(self, number: str) -> None:
        """No more."""

    async def stats(self) -> dict[str, dict[str, int]]:
        """Counts of each channel."""

    async def embedded_stats(self) -> dict[str, dict[str, int]]:
        """The same of those that are embedded, without asking anybody."""
