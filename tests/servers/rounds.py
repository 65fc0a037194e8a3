"""Rounds of faults against a publisher and a consumer in processes of their own, on RabbitMQ and PostgreSQL.

A round sends orders at a steady rate, strikes once (its seed says where and when), mends what it struck, and waits
until all is quiet. What the publisher's database has kept must then be in the consumer's, each order once.

`python -m tests.servers.rounds 100` plays so many rounds and says what was lost and what was applied twice.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
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
from tests.servers.serving import Serving, end_all, serving

RATE = 60
"""Orders a second."""
LENGTH = 2.5
"""Seconds that a round sends."""
QUIET = 60.0
"""Seconds after which a round that is not quiet counts as it is."""
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
traffic: {{people: {{target: shop.order, rate: {RATE}/s}}}}
simulation: {{duration: 20s, warmup: 0s, seed: 1}}
"""


@dataclass(frozen=True)
class Outcome:
    """What a round came to: orders that were kept, of these lost, and applied more than once."""

    strike: str
    kept: int
    lost: int
    twice: int


class Service:
    """One service as a process."""

    def __init__(self, package: Package, folder: Path, settings: dict[str, str]) -> None:
        sock = bind(0)
        self.port = sock.getsockname()[1]
        sock.close()
        self.package, self.folder = package, folder
        told = {"PORT": str(self.port), "WATCH_STDIN": "true", **settings}
        self.environment = {**os.environ, **{package.prefix + key: value for key, value in told.items()}}
        self.url = f"http://127.0.0.1:{self.port}"
        self.child: Spawned | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        log = self.folder / f"{self.package.service}.log"
        self.child = Spawned((sys.executable, "-m", self.package.name), self.environment, self.package.folder, log)
        async with aiohttp.ClientSession() as http:
            for _ in range(1200):
                if self.child.code is not None:  # a server it needs is still down
                    await asyncio.sleep(0.3)
                    return await self.start()
                try:
                    async with http.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return None
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)
        raise TimeoutError(f"{self.package.service} was not ready: {log.read_text('utf-8')[-2000:]}")

    def kill(self) -> None:
        """It dies in the middle of whatever it does."""
        if self.child is not None:
            self.child.kill()


class Stage:
    """The two services, and the servers they use."""

    def __init__(self, folder: Path, safe: bool, name: str) -> None:
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

    async def start(self) -> None:
        """Both."""
        await asyncio.gather(*(service.start() for service in self.services.values()))

    def stop(self) -> None:
        """Both."""
        for service in self.services.values():
            service.kill()

    async def round(self, seed: int) -> Outcome:
        """Send, strike, mend, wait, count."""
        draw = random.Random(seed)
        strike = STRIKES[seed % len(STRIKES)]
        first = self.number
        sending = asyncio.ensure_future(self._send())
        await asyncio.sleep(draw.uniform(0.3, LENGTH - 0.5))
        await self._strike(strike, draw)
        await sending
        kept, applied = await self._quiet(first)
        return Outcome(strike, len(kept), len(kept - set(applied)), sum(n > 1 for n in applied.values()))

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
        try:
            url = f"{self.services['shop'].url}/orders"
            async with http.post(url, json={}, headers={DRAW: f"1-{number}-0"}) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            pass  # whether it was kept is what the database says

    async def _strike(self, strike: str, draw: random.Random) -> None:
        server = self.broker if strike.startswith("broker") else self.database
        match strike:
            case "publisher" | "consumer":
                service = self.services["shop" if strike == "publisher" else "stock"]
                service.kill()
                await service.start()
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

    async def _quiet(self, first: int) -> tuple[set[int], Counter[int]]:
        """What was kept, and what was applied, of the orders after `first`, once nothing changes any more."""
        loop = asyncio.get_running_loop()
        end, since, before = loop.time() + QUIET, loop.time(), None
        while True:
            mine = f"SELECT number FROM msforge_writes WHERE number > {first}"
            kept = {row[0] for row in await self._ask(self.databases["shop"], mine)}
            applied = Counter(row[0] for row in await self._ask(self.databases["stock"], mine))
            waiting = await self._ask(self.databases["shop"], "SELECT id FROM msforge_outbox")
            now = (len(kept), sum(applied.values()), len(waiting))
            if now != before:
                before, since = now, loop.time()
            still = loop.time() - since
            if loop.time() > end or (still > 2.0 and not waiting and kept <= set(applied)) or still > 15.0:
                return kept, applied
            await asyncio.sleep(0.25)


async def play(seeds: range, safe: bool, tell: Callable[[str], None] = lambda line: None) -> list[Outcome]:
    """So many rounds on one stage."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        stage = Stage(Path(folder), safe, f"{'safe' if safe else 'bare'}{os.getpid()}")
        try:
            await stage.start()
            await asyncio.sleep(6.0)  # until RabbitMQ has on disk where the new queues are
            outcomes = []
            for seed in seeds:
                outcomes.append(await stage.round(seed))
                tell(f"{seed}: {outcomes[-1]}")
            return outcomes
        finally:
            stage.stop()


def main() -> None:
    """Rounds with an outbox and an idempotent consumer; with `bare`, without."""
    count, safe = int(sys.argv[1]), "bare" not in sys.argv
    first = int(sys.argv[sys.argv.index("from") + 1]) if "from" in sys.argv else 0
    try:
        outcomes = asyncio.run(play(range(first, first + count), safe, lambda line: print(line, flush=True)))
        print(f"{len(outcomes)} rounds: kept {sum(o.kept for o in outcomes)}, lost {sum(o.lost for o in outcomes)}, "
              f"applied twice {sum(o.twice for o in outcomes)}")
    finally:
        end_all()


if __name__ == "__main__":
    main()
