"""Every replica in this process: an app instance of its own on a port of its own, sharing nothing with the others."""

from __future__ import annotations

import asyncio
import contextlib
import os
import traceback
from collections.abc import Callable, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import uvicorn

from msforge.live.doors import Doors
from msforge.live.fleet import STOP, StartError
from msforge.live.folder import Package, imported
from msforge.live.host import Host, Resident
from msforge.live.parts import Stats, own_stats
from msforge.live.ports import HOST
from msforge.live.proxy import reset
from msforge.model.plan import Service, System
from msforge.runtime.balancer import Balancer
from msforge.runtime.directory import Directory

LONG: Final = 75
"""Seconds that an unused connection is kept open."""


class InProcess(Host):
    """The backend of `msforge up`."""

    head_start = 0.0

    def __init__(
        self, folder: Path, system: System, packages: Mapping[str, Package], doors: Doors, *, seed: int, scale: float
    ) -> None:
        super().__init__(folder, system, packages, doors, seed=seed, scale=scale)
        self.own: dict[str, list[Balancer]] = {s.name: [] for s in system.services}
        self.zones: dict[str, str] = {}
        self.units: list[InProcessUnit] = []
        self._ticker: asyncio.Task[None] | None = None
        self.listeners: set[uvicorn.Server] = set()

    def unit(self, service: Service, ordinal: int, number: int, crashed: Callable[[], None]) -> InProcessUnit:
        """A replica, not started."""
        made = InProcessUnit(self, service, ordinal, number, crashed)
        self.units.append(made)
        return made

    def directory(self, number: int) -> Directory:
        """The balancers that replica `number` of the system uses for its calls."""
        balancers = {}
        for callee in self.system.services:
            if callee.client_balancer:
                balancers[callee.name] = Balancer(callee.balance, turn=number)
                self.own[callee.name].append(balancers[callee.name])
            else:
                balancers[callee.name] = self.shared[callee.name]
        return Directory(balancers, self.zones, self.doors.addresses)

    async def open(self) -> None:
        """The parts, the doors, and a clock for the date in answers."""
        await self.parts.start()
        await self.doors.open_fronts(self.shared)
        self._ticker = asyncio.get_running_loop().create_task(self._tick())

    async def close(self) -> None:
        """Everything that is not a unit."""
        if self._ticker is not None:
            self._ticker.cancel()
        await self.doors.close()
        await self.parts.stop()

    async def believe(self, service: str, urls: list[str]) -> None:
        """All balancers learn it at once."""
        for balancer in (self.shared[service], *self.own[service]):
            balancer.believe(urls)

    def forget(self, unit: InProcessUnit) -> None:
        """A replica has gone for good: its own balancers with it."""
        self.units.remove(unit)
        for callee, balancers in self.own.items():
            gone = unit.directory.of(callee)
            self.own[callee] = [balancer for balancer in balancers if balancer is not gone]

    async def counted(self) -> list[Stats]:
        """What each replica has counted of the channels on servers."""
        return [await own_stats(unit.replica.parts) for unit in self.units if unit.replica is not None]


    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for listener in self.listeners:
                date_answers(listener)


def date_answers(server: uvicorn.Server) -> None:
    """What uvicorn's own loop does each second; one task does it for all servers."""
    now = formatdate(usegmt=True).encode()
    server.server_state.default_headers = [(b"date", now), *server.config.encoded_headers]


