"""Where rounds of faults are played: a publisher and a consumer in processes of their own, a broker and a database."""

from __future__ import annotations

import asyncio
import os
import random
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

import msforge
from msforge.live.children import Spawned
from msforge.live.folder import Package, packages
from msforge.live.ports import bind
from msforge.model import compile_system
from msforge.runtime.wire import DRAW
from msforge.spec import load_text
from tests.servers.round_evidence import Evidence, Order
from tests.servers.serving import Serving, serving

RATE = 60
"""Orders a second."""
LENGTH = 2.5
"""Seconds that a round sends."""
QUIET = 240.0
"""Seconds after which a round that is not quiet ends as it is: RabbitMQ itself takes 180 until it hands on again what
was not confirmed on the way from one queue to another."""
STILL, STILL_MISSING = 2.0, 6.0
"""Seconds that nothing may have changed for, and when an order is missing."""
STRIKES = ("publisher", "consumer", "broker restarts", "broker crashes", "database restarts", "database crashes",
           "connections", "disk")


def description(safe: bool) -> str:
    """With an outbox and an idempotent consumer, or without either."""
    word = str(safe).lower()
    return f"""\
msforge: 1
name: rounds
services:
  shop:
    endpoints:
      order: {{http: POST /orders, steps: [{{write: orders}}, {{publish: placed, outbox: {word}}}]}}
  stock:
    consumers:
      take:
        {{from: placed, threads: 8, prefetch: 20, idempotent: {word},
         retry: {{attempts: 1000, backoff: 200ms, factor: 1}},
         steps: [{{write: goods}}, {{wait: 30ms}}]}}
stores:
  orders: {{owner: shop, write: 1ms}}
  goods: {{owner: stock, write: 1ms}}
channels:
  placed: {{publish: 30ms, relay: 100ms}}
traffic: {{people: {{target: shop.order, rate: {RATE}/s, arrivals: constant}}}}
simulation: {{duration: 20s, warmup: 0s, seed: 1}}
"""


@dataclass(frozen=True)
class Outcome:
    """What a round came to, in orders.

    kept: in the publisher's database. lost: kept, or confirmed to the customer, and never applied, though nothing is
    under way any more. late: not applied within `QUIET`, but still in the outbox or in a queue. twice: applied more
    than once. `at` and `took`: seconds of the strike, from the round's begin; `quiet`: seconds from the last order
    until all was quiet, `rest` whether it ever was. `sent`: seconds at which the orders were sent.
    """

    seed: int
    strike: str
    kept: int
    lost: int
    late: int
    twice: int
    at: float
    took: float
    quiet: float
    rest: bool = True
    sent: tuple[float, ...] = field(default=(), repr=False)

    @property
    def clean(self) -> bool:
        """Whether every order was applied once, and nothing was left to do."""
        return self.rest and not (self.lost or self.late or self.twice)


class Service:
    """One service as a process. Each start of it has a log of its own."""

    def __init__(self, package: Package, folder: Path, settings: dict[str, str]) -> None:
        sock = bind(0)
        self.port = sock.getsockname()[1]
        sock.close()
        self.package, self.folder = package, folder
        told = {"PORT": str(self.port), "WATCH_STDIN": "true", **settings}
        self.environment = {**os.environ, **{package.prefix + key: value for key, value in told.items()}}
        self.url = f"http://127.0.0.1:{self.port}"
        self.child: Spawned | None = None
        self.starts = 0

    def log(self) -> Path:
        """What its present process says."""
        return self.folder / f"{self.package.service}.{self.starts}.log"

    async def start(self, evidence: Evidence) -> None:
        """Start it and wait until it is ready."""
        async with aiohttp.ClientSession() as http:
            self._spawn(evidence)
            for _ in range(1200):
                if self.child is not None and self.child.code is not None:  # a server it needs is still down
                    evidence.note("ended by itself", service=self.package.service, code=self.child.code)
                    await asyncio.sleep(0.3)
                    self._spawn(evidence)
                try:
                    async with http.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            evidence.note("ready", service=self.package.service)
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)
        raise TimeoutError(f"{self.package.service} was not ready: {self.log().read_text('utf-8')[-2000:]}")

    def _spawn(self, evidence: Evidence) -> None:
        self.starts += 1
        evidence.logs.append(self.log())
        evidence.note("starts", service=self.package.service, start=self.starts)
        command = (sys.executable, "-m", self.package.name)
        self.child = Spawned(command, self.environment, self.package.folder, self.log())

    def kill(self) -> None:
        """It dies in the middle of whatever it does."""
        if self.child is not None:
            self.child.kill()


