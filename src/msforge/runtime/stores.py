"""Reads and writes of a replica: how long they take, how they fail, what a cache saves, and the rows they leave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msforge.policies.keys import child_key
from msforge.runtime.cache_contents import AGAIN, LEAD
from msforge.runtime.failures import ERROR, OK, TIMEOUT, UNAVAILABLE, StepFailed, cause_of
from msforge.runtime.place import HERE, Place
from msforge.runtime.plan import Cache, Store
from msforge.runtime.saga_log import SagaLog
from msforge.runtime.sqlite_store import SqliteStore

if TYPE_CHECKING:
    import sqlite3

    from msforge.policies.distributions import Dist
    from msforge.runtime.flow import Flow
    from msforge.runtime.replica import Replica

KEPT: Final = 100_000
"""Rows of emulated writes that are kept; the oldest leave."""

Row = tuple[str, str, int, int]
"""store, step, number, at (ns)"""


class Stores:
    """What a replica asks of its stores and caches. `database` is the service's own, `sagas` its log of them.

    `parts` is where the stores stand: all replicas share their connections. `data_dir` None keeps rows in memory only.
    """

    def __init__(
        self, replica: Replica, parts: Any = None, data_dir: Path | None = None, migrations: Path | None = None
    ) -> None:
        self.replica = replica
        self.parts: Any = parts if parts is not None else replica.parts
        path = None if data_dir is None else Path(data_dir) / f"{replica.name}.sqlite3"
        self.database = SqliteStore(path, migrations)
        self.sagas = SagaLog(self.database, replica.ordinal)
        self.units: dict[Flow, list[Row]] = {}  # rows to be committed with a message
        self._rows = 0

    async def start(self) -> None:
        """Open the database. Raises StoreError."""
        self.database.open()
        await self.sagas.recover()

    async def stop(self) -> None:
        """Close the database."""
        self.database.close()

    def crash(self) -> None:
        """What was not committed is lost."""
        self.units.clear()
        self.database.close()

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
        row = (store.name, word, here.number, self.replica.clock.now())
        if getattr(flow, "outbox", False):
            self.units.setdefault(flow, []).append(row)
        else:
            async with self.database.transaction() as db:
                self.insert(db, [row])

    async def finish(self, flow: Flow) -> None:
        """A request is over: what it wrote without a message is committed."""
        rows = self.units.pop(flow, None)
        if rows:
            async with self.database.transaction() as db:
                self.insert(db, rows)

    def insert(self, db: sqlite3.Connection, rows: list[Row]) -> None:
        """The rows of emulated writes."""
        db.executemany("INSERT INTO msforge_writes (store, step, number, at) VALUES (?, ?, ?, ?)", rows)
        self._rows += len(rows)
        if self._rows >= KEPT // 10:
            self._rows = 0
            db.execute("DELETE FROM msforge_writes WHERE id <= (SELECT max(id) FROM msforge_writes) - ?", (KEPT,))

    # -- operations ------------------------------------------------------------------------------

    async def _operate(self, here: Place, word: str, store: Store, dist: Dist, timeout: int) -> None:
        """One operation without a cache."""
        faults = self.replica.faults
        if faults.links and not faults.reaches("store", store.name):
            outcome = await self.parts.operate(store.name, 0, timeout, hang=True)
            raise self._failure(outcome or TIMEOUT)
        duration = here.duration(word, "time", dist)
        if faults.links:
            duration += faults.extra("store", store.name)
        since = self.replica.clock.now()
        outcome = await self._visit(store, duration, timeout)
        here.store += self.replica.clock.now() - since
        if outcome != OK:
            raise self._failure(outcome)

    async def _visit(self, store: Store, duration: int, timeout: int) -> int:
        """Wait in line and be served; faults on the store slow it or make it fail."""
        faults = self.replica.faults
        fails = bool(faults.failing_stores) and faults.store_fails(store.name)
        if faults.slow_stores:
            duration = faults.slowed_store(store.name, duration)
        outcome: int = await self.parts.operate(store.name, duration, timeout)
        return ERROR if fails and outcome == OK else outcome

    async def _through(self, here: Place, word: str, store: Store, cache: Cache, timeout: int) -> None:
        """Look up, and on a miss go to the store and fill the cache."""
        since = self.replica.clock.now()
        key = None
        if cache.keys is not None:
            key = f"{store.name}:{here.duration(word, 'key', cache.keys)}"
        while True:
            outcome = await self._look_up(here, word, cache)
            if outcome == UNAVAILABLE:
                await self._operate(here, word, store, store.read, timeout)
                return
            if outcome != OK:
                break
            drawn = key is None and here.uniform(word, "hit") < cache.hit
            if await self.parts.lookup(cache.store.name, key, drawn):
                break
            if key is None or not cache.single_flight:
                outcome = await self._miss(here, word, store, cache, key, timeout)
                break
            outcome = await self.parts.join(cache.store.name, key)
            if outcome == LEAD:
                outcome = await self._lead(here, word, store, cache, key, timeout)
            if outcome != AGAIN:
                break
        here.store += self.replica.clock.now() - since
        if outcome != OK:
            raise self._failure(outcome)

    async def _look_up(self, here: Place, word: str, cache: Cache) -> int:
        """One operation at the cache's own store; nothing but slowness is wrong with that."""
        duration = here.duration(word, "cache", cache.store.read)
        faults = self.replica.faults
        if faults.slow_stores:
            duration = faults.slowed_store(cache.store.name, duration)
        outcome: int = await self.parts.operate(cache.store.name, duration, -1)
        return outcome

    async def _miss(self, here: Place, word: str, store: Store, cache: Cache, key: str | None, timeout: int) -> int:
        """Read the store, and fill the cache."""
        outcome = await self._visit(store, here.duration(word, "time", store.read), timeout)
        if outcome == OK and key is not None:
            await self.parts.fill(cache.store.name, key, cache.ttl, cache.capacity)
        return outcome

    async def _lead(self, here: Place, word: str, store: Store, cache: Cache, key: str, timeout: int) -> int:
        """Miss for all that wait for the same key."""
        outcome = AGAIN
        try:
            outcome = await self._miss(here, word, store, cache, key, timeout)
        finally:
            self.parts.land(cache.store.name, key, outcome)
        return outcome

    def _failure(self, outcome: int) -> StepFailed:
        """A store's failure is put down to the service that asked."""
        return StepFailed(ERROR, cause_of(self.replica.name, outcome))
