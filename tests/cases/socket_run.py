"""Generated services in this process, each on a port of its own: many benches at once in one event loop.

What is generated is written and imported as it is, except `resilience/`: the same source lies in `msforge.runtime` and
`msforge.policies`, and importing 200 copies of it would take minutes. The benches that run as processes have it all.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from casetable import Bench
from observed import Observed
from running import Clients, Lives, observed, play
from simulated import compiled

from msforge.live.backend import Told, nothing_told
from msforge.live.doors import open_doors
from msforge.live.fleet import Fleet
from msforge.live.folder import Package, packages
from msforge.live.in_process import InProcess, InProcessUnit
from msforge.live.parts import own_stats, stats_of
from msforge.live.state import prepare
from msforge.model.plan import Channel, Service, System
from msforge.runtime.transport import Transport
from msforge.scaffold.build import RESILIENCE, build
from msforge.spec import load_text

FILE = "case.yaml"
MARGIN = 60_000_000
"""ns that a run is looked at longer than the simulated one."""
APART = 0.2
"""Seconds between the begins of benches that run at the same time."""


def write(bench: Bench, system: System, folder: Path, *, whole: bool = False) -> dict[str, Package]:
    """Generate a bench's services; only what running them in this process needs, unless `whole`."""
    (folder / FILE).parent.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(bench.text, encoding="utf-8")
    made = build(load_text(bench.text), system, description=FILE)
    inside = tuple(f"{service['folder']}/{service['package']}/" for service in made.services)
    for file in made.files:
        if not whole and (not file.path.startswith(inside) or f"/{RESILIENCE}/" in file.path):
            continue
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    return packages(folder, system, {})


DRIVERS = frozenset(("aio_pika", "aiokafka", "asyncpg", "redis"))
"""What only those need who use a server."""


@cache
def resilience() -> dict[str, ModuleType]:
    """The modules that are rendered into each service, by name."""
    found = {"records": importlib.import_module("msforge.records")}
    for floor in ("policies", "runtime"):
        folder = Path(importlib.import_module(f"msforge.{floor}").__path__[0])
        for path in folder.glob("[!_]*.py"):
            try:
                found[path.stem] = importlib.import_module(f"msforge.{floor}.{path.stem}")
            except ModuleNotFoundError as missing:
                if missing.name not in DRIVERS:  # a laptop may lack those
                    raise
    return found


@cache
def imported(package: Package) -> tuple[ModuleType, ModuleType]:
    """A package's `app` and `settings`, imported once however many have its name."""
    for name in [n for n in sys.modules if n == package.name or n.startswith(f"{package.name}.")]:
        del sys.modules[name]
    sys.path.insert(0, str(package.folder))
    try:
        importlib.invalidate_caches()
        importlib.import_module(package.name)
        inside = f"{package.name}.{RESILIENCE}"
        sys.modules[inside] = ModuleType(inside)
        sys.modules.update({f"{inside}.{name}": module for name, module in resilience().items()})
        return importlib.import_module(f"{package.name}.app"), importlib.import_module(f"{package.name}.settings")
    finally:
        sys.path.remove(str(package.folder))


class CaseUnit(InProcessUnit):
    """One replica whose outcome log is kept in memory."""

    host: CaseHost

    def _make(self) -> Any:
        app, settings = imported(self.package)
        made = settings.Settings(
            **self.rpc_settings(),
            host="127.0.0.1", port=self.port, ordinal=self.ordinal, number=self.number, seed=self.host.seed,
            time_scale=self.host.clock.scale, data_dir=str(self.host.folder / "data" / self.name),
            log_file=str(self.host.folder / f"{self.name}.log"), **self._servers(settings),
        )
        application = app.create_app(
            made, parts=self.host.parts, directory=self.directory, clock=self.host.clock)
        self.host.lives.begin(self.package.service, self.ordinal, application.state.replica)
        return application


