"""Reads and writes of a replica: how long they take, how they fail, what a cache saves, and the rows they leave."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msforge.policies.keys import child_key
from msforge.runtime.cache_contents import AGAIN, LEAD
from msforge.runtime.database import Database, database_of
from msforge.runtime.failures import ERROR, OK, RESET, TIMEOUT, UNAVAILABLE, StepFailed, cause_of
from msforge.runtime.migrations import StoreError
from msforge.runtime.place import HERE, Place, once
from msforge.runtime.plan import Cache, Store
from msforge.runtime.saga_log import SagaLog
from msforge.runtime.time_limit import TimeLimit

if TYPE_CHECKING:
    from msforge.policies.distributions import Dist
    from msforge.runtime.flow import Flow
    from msforge.runtime.replica import Replica

KEPT: Final = 100_000
"""Rows of emulated writes that are kept; the oldest leave."""

WRITTEN: Final = "INSERT INTO msforge_writes (store, step, number, at) VALUES (?, ?, ?, ?)"
NEW: Final = "INSERT INTO msforge_applied (effect) VALUES (?) ON CONFLICT DO NOTHING RETURNING id"

BYPASS: Final = -3
"""A read goes on without the cache."""

Row = tuple[str, str, int, int, str]
"""store, step, number, at (ns), and what names the effect where it is to be had once, "" elsewhere"""


class Stores:
    """What a replica asks of its stores and caches. `database` is the service's own, `sagas` its log of them.

    `parts` is where the stores stand: all replicas share their connections. The database is at `url`
    (postgresql://...), or a file in `data_dir`; with neither it is in memory only.
    """

    def __init__(
        self, replica: Replica, parts: Any = None, data_dir: Path | None = None, migrations: Path | None = None,
        url: str = "",
    ) -> None:
        self.replica = replica
        self.parts: Any = parts if parts is not None else replica.parts
        path = None if data_dir is None else Path(data_dir) / f"{replica.name}.sqlite3"
        self.database: Database = database_of(path, migrations, url)
        self.sagas = SagaLog(self.database, replica.ordinal)
        self.units: dict[Flow, list[Row]] = {}  # rows to be committed with a message
        self._rows = 0

    async def start(self) -> None:
        """Open the database. Raises StoreError."""
        await self.database.start()
        await self.sagas.recover()

    async def stop(self) -> None:
        """Close the database."""
        await self.database.stop()

    def crash(self) -> None:
        """What was not committed is lost."""
        self.units.clear()
        self.database.crash()

    # -- steps ---------------------------------------------------------------------------------

    async def read(
        self, flow: Flow, word: str, store: Store, *, timeout: int = -1, cache: Cache | None = None
    ) -> None:
        """Read, through a cache when there is one. Raises StepFailed."""
        if cache is None:
            await self._operate(HERE.get(), word, store, store.read, timeout)
        else:
            await self._through(HERE.get(), word, store, cache, timeout)

    async def write(self, flow: Flow, word: str, store: Store, *, timeout: int = -1) -> None:
        """Write, and leave a row in the service's database. Raises StepFailed."""
        here = HERE.get()
        await self._operate(here, word, store, store.write, timeout)
        if flow.message is not None:
            flow.message.effect(child_key(here.key, word))
        if self.replica.events is not None:
            self.replica.events.wrote(flow)
        row = (store.name, word, here.number, self.replica.clock.now(), once(flow, child_key(here.key, word)))
        if getattr(flow, "outbox", False):
            self.units.setdefault(flow, []).append(row)
        else:
            await self._commit([row])

    async def finish(self, flow: Flow) -> None:
        """A request is over: what it wrote without a message is committed."""
        rows = self.units.pop(flow, None)
        if rows:
            await self._commit(rows)

    async def _commit(self, rows: list[Row]) -> None:
        try:
            async with self.database.transaction() as db:
                await self.insert(db, rows)
        except StoreError as problem:
            self.replica.log.warning("write failed", problem=str(problem))
            raise self._failure(RESET) from problem

    async def insert(self, db: Any, rows: list[Row]) -> None:
        """The rows of emulated writes, inside a transaction. An effect that is to be had once is not had again."""
        execute = self.database.execute
        for store, step, number, at, effect in rows:
            if effect and not await execute(db, NEW, (effect,)):
                continue
            await execute(db, WRITTEN, (store, step, number, at))
            self._rows += 1
        if self._rows >= KEPT // 10:
            self._rows = 0
            for table in ("msforge_writes", "msforge_applied"):
                await execute(db, f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", (KEPT,))

    # -- operations ------------------------------------------------------------------------------

    async def _operate(self, here: Place, word: str, store: Store, dist: Dist, timeout: int) -> None:
        """One operation without a cache."""
        if not self._reaches(store):
            raise self._failure(await self.parts.operate(store.name, 0, timeout, hang=True))
        duration = here.duration(word, "time", dist)
        since = self.replica.clock.now()
        outcome = await self._visit(store, duration, timeout)
        here.store += self.replica.clock.now() - since
        if outcome != OK:
            raise self._failure(outcome)

    def _reaches(self, store: Store) -> bool:
        faults = self.replica.faults
        return not faults.links or faults.reaches("store", store.name)

    async def _visit(self, store: Store, duration: int, timeout: int) -> int:
        """Wait in line and be served; faults on the store, and on the way there, slow it or make it fail."""
        faults = self.replica.faults
        if faults.links:
            duration += faults.extra("store", store.name)
        fails = bool(faults.failing_stores) and faults.store_fails(store.name)
        if faults.slow_stores:
            duration = faults.slowed_store(store.name, duration)
        outcome: int = await self.parts.operate(store.name, duration, timeout)
        return ERROR if fails and outcome == OK else outcome

    async def _through(self, here: Place, word: str, store: Store, cache: Cache, timeout: int) -> None:
        """Read through a cache; the timeout bounds all of it: cache, the wait for another's read, and store."""
        since = self.replica.clock.now()
        read = CachedRead(self, here, word, store, cache)
        outcome = AGAIN  # for those that wait, should this read be stopped
        try:
            async with TimeLimit(self.replica.clock, timeout):
                outcome = await read.run()
        except TimeoutError:
            self.parts.timed_out(read.at.name)
            outcome = TIMEOUT
        finally:
            if read.leads:
                self.parts.land(cache.store.name, read.key, outcome)
        if read.leads:
            await asyncio.sleep(0)  # those that waited go on first
        if outcome == BYPASS:
            await self._operate(here, word, store, store.read, timeout)
            return
        here.store += self.replica.clock.now() - since
        if outcome != OK:
            raise self._failure(outcome)

    def _failure(self, outcome: int) -> StepFailed:
        """A store's failure is put down to the service that asked."""
        return StepFailed(ERROR, cause_of(self.replica.name, outcome))


class CachedRead:
    """One read through a cache: look up, and on a miss go to the store and fill the cache. `at`: where it is now."""

    def __init__(self, stores: Stores, here: Place, word: str, store: Store, cache: Cache) -> None:
        self.stores = stores
        self.parts = stores.parts
        self.here = here
        self.word = word
        self.store = store
        self.cache = cache
        self.at = cache.store
        self.leads = False
        self.key: str | None = None
        if cache.keys is not None:
            self.key = f"{store.name}:{here.duration(word, 'key', cache.keys)}"

    async def run(self) -> int:
        """Its outcome; BYPASS when the cache is down."""
        while True:
            outcome = await self._look_up()
            if outcome == UNAVAILABLE:
                return BYPASS
            if outcome not in (OK, ERROR):
                return outcome
            # a cache that answers with an error is passed by: the store is asked
            if await self._found(passed_by=outcome == ERROR):
                return OK
            self.at = self.store
            if self.key is None or not self.cache.single_flight:
                return await self._miss()
            outcome = int(await self.parts.join(self.cache.store.name, self.key))
            if outcome == LEAD:
                self.leads = True  # its outcome is that of all who wait for the same key
                return await self._miss()
            if outcome != AGAIN:
                return outcome
            self.at = self.cache.store

    async def _look_up(self) -> int:
        """One operation at the cache's own store."""
        if not self.stores._reaches(self.cache.store):
            await asyncio.get_running_loop().create_future()
        duration = self.here.duration(self.word, "cache", self.cache.store.read)
        return await self.stores._visit(self.cache.store, duration, -1)

    async def _found(self, *, passed_by: bool) -> bool:
        name = self.cache.store.name
        if passed_by:
            return bool(await self.parts.lookup(name, None, False))
        hit = self.key is None and self.here.uniform(self.word, "hit") < self.cache.hit
        return bool(await self.parts.lookup(name, self.key, hit))

    async def _miss(self) -> int:
        """Read the store, and fill the cache."""
        if not self.stores._reaches(self.store):
            await asyncio.get_running_loop().create_future()
        outcome = await self.stores._visit(self.store, self.here.duration(self.word, "time", self.store.read), -1)
        if outcome == OK and self.key is not None:
            await self.parts.fill(self.cache.store.name, self.key, self.cache.ttl, self.cache.capacity)
        return outcome
