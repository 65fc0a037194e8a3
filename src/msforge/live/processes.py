"""Each replica a process of its own, with a balancer in front where the file says `balancer: shared`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from msforge.errors import UsageError
from msforge.live.children import PYTHON, Child, Spawned
from msforge.live.doors import Doors, url_of
from msforge.live.fleet import StartError
from msforge.live.folder import Package
from msforge.live.fork_server import ForkServer
from msforge.live.host import Host, Resident
from msforge.live.logs import last_lines
from msforge.live.parts import Stats
from msforge.live.parts_server import PartsServer
from msforge.live.ports import HOST
from msforge.model.plan import Service, System

PATIENCE: Final = 30.0
"""Seconds a process may take to be ready."""
DRAIN_LOOK: Final = 0.05
"""Seconds between two looks at whether a replica that leaves has finished."""
TOGETHER: Final = 2 * (os.cpu_count() or 1)
"""Processes that start at once: more would only wait for the CPU."""


class Processes(Host):
    """The backend of `msforge up --processes`."""

    def __init__(
        self, folder: Path, system: System, packages: Mapping[str, Package], doors: Doors, *, seed: int, scale: float,
        forks: ForkServer | None,
    ) -> None:
        super().__init__(folder, system, packages, doors, seed=seed, scale=scale)
        self.parts_server = PartsServer(self.parts)
        self.units: list[ProcessUnit] = []
        self.believed: dict[str, list[str]] = {s.name: [] for s in system.services}
        self.starting = asyncio.Semaphore(TOGETHER)
        self.parts_url = ""
        self.forks = forks
        self.head_start = 1.5 if forks is None else 0.3
        self._http: aiohttp.ClientSession | None = None

    @property
    def http(self) -> aiohttp.ClientSession:
        """For talking to the replicas."""
        assert self._http is not None
        return self._http

    def unit(self, service: Service, ordinal: int, number: int, crashed: Callable[[], None]) -> ProcessUnit:
        """A replica, not started."""
        made = ProcessUnit(self, service, ordinal, number, crashed)
        self.units.append(made)
        return made

    async def open(self) -> None:
        """The parts, the doors, what forks, and a way to talk to the replicas."""
        if self.forks is not None:
            await self.forks.open()
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0))
        await self.doors.open_fronts(self.shared)
        self.parts_url = await self.parts_server.start()

    async def close(self) -> None:
        """Everything that is not a unit."""
        if self.forks is not None:
            await self.forks.close()
        await self.doors.close()
        await self.parts_server.stop()
        await self.parts.stop()
        if self._http is not None:
            await self._http.close()

    async def launch(self, package: Package, env: Mapping[str, str], log: Path) -> Child:
        """`python -m PACKAGE`, forked where that is possible; `env` besides our environment."""
        forked = await self.forks.fork(package, env, log) if self.forks is not None else None
        if forked is not None:
            return forked
        command = (sys.executable, "-m", package.name)
        return await asyncio.to_thread(Spawned, command, {**os.environ, **PYTHON, **env}, package.folder, log)

    def seen_by_callers(self, service: Service) -> list[str]:
        """The URLs that a calling replica balances over: one door, or the replicas themselves."""
        if service.client_balancer:
            return self.believed[service.name]
        return [url_of(self.doors.front[service.name])]

    async def believe(self, service: str, urls: list[str]) -> None:
        """The door learns it at once; callers with a balancer of their own are told."""
        self.shared[service].believe(urls)
        self.believed[service] = urls
        plan = next(s for s in self.system.services if s.name == service)
        if plan.client_balancer:
            known = {url: self.doors.addresses[url] for url in urls if url in self.doors.addresses}
            await asyncio.gather(*(unit.tell_replicas({service: urls}, known) for unit in self.units))

    def forget(self, unit: ProcessUnit) -> None:
        """A replica has gone for good."""
        self.units.remove(unit)

    async def counted(self) -> list[Stats]:
        """What each replica has counted of the channels on servers."""
        return await asyncio.gather(*(unit.channels() for unit in self.units if unit.ready))


class ProcessUnit(Resident):
    """One replica: a new process each time it starts."""

    def __init__(
        self, host: Processes, service: Service, ordinal: int, number: int, crashed: Callable[[], None]
    ) -> None:
        super().__init__(host, service, ordinal, number, crashed)
        self.host = host
        self.child: Child | None = None
        self.ready = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process that runs now, 0 for none."""
        return self.child.pid if self.child is not None else 0

    async def start(self) -> None:
        """Start a process and wait until it says that it is ready."""
        self.host.doors.release(self.port)
        async with self.host.starting:
            child = self.child = await self.host.launch(self.package, self._environment(), self.log)
            try:
                await self._until_ready(child)
            except BaseException:
                child.kill()
                raise
        self.ready = True
        self._watch = asyncio.get_running_loop().create_task(self._until_gone(child))

    def _environment(self) -> dict[str, str]:
        host, prefix = self.host, self.package.prefix
        settings = {
            "HOST": HOST, "PORT": self.port, "ORDINAL": self.ordinal, "NUMBER": self.number, "SEED": host.seed,
            "OUTCOME_FILE": self.outcomes or "",
            "TIME_SCALE": host.clock.scale, "PARTS_URL": host.parts_url, "DATA_DIR": self.data, "WATCH_STDIN": "true",
            "HELD": self.held,
            "SERVICES": json.dumps({s.name: host.seen_by_callers(s) for s in host.system.services}),
        }
        if host.doors.addresses:
            settings["GRPC_ADDRESSES"] = json.dumps(host.doors.addresses)
        settings |= {key.upper(): value for key, value in self.rpc_settings().items()}
        settings |= {key.upper(): value for key, value in host.told(self.package.service).items()}
        return {f"{prefix}{key}": str(value) for key, value in settings.items()}

    async def _until_ready(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while loop.time() < end:
            if child.code is not None:
                raise StartError(f"{self.name} ended as it started (exit code {child.code})", hint=self._end_of_log())
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with self.host.http.get(f"{self.url}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.03)
        raise StartError(f"{self.name} was not ready within {PATIENCE:.0f} s", hint=self._end_of_log())

    def _end_of_log(self) -> str:
        return "\n".join(last_lines(self.log)) or f"its log is empty: {self.log}"

    async def _until_gone(self, child: Child) -> None:
        await child.gone(float("inf"))
        if self.ready and self.child is child:
            self.ready = False
            child.sweep()
            self.crashed()

    async def stop(self) -> None:
        """Ask it to leave; it finishes what it has."""
        child, self.child, self.ready = self.child, None, False
        if self._watch is not None:
            self._watch.cancel()
        if child is not None:
            await child.leave()

    def crash(self) -> None:
        """Kill it: the system closes its listener and resets its connections."""
        child, self.child, self.ready = self.child, None, False
        if child is not None:
            child.kill()

    async def tell_replicas(self, services: dict[str, list[str]], addresses: dict[str, str]) -> None:
        """New lists of replicas for its own balancers, and where those take gRPC."""
        if self.ready:
            if addresses:
                await self._ask("PUT", "/_msforge/addresses", addresses)
            await self._ask("PUT", "/_msforge/replicas", services)

    async def set_fault(self, fault: Mapping[str, Any]) -> None:
        """Told over its fault switches."""
        await self._ask("PUT", "/_msforge/faults", dict(fault))

    async def clear_fault(self, number: str) -> None:
        """Told over its fault switches."""
        await self._ask("DELETE", f"/_msforge/faults/{number}", None)

    async def set_numbers(self, numbers: Mapping[str, Any]) -> None:
        """Told over its switches."""
        await self._ask("PUT", "/_msforge/numbers", dict(numbers))

    async def release(self) -> None:
        """Told over its switches."""
        await self._ask("PUT", "/_msforge/release", {})

    async def drain(self) -> None:
        """Told over its switches, and asked until it is empty or gone."""
        await self._ask("PUT", "/_msforge/drain", {})
        while self.ready and (await self._ask("GET", "/_msforge/state", None)).get("empty") is False:
            await asyncio.sleep(DRAIN_LOOK)

    async def look(self) -> dict[str, Any]:
        """Asked over its state."""
        plain = await self._ask("GET", "/_msforge/state", None)
        return {"busy": plain.get("busy", 0), "waiting": plain.get("queue", 0), **plain.get("use", {})}

    async def channels(self) -> dict[str, dict[str, int]]:
        """What it has counted of the channels on servers."""
        found: dict[str, dict[str, int]] = await self._ask("GET", "/_msforge/channels", None)
        return found

    async def _ask(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """A replica that just died has nothing to say. Raises UsageError when it refuses."""
        try:
            async with self.host.http.request(method, self.url + path, json=body) as answer:
                plain = await answer.json(content_type=None)
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return {}
        if status in (400, 422):
            raise UsageError(f"{self.name} refuses: {plain.get('detail', status)}")
        return plain if isinstance(plain, dict) else {}
