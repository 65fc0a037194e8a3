"""Each replica a process of its own, with a balancer in front where the file says `balancer: shared`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from msforge.errors import UsageError
from msforge.live.children import Child, interpreter
from msforge.live.doors import Doors, url_of
from msforge.live.fleet import StartError, Told, nothing_told
from msforge.live.folder import Package
from msforge.live.logs import last_lines
from msforge.live.parts import embedded_parts, stats_of
from msforge.live.parts_server import PartsServer
from msforge.live.ports import HOST, bind
from msforge.live.state import logs_folder
from msforge.model.plan import Service, System
from msforge.runtime.balancer import Balancer
from msforge.runtime.clock import Clock

PATIENCE: Final = 30.0
"""Seconds a process may take to be ready."""
TOGETHER: Final = 2 * (os.cpu_count() or 1)
"""Processes that start at once: more would only wait for the CPU."""


class Processes:
    """The backend of `msforge up --processes`."""

    head_start = 1.5

    def __init__(
        self, folder: Path, system: System, packages: Mapping[str, Package], doors: Doors, *, seed: int, scale: float
    ) -> None:
        self.folder = folder
        self.system = system
        self.packages = packages
        self.doors = doors
        self.seed = seed
        self.scale = scale
        self.parts = embedded_parts(system, Clock(scale))
        self.parts_server = PartsServer(self.parts)
        self.shared = {s.name: Balancer(s.balance) for s in system.services}
        self.units: list[ProcessUnit] = []
        self.believed: dict[str, list[str]] = {s.name: [] for s in system.services}
        self.starting = asyncio.Semaphore(TOGETHER)
        self.parts_url = ""
        self.told: Told = nothing_told
        self._http: aiohttp.ClientSession | None = None

    @property
    def http(self) -> aiohttp.ClientSession:
        """For talking to the replicas."""
        assert self._http is not None
        return self._http

    def unit(self, service: Service, ordinal: int, number: int, crashed: Callable[[], None]) -> ProcessUnit:
        """A replica, not started."""
        port = self.doors.replicas[service.name][ordinal]
        made = ProcessUnit(self, self.packages[service.name], ordinal, number, port, crashed)
        self.units.append(made)
        return made

    async def open(self) -> None:
        """The parts, the doors, and a way to talk to the replicas."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0))
        await self.doors.open_fronts(self.shared)
        sock = bind(0)
        self.parts_url = f"ws://{HOST}:{sock.getsockname()[1]}"
        await self.parts_server.start(sock)

    async def close(self) -> None:
        """Everything that is not a unit."""
        await self.doors.close()
        await self.parts_server.stop()
        await self.parts.stop()
        if self._http is not None:
            await self._http.close()

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
            await asyncio.gather(*(unit.tell_replicas({service: urls}) for unit in self.units))

    async def part_fault(self, fault: Mapping[str, Any]) -> None:
        """A fault of a store or a broker begins."""
        self.parts.fault(dict(fault))

    async def part_clear(self, number: str) -> None:
        """It is over."""
        self.parts.clear(number)

    async def stats(self) -> dict[str, dict[str, int]]:
        """Counts of each channel."""
        seen = await asyncio.gather(*(unit.channels() for unit in self.units if unit.ready))
        return await stats_of(self.system, self.parts, seen)


class ProcessUnit:
    """One replica: a new process each time it starts."""

    def __init__(
        self, host: Processes, package: Package, ordinal: int, number: int, port: int, crashed: Callable[[], None]
    ) -> None:
        self.host = host
        self.package = package
        self.ordinal = ordinal
        self.number = number
        self.port = port
        self.url = url_of(port)
        self.crashed = crashed
        self.child: Child | None = None
        self.ready = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process that runs now, 0 for none."""
        return self.child.pid if self.child is not None else 0

    @property
    def name(self) -> str:
        """E.g. order.1."""
        return f"{self.package.service}.{self.ordinal}"

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return logs_folder(self.host.folder) / f"{self.name}.log"

    async def start(self) -> None:
        """Start a process and wait until it says that it is ready."""
        self.host.doors.release(self.port)
        async with self.host.starting:
            command = (interpreter(), "-m", self.package.name)
            child = self.child = await asyncio.to_thread(
                Child, command, self._environment(), self.package.folder, self.log
            )
            try:
                await self._until_ready(child)
            except BaseException:
                child.kill()
                raise
        self.ready = True
        self._watch = asyncio.get_running_loop().create_task(self._until_gone(child))

    def _environment(self) -> dict[str, str]:
        host, prefix = self.host, self.package.prefix
        data = host.folder / ".msforge" / "run" / "data" / self.name
        settings = {
            "HOST": HOST, "PORT": self.port, "ORDINAL": self.ordinal, "NUMBER": self.number, "SEED": host.seed,
            "TIME_SCALE": host.scale, "PARTS_URL": host.parts_url, "DATA_DIR": data, "WATCH_STDIN": "true",
            "SERVICES": json.dumps({s.name: host.seen_by_callers(s) for s in host.system.services}),
        }
        servers = {key.upper(): value for key, value in host.told(self.package.service).items()}
        told = {f"{prefix}{key}": str(value) for key, value in {**settings, **servers}.items()}
        return {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", **told}

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

    async def tell_replicas(self, services: dict[str, list[str]]) -> None:
        """New lists of replicas for its own balancers."""
        if self.ready:
            await self._ask("PUT", "/_msforge/replicas", services)

    async def set_fault(self, fault: Mapping[str, Any]) -> None:
        """Told over its fault switches."""
        await self._ask("PUT", "/_msforge/faults", dict(fault))

    async def clear_fault(self, number: str) -> None:
        """Told over its fault switches."""
        await self._ask("DELETE", f"/_msforge/faults/{number}", None)

    async def look(self) -> dict[str, Any]:
        """Asked over its state."""
        plain = await self._ask("GET", "/_msforge/state", None)
        return {"busy": plain.get("busy", 0), "waiting": plain.get("queue", 0)}

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
