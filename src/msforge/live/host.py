"""What both backends of a fleet stand on: the parts, the doors and the balancers behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msforge.live.backend import Told, nothing_told
from msforge.live.doors import Doors, url_of
from msforge.live.folder import Package
from msforge.live.parts import Stats, embedded_parts, stats_of
from msforge.live.state import data_folder, logs_folder, outcomes_folder
from msforge.model.plan import Service, System
from msforge.runtime.balancer import Balancer
from msforge.runtime.clock import Clock
from msforge.runtime.outcome_log import began_at


class Host:
    """A system's channels and stores, and a shared balancer for each service."""

    def __init__(
        self, folder: Path, system: System, packages: Mapping[str, Package], doors: Doors, *, seed: int, scale: float
    ) -> None:
        self.folder = folder
        self.system = system
        self.packages = packages
        self.doors = doors
        self.seed = seed
        self.clock = Clock(scale)
        self.parts = embedded_parts(system, self.clock)
        self.shared = {s.name: Balancer(s.balance) for s in system.services}
        self.told: Told = nothing_told

    @property
    def began(self) -> int:
        """When the clock of its channels and stores was 0, ns since the epoch."""
        return began_at(self.clock)

    async def part_fault(self, fault: Mapping[str, Any]) -> None:
        """A fault of a store or a broker begins."""
        self.parts.fault(dict(fault))

    async def part_clear(self, number: str) -> None:
        """It is over."""
        self.parts.clear(number)

    async def stats(self) -> dict[str, dict[str, int]]:
        """Counts of each channel."""
        return await stats_of(self.system, self.parts, await self.counted())

    async def embedded_stats(self) -> dict[str, dict[str, int]]:
        """Counts of each channel that is embedded; what is on servers is not asked for."""
        return await stats_of(self.system, self.parts)

    async def counted(self) -> list[Stats]:
        """What each replica has counted of the channels on servers."""
        return []


class Resident:
    """A replica of a service as its host sees it: where it listens, and where what it writes lies."""

    def __init__(
        self, host: Host, service: Service, ordinal: int, number: int, crashed: Callable[[], None]
    ) -> None:
        self.doors = host.doors
        self.package = host.packages[service.name]
        self.ordinal = ordinal
        self.number = number
        self.name = f"{service.name}.{ordinal}"
        self.port = host.doors.port_of(service.name, ordinal)
        self.url = url_of(self.port)
        self.log = logs_folder(host.folder) / f"{self.name}.log"
        self.data = data_folder(host.folder) / self.name
        outcomes = outcomes_folder(host.folder)
        self.outcomes = outcomes / f"{self.name}.jsonl" if outcomes.is_dir() else None
        self.crashed = crashed
        self.held = False

    def rpc_settings(self) -> dict[str, int]:
        """Where it is to take gRPC, the port left to it; nothing for a service that doesn't speak it."""
        found = self.doors.rpc_replicas.get(self.package.service)
        if found is None:
            return {}
        self.doors.release(found[self.ordinal])
        return {"grpc_port": found[self.ordinal]}