class InProcessUnit(Resident):
    """One replica: a new app instance each time it starts."""

    def __init__(
        self, host: InProcess, service: Service, ordinal: int, number: int, crashed: Callable[[], None]
    ) -> None:
        super().__init__(host, service, ordinal, number, crashed)
        self.host = host
        self.directory = host.directory(number)
        if service.zones:
            host.zones[self.url] = host.system.zones[service.zones[ordinal % len(service.zones)]]
        self.replica: Any = None
        self.server: uvicorn.Server | None = None
        self.life: Any = None
        self._dying: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int:
        """Ours."""
        return os.getpid()

    async def start(self) -> None:
        """Make the app, run its startup, listen."""
        try:
            app = self._make()
            app.state.replica.held = self.held
            life = app.router.lifespan_context(app)
            await life.__aenter__()
        except Exception as error:
            raise StartError(
                f"{self.name} did not start: {type(error).__name__}: {error}", hint=_last_lines(error, self.package)
            ) from error
        self.life = life
        self.replica = app.state.replica
        self.replica.on_crash = lambda replica: self.crashed()
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", timeout_keep_alive=LONG, ws="none",
            server_header=False, backlog=2048,
        )
        config.load()
        self.server = uvicorn.Server(config)
        self.server.lifespan = config.lifespan_class(config)
        date_answers(self.server)
        try:
            await self.server.startup(sockets=[self.host.doors.take(self.port)])
        except OSError as error:
            raise StartError(f"{self.name} cannot listen on port {self.port}: {error.strerror}") from error
        self.host.listeners.add(self.server)

    def _make(self) -> Any:
        app, settings = imported(self.package)
        made = settings.Settings(
            **self.rpc_settings(), host=HOST, port=self.port, ordinal=self.ordinal, number=self.number,
            seed=self.host.seed, time_scale=self.host.clock.scale, data_dir=str(self.data),
            log_file=str(self.log), outcome_file=str(self.outcomes or ""), **self._servers(settings),
        )
        return app.create_app(made, parts=self.host.parts, directory=self.directory, clock=self.host.clock)

    def _servers(self, settings: Any) -> dict[str, str]:
        """What it is told of the servers. Raises StartError when it was generated before there were any."""
        told = self.host.told(self.package.service)
        for name in told:
            if name not in settings.Settings.model_fields:
                raise StartError(f"{self.name} knows no setting {name}", hint="bring its code up to date: msforge sync")
        return told

    async def stop(self) -> None:
        """Take no more, finish what is there, shut the app down."""
        server, life = self.server, self.life
        self.server = self.life = self.replica = None
        if server is not None:
            self.host.listeners.discard(server)
            _close_listeners(server)
            for connection in list(server.server_state.connections):
                connection.shutdown()
            await _until(lambda: not server.server_state.tasks, STOP)
            for connection in list(server.server_state.connections):
                connection.transport.abort()
        if life is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(life.__aexit__(None, None, None), STOP)
        for task in list(self._dying):
            task.cancel()

    def crash(self) -> None:
        """Close the listener, reset its connections, drop the app."""
        server, replica, life = self.server, self.replica, self.life
        self.server = self.life = self.replica = None
        if server is None:
            return
        self.host.listeners.discard(server)
        _close_listeners(server)
        for connection in list(server.server_state.connections):
            reset(connection.transport)
        replica.crash()
        task = asyncio.get_running_loop().create_task(_bury(life))
        self._dying.add(task)
        task.add_done_callback(self._dying.discard)

    async def set_fault(self, fault: Mapping[str, Any]) -> None:
        """Told directly."""
        if self.replica is not None:
            self.replica.faults.set(dict(fault))

    async def clear_fault(self, number: str) -> None:
        """Told directly."""
        if self.replica is not None:
            self.replica.faults.clear(number)

    async def set_numbers(self, numbers: Mapping[str, Any]) -> None:
        """Told directly."""
        if self.replica is not None:
            self.replica.adopt(numbers)

    async def release(self) -> None:
        """Told directly."""
        if self.replica is not None:
            self.replica.release()

    async def drain(self) -> None:
        """Told directly."""
        if self.replica is not None:
            await self.replica.drain()

    async def look(self) -> dict[str, Any]:
        """Asked directly."""
        if self.replica is None:
            return {}
        admission = self.replica.admission
        return {"busy": admission.busy, "waiting": admission.waiting, **self.replica.use()}


def _close_listeners(server: uvicorn.Server) -> None:
    for listener in server.servers:
        listener.close()


async def _bury(life: Any) -> None:
    """Let go of what a dead app held: its sessions and files."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(life.__aexit__(None, None, None), 5.0)


async def _until(done: Callable[[], bool], within: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while not done() and loop.time() < end:
        await asyncio.sleep(0.01)


def _last_lines(error: Exception, package: Package) -> str:
    """Where in the service it went wrong."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if str(package.folder) in f.filename]
    shown = [f"{Path(f.filename).relative_to(package.folder)}, line {f.lineno}: {f.line}" for f in frames[-3:]]
    return "\n".join(shown) or f"look at {package.folder}"