class CaseHost(InProcess):
    """The backend of `msforge up`, with units that remember."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.lives = Lives()

    def unit(self, service: Service, ordinal: int, number: int, crashed: Callable[[], None]) -> CaseUnit:
        """A replica, not started."""
        made = CaseUnit(self, service, ordinal, number, crashed)
        self.units.append(made)
        return made

    async def counts(self) -> dict[str, dict[str, int]]:
        """Counts of channels and stores."""
        counts = {s.name: dict(self.parts.store_stats(s.name)) for s in self.system.stores}
        reached = [life.replica.parts for life in self.lives.all]  # of those that died as well
        for parts in reached:
            for name in getattr(parts, "stores", ()):
                for what, count in (await parts.stats(name)).items():
                    counts[name][what] += count
        channels = await stats_of(self.system, self.parts, [await own_stats(parts) for parts in reached])
        for channel in self.system.channels:
            if channel.max_length >= 0:
                _add_dropped(channels, channel, self.system)
        return counts | channels


def _add_dropped(counts: dict[str, dict[str, int]], channel: Channel, system: System) -> None:
    """What a server drops of a full queue no replica sees: it is what is missing."""
    mine = counts[channel.name]
    missing = mine["published"] - sum(mine[what] for what in ("done", "dead", "dropped", "in_flight"))
    mine["dropped" if channel.dead_letter < 0 else "dead"] += missing
    if channel.dead_letter >= 0:
        counts[system.channels[channel.dead_letter].name]["published"] += missing


@dataclass(frozen=True)
class Generated:
    """A bench's services as they lie in a folder."""

    bench: Bench
    system: System
    packages: Mapping[str, Package]
    folder: Path
    end: int  # ns, when the simulated run is over


def generate(bench: Bench, folder: Path, end: int) -> Generated:
    """Generate a bench and import its packages."""
    system = compiled(bench)
    made = Generated(bench, system, write(bench, system, folder), folder, end)
    for package in made.packages.values():
        imported(package)
    return made


class Running:
    """A bench that is up, its databases and logs in a folder of their own."""

    def __init__(
        self, made: Generated, folder: Path, scale: float, tell: Callable[[str], None], told: Told = nothing_told
    ) -> None:
        self.made = made
        self.system = system = made.system
        prepare(folder)
        self.host = CaseHost(folder, system, made.packages, open_doors(system, 0), seed=system.run.seed, scale=scale)
        self.host.told = told
        self.fleet = Fleet(system, self.host, seed=system.run.seed, scale=scale, tell=tell)
        self.clients = Clients(system, self.host.clock, self.host.shared, Transport)
        for name, balancer in self.clients.own.items():
            self.host.own[name].append(balancer)

    async def up(self) -> None:
        """Start it, and have every replica answer once: what a first request costs is none of the case's."""
        await self.clients.replica.transport.start()
        await self.fleet.up()
        session = self.clients.replica.transport._session
        assert session is not None
        for place in self.fleet.all():
            async with session.get(f"{place.unit.url}/livez") as answer:
                await answer.read()

    async def play(self) -> Observed:
        """Play it to its end."""
        await play(self.system, self.fleet, self.clients, self.made.end + MARGIN)
        return observed(self.system, self.clients, self.host.lives, await self.host.counts())

    async def down(self) -> None:
        """Take it down."""
        await self.fleet.down()
        await self.clients.replica.transport.close()


async def run(
    benches: Iterable[Generated], folder: Path, scale: float, at_once: int, tell: Callable[[str], None] = lambda _: None
) -> dict[str, Observed]:
    """Bring all these up, and play them, `at_once` at a time."""
    ready: list[Running] = []
    turns = asyncio.Semaphore(at_once)
    seen: dict[str, Observed] = {}

    async def one(number: int, running: Running) -> None:
        async with turns:
            await asyncio.sleep(scale * APART * number if number < at_once else 0)
            seen[running.made.bench.name] = await running.play()

    try:
        for made in benches:
            name = made.bench.name
            ready.append(Running(made, folder / name, scale, lambda line, name=name: tell(f"{name}: {line}")))
            await ready[-1].up()
        gc.collect()
        gc.freeze()  # a full collection would hold everything up
        await asyncio.gather(*(one(number, running) for number, running in enumerate(ready)))
        return seen
    finally:
        gc.unfreeze()
        await asyncio.gather(*(running.down() for running in ready), return_exceptions=True)
