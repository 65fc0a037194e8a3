"""The runtime in virtual time: interpreted services in one process, requests handed over in memory, no sockets.

Time passes only when nothing else is to do, so what is seen must be exactly what the simulator says.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from interpreted import Interpreter, service_of
from observed import Observed
from running import Clients, Lives, observed, play, unheard

from msforge.live.fleet import Fleet
from msforge.live.parts import embedded_parts
from msforge.model.plan import Service, System
from msforge.runtime.asgi import CONNECTION, Connection
from msforge.runtime.balancer import Balancer
from msforge.runtime.clock import Clock
from msforge.runtime.directory import Directory
from msforge.runtime.events import Events
from msforge.runtime.replica import Replica
from msforge.runtime.serve import serve
from msforge.runtime.stores import Stores
from msforge.runtime.transport import Transport
from msforge.scaffold.plans import consumers_of
from tests.virtual_time import VirtualClock, VirtualLoop


class Memory(Transport):
    """Hands requests over in memory; a caller that stops waiting hangs up."""

    units: Mapping[str, Unit]

    async def start(self) -> None:
        """No session."""

    async def send(self, sent: Any, calling: Any, headers: dict[str, str]) -> Any:
        """To the unit behind the URL."""
        unit = self.units.get(sent.url)
        if unit is None or unit.replica is None or not unit.replica.up:
            raise ConnectionRefusedError
        endpoint = unit.replica.handlers[calling.call.endpoint]
        connection = Connection()

        async def served() -> Any:
            CONNECTION.set(connection)
            return await serve(unit.replica, calling.call.endpoint, endpoint.flow_class, endpoint.handler, headers, {})

        task = asyncio.get_running_loop().create_task(served())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            connection.hung_up()
            raise


class Unit:
    """A replica in memory."""

    pid = 0

    def __init__(self, host: Host, service: Service, ordinal: int, number: int, crashed: Callable[[], None]) -> None:
        self.host = host
        self.service = service
        self.ordinal = ordinal
        self.number = number
        self.crashed = crashed
        self.url = f"memory://{service.name}/{ordinal}"
        self.zone = host.system.zones[service.zones[ordinal % len(service.zones)]] if service.zones else ""
        if self.zone:
            host.zones[self.url] = self.zone
        host.units[self.url] = self
        self.directory = host.directory(number)
        self.replica: Replica | None = None
        self.held = False

    async def start(self) -> None:
        """A new replica."""
        system = self.host.system
        replica = Replica(
            service_of(system, self.service), ordinal=self.ordinal, number=self.number, seed=system.run.seed,
            clock=self.host.clock, directory=self.directory, parts=self.host.parts,
            transport=self.host.transport, log=unheard, zone=zone_of(system, self.service, self.ordinal),
        )
        self.host.lives.begin(self.service.name, self.ordinal, replica)
        equip(replica, self.host.interpreter, self.service, self.host.folder / f"{self.service.name}.{self.ordinal}")
        replica.on_crash = lambda _: self.crashed()
        for fault in self.host.faults_of(self):
            replica.faults.set(dict(fault))
        await replica.start()
        self.replica = replica

    async def stop(self) -> None:
        """Gone: who still calls it is refused."""
        replica, self.replica = self.replica, None
        if replica is not None:
            replica.up = replica.ready = False

    def crash(self) -> None:
        """Dead."""
        replica, self.replica = self.replica, None
        if replica is not None:
            replica.crash()

    async def set_fault(self, fault: Mapping[str, Any]) -> None:
        """Told directly."""
        if self.replica is not None:
            self.replica.faults.set(dict(fault))

    async def clear_fault(self, number: str) -> None:
        """Told directly."""
        if self.replica is not None:
            self.replica.faults.clear(number)

    async def set_numbers(self, numbers: Mapping[str, Any]) -> None:
        """Told directly, by way of text as between processes."""
        if self.replica is not None:
            self.replica.adopt(json.loads(json.dumps(dict(numbers))))

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
        return dict(self.replica.use()) if self.replica is not None else {}


def zone_of(system: System, service: Service, ordinal: int) -> str:
    """Where a replica stands. No directory knows it: callees learn where their callers stand from each request."""
    return system.zones[service.zones[ordinal % len(service.zones)]] if service.zones else ""


def equip(replica: Replica, interpreter: Interpreter, service: Service, data: Path) -> None:
    """Give a replica its endpoints, and consumers and stores where it has any."""
    system = interpreter.system
    replica.stores = Stores(replica, data_dir=data if interpreter.outbox else None)
    replica.events = Events(replica)
    consumers = dict(zip((c.body for c in system.consumers), consumers_of(system), strict=True))
    for index in service.bodies:
        body = system.bodies[index]
        if index in consumers:
            replica.events.consume(consumers[index], interpreter.flow_class(index), interpreter.handler(index))
        else:
            replica.register(body.name, interpreter.flow_class(index), interpreter.handler(index))


class Host:
    """The backend of a fleet in memory."""

    head_start = 0.0

    def __init__(self, system: System, clock: Clock, folder: Path) -> None:
        self.system = system
        self.clock = clock
        self.folder = folder
        self.parts = embedded_parts(system, clock)
        self.interpreter = Interpreter(system)
        self.faults_of: Callable[[Unit], list[Mapping[str, Any]]] = lambda unit: []
        self.lives = Lives()
        self.units: dict[str, Unit] = {}
        self.zones: dict[str, str] = {}
        self.shared = {s.name: Balancer(s.balance) for s in system.services}
        self.own: dict[str, list[Balancer]] = {s.name: [] for s in system.services}
        self.transport = type("Here", (Memory,), {"units": self.units})

    def directory(self, number: int) -> Directory:
        """The balancers of one caller."""
        balancers = {}
        for callee in self.system.services:
            balancers[callee.name] = self.shared[callee.name]
            if callee.client_balancer:
                balancers[callee.name] = Balancer(callee.balance, turn=number)
                self.own[callee.name].append(balancers[callee.name])
        return Directory(balancers, self.zones)

    def unit(self, service: Service, ordinal: int, number: int, crashed: Callable[[], None]) -> Unit:
        """A replica, not started."""
        return Unit(self, service, ordinal, number, crashed)

    def forget(self, unit: Unit) -> None:
        """It stays reachable for nobody."""

    async def open(self) -> None:
        """Start the parts."""
        await self.parts.start()

    async def close(self) -> None:
        """End the parts."""
        await self.parts.stop()

    async def believe(self, service: str, urls: list[str]) -> None:
        """All balancers learn it at once."""
        for balancer in (self.shared[service], *self.own[service]):
            balancer.believe(urls)

    async def part_fault(self, fault: Mapping[str, Any]) -> None:
        """A fault of a store or a broker."""
        self.parts.fault(dict(fault))

    async def part_clear(self, number: str) -> None:
        """It is over."""
        self.parts.clear(number)

    async def stats(self) -> dict[str, dict[str, int]]:
        """Counts of channels and stores."""
        embedded = self.parts
        counts = {s.name: dict(embedded.store_stats(s.name)) for s in self.system.stores}
        for channel in self.system.channels:
            counts[channel.name] = dict(await embedded.stats(channel.name))
        return counts


def run(system: System, end: int) -> Observed:
    """Run a bench in virtual time until `end` (ns)."""
    loop = VirtualLoop()
    with tempfile.TemporaryDirectory() as folder:
        return loop.play(_run(system, end, loop.clock(), Path(folder)))


async def _run(system: System, end: int, clock: VirtualClock, folder: Path) -> Observed:
    host = Host(system, clock, folder)
    fleet = Fleet(system, host, seed=system.run.seed, tell=lambda line: None)
    host.faults_of = lambda unit: next((fleet.faults_of(p) for p in fleet.all() if p.unit is unit), [])
    clients = Clients(system, clock, host.shared, host.transport)
    for name, balancer in clients.own.items():
        host.own[name].append(balancer)
    await fleet.up()
    await play(system, fleet, clients, end)
    return observed(system, clients, host.lives, await host.stats())
