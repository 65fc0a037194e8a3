"""Reads and writes of a replica on a PostgreSQL server: each holds a connection for as long as it takes.

The description says how long that is, and the server itself spends the time (`pg_sleep`): so a store's connections are
real ones, and what happens when the server stops is real as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import asyncpg

from msforge.runtime.clock import Clock
from msforge.runtime.failures import ERROR, OK, RESET, UNAVAILABLE
from msforge.runtime.plan import Store
from msforge.runtime.pooled import Pooled, share
from msforge.runtime.postgres_store import LOST, PATIENCE, connected

KEPT: Final = 20
"""Idle connections of a store that are kept."""


class PostgresOperations:
    """The stores of one replica at `url`. `replicas` of its service share each store's connections evenly."""

    def __init__(self, url: str, stores: Iterable[Store], clock: Clock, replicas: int) -> None:
        self.url = url
        self.clock = clock
        self.stores = {
            store.name: Pooled(store.name, share(store.connections, replicas), self._serve, clock) for store in stores
        }
        self.idle: dict[str, list[asyncpg.Connection]] = {name: [] for name in self.stores}
        self._all: set[asyncpg.Connection] = set()

    async def start(self) -> None:
        """See that the server is there. Raises StoreError."""
        for name in self.stores:
            self._put_back(name, await connected(self.url))

    async def stop(self) -> None:
        """Hang up."""
        self.crash()

    def crash(self) -> None:
        """The replica is dead, and its connections with it."""
        for pooled in self.stores.values():
            pooled.stop()
        connections, self._all = self._all, set()
        for connection in connections:
            connection.terminate()
        for idle in self.idle.values():
            idle.clear()

    async def operate(self, store: str, duration: int, timeout: int, *, hang: bool = False) -> int:
        """One operation of `duration` ns, given up after `timeout` ns (-1: never): its outcome."""
        return await self.stores[store].operate(duration, timeout, hang=hang)

    def timed_out(self, store: str) -> None:
        """A read was given up while it was at a store."""
        self.stores[store].counts.timeouts += 1

    async def stats(self, store: str) -> dict[str, int]:
        """What this replica has counted."""
        return self.stores[store].counts.plain()

    async def _serve(self, store: str, duration: int) -> int:
        loop = asyncio.get_running_loop()
        until = loop.time() + self.clock.seconds(duration)
        idle = self.idle[store]
        try:
            connection = idle.pop() if idle else await self._connect()
        except LOST:
            return UNAVAILABLE
        except asyncpg.PostgresError:
            return ERROR
        try:
            await connection.execute("SELECT pg_sleep($1)", max(0.0, until - loop.time()))
        except LOST:
            self._drop(connection)
            return RESET
        except asyncpg.PostgresError:
            self._drop(connection)
            return ERROR
        except BaseException:
            self._drop(connection)
            raise
        self._put_back(store, connection)
        return OK

    async def _connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(self.url, timeout=PATIENCE)
        self._all.add(connection)
        return connection

    def _put_back(self, store: str, connection: asyncpg.Connection) -> None:
        self._all.add(connection)
        if len(self.idle[store]) < KEPT:
            self.idle[store].append(connection)
        else:
            self._drop(connection)

    def _drop(self, connection: Any) -> None:
        self._all.discard(connection)
        with suppress(*LOST):
            connection.terminate()