class Stage:
    """The two services, and the servers they use. `name` is part of the names of its queue and its databases."""

    def __init__(self, folder: Path, safe: bool, name: str) -> None:
        folder.mkdir(parents=True)
        self.broker: Serving = serving("rabbitmq")
        self.database: Serving = serving("postgres")
        text = description(safe).replace("placed", f"placed-{name}")
        (folder / "rounds.yaml").write_text(text, "utf-8")
        msforge.new(folder / "rounds.yaml", folder / "made")
        found = packages(folder / "made", compile_system(load_text(text)), {})
        self.queue = f"placed-{name}"
        self.databases = {service: self.database.url(f"{name}_{service}") for service in ("shop", "stock")}
        self.services = {
            service: Service(found[service], folder, {
                "POSTGRES_URL": self.databases[service], "RABBITMQ_URL": self.broker.url()})
            for service in ("shop", "stock")
        }
        self.number = 0
        self.evidence = Evidence([])

    async def start(self) -> None:
        """Both services; returns when RabbitMQ has on disk where the new queues are."""
        await asyncio.gather(*(service.start(self.evidence) for service in self.services.values()))
        await asyncio.sleep(6.0)

    def stop(self) -> None:
        """Both services."""
        for service in self.services.values():
            service.kill()

    async def round(self, seed: int) -> Outcome:
        """Send, strike, mend, wait, count."""
        draw = random.Random(seed)
        strike = STRIKES[seed % len(STRIKES)]
        first = self.number
        servers = [server.hosted.site.log for server in (self.broker, self.database)]
        self.evidence = evidence = Evidence([*(service.log() for service in self.services.values()), *servers])
        sending = asyncio.ensure_future(self._send())
        await asyncio.sleep(draw.uniform(0.3, LENGTH - 0.5))
        at = evidence.now()
        evidence.note("strike begins", strike=strike)
        await self._strike(strike, draw)
        evidence.note("strike ends", strike=strike)
        took = evidence.now() - at
        await sending
        sent = evidence.now()
        kept, applied, waiting = await self._quiet(first)
        missing = len((kept | evidence.answered()) - set(applied))
        return Outcome(
            seed, strike, len(kept), 0 if waiting else missing, missing if waiting else 0,
            sum(n > 1 for n in applied.values()), round(at, 2), round(took, 2), round(evidence.now() - sent, 2),
            not waiting, tuple(order.sent for order in evidence.orders.values()))

    async def found(self) -> dict[str, Any]:
        """What the databases and the broker have, for a round's evidence."""
        tables: dict[str, Any] = {
            f"{service}.{table}": [dict(row) for row in await self._ask(url, f"SELECT * FROM msforge_{table}")]
            for service, url in self.databases.items() for table in ("writes", "outbox", "applied")
        }
        with suppress(subprocess.SubprocessError):
            tables["queues"] = [await asyncio.to_thread(self.queues)]
        return tables

    def queues(self) -> dict[str, list[int]]:
        """For each of its queues, those of pauses included: messages that wait, those a consumer has, and all.

        As of some 5 seconds ago, and slow to ask for.
        """
        counts = ("messages_ready", "messages_unacknowledged", "messages")
        printed = self.broker.control("list_queues", "--quiet", "--no-table-headers", "name", *counts)
        rows = (line.split("\t") for line in printed.splitlines())
        return {row[0]: [*map(int, row[1:])] for row in rows if row[0].startswith(self.queue)}

    async def _under_way(self) -> int:
        """Messages that wait in its queues, those of pauses included, and those that the consumer has."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.services['stock'].url}/metrics") as answer:
            text = await answer.text()
        (found,) = re.findall(r'^service_channel_waiting\{[^}]*what="in_flight"[^}]*\} (\S+)$', text, re.MULTILINE)
        return round(float(found))

    # -- a round -----------------------------------------------------------------------------------

    async def _send(self) -> None:
        timeout = aiohttp.ClientTimeout(total=10.0)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            sent = []
            for _ in range(round(RATE * LENGTH)):
                self.number += 1
                sent.append(asyncio.ensure_future(self._order(http, self.number)))
                await asyncio.sleep(1 / RATE)
            await asyncio.gather(*sent)

    async def _order(self, http: aiohttp.ClientSession, number: int) -> None:
        order = self.evidence.orders[number] = Order(self.evidence.now())
        try:
            url = f"{self.services['shop'].url}/orders"
            async with http.post(url, json={}, headers={DRAW: f"1-{number}-0"}) as answer:
                await answer.read()
                order.answer = str(answer.status)
        except (aiohttp.ClientError, TimeoutError) as problem:
            order.answer = repr(problem)  # whether it was kept is what the database says
        order.ended = self.evidence.now()

    async def _strike(self, strike: str, draw: random.Random) -> None:
        server = self.broker if strike.startswith("broker") else self.database
        match strike:
            case "publisher" | "consumer":
                service = self.services["shop" if strike == "publisher" else "stock"]
                service.kill()
                await service.start(self.evidence)
            case "broker restarts" | "database restarts":
                await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start)
            case "broker crashes" | "database crashes":
                await asyncio.to_thread(server.crash)
                await asyncio.to_thread(server.start)
            case "connections":
                await asyncio.to_thread(self.broker.control, "close_all_connections", "cut")
                await self._ask(self.databases["shop"], "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                "WHERE datname IS NOT NULL AND pid <> pg_backend_pid()")
            case "disk":
                await asyncio.to_thread(self.broker.control, "set_disk_free_limit", "100000GB")
                await asyncio.sleep(draw.uniform(0.2, 1.0))
                await asyncio.to_thread(self.broker.control, "set_disk_free_limit", "50MB")

    async def _ask(self, url: str, sql: str) -> list[Any]:
        import asyncpg

        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()

    async def _quiet(self, first: int) -> tuple[set[int], Counter[int], bool]:
        """What was kept, and what was applied, of the orders after `first`, once nothing is under way any more.

        The last is True when something still was, at the end of all patience.
        """
        loop = asyncio.get_running_loop()
        end, since, before = loop.time() + QUIET, loop.time(), None
        while True:
            mine = f"SELECT number FROM msforge_writes WHERE number > {first}"
            waiting = await self._ask(self.databases["shop"], "SELECT id FROM msforge_outbox")
            kept = {row[0] for row in await self._ask(self.databases["shop"], mine)}
            applied = Counter(row[0] for row in await self._ask(self.databases["stock"], mine))
            now = (len(kept), sum(applied.values()), len(waiting))
            if now != before:
                before, since = now, loop.time()
                self.evidence.note("rows", kept=now[0], applied=now[1], outbox=now[2])
            busy = bool(waiting)
            missing = bool((kept | self.evidence.answered()) - set(applied))
            if not busy and loop.time() - since > (STILL_MISSING if missing else STILL):
                under_way = await self._under_way()
                self.evidence.note("under way", messages=under_way)
                busy = bool(under_way)
                if not busy:
                    return kept, applied, False
            if loop.time() > end:
                return kept, applied, busy
            await asyncio.sleep(0.25)
