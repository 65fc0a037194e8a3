"""Caches on a Redis server: entries with a time to live, a limit that the least recently used make room for, flights.

What a cache holds is a key each, and their order of use a sorted set; scripts keep the two together. Of many replicas
that miss the same key one leads: it holds a lease on the flight, which ends with it should it die.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from msforge.runtime.cache_contents import AGAIN, LEAD
from msforge.runtime.clock import Clock
from msforge.runtime.failures import OK, RESET, UNAVAILABLE
from msforge.runtime.part_error import PartError, without_password
from msforge.runtime.plan import Store
from msforge.runtime.pooled import Pooled, share

OLDEST: Final = (6, 0)
"""The oldest server that can be used."""
PATIENCE: Final = 5.0
"""Real seconds that a connection may take."""
LEASE: Final = 5.0
"""Real seconds after which a flight is nobody's, unless its leader says that it is still under way."""
LOOK: Final = 0.05
"""Real seconds between two looks at a flight that others lead."""
LANDED: Final = 2.0
"""Real seconds that a flight's outcome can be read."""
BROKEN: Final = (RedisError, OSError, TimeoutError)

LOOKUP: Final = """
local held = redis.call('EXISTS', KEYS[1])
if held == 1 then redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1]) end
return held
"""
FILL: Final = """
local ttl, capacity = tonumber(ARGV[2]), tonumber(ARGV[3])
if ttl == 0 then redis.call('DEL', KEYS[1])
elseif ttl > 0 then redis.call('SET', KEYS[1], '', 'PX', ttl) else redis.call('SET', KEYS[1], '') end
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
if capacity >= 0 then
  local over = redis.call('ZCARD', KEYS[2]) - capacity
  if over > 0 then
    local gone = redis.call('ZPOPMIN', KEYS[2], over)
    for i = 1, #gone, 2 do redis.call('DEL', ARGV[4] .. gone[i]) end
  end
end
return 0
"""
JOIN: Final = """
local now = redis.call('GET', KEYS[1])
if now and string.sub(now, 1, 3) == 'led' then return now end
if ARGV[3] == '1' then return now or '' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""
LAND: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""


class RedisCaches:
    """The caches of one replica at `url` (redis://...). `replicas` of its service share each one's connections."""

    def __init__(self, url: str, stores: Iterable[Store], clock: Clock, replicas: int) -> None:
        self.url = url
        self.clock = clock
        self.stores = {
            store.name: Pooled(store.name, share(store.connections, replicas), self._serve, clock) for store in stores
        }
        self.redis: Redis = _client(url)
        self.leading: dict[tuple[str, str], tuple[str, asyncio.Task[None]]] = {}
        self._landing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """See that the server is there. Raises PartError."""
        await look_in(self.url)

    async def stop(self) -> None:
        """Hang up."""
        for _, renewing in self.leading.values():
            renewing.cancel()
        self.leading.clear()
        for pooled in self.stores.values():
            pooled.stop()
        if self._landing:
            await asyncio.wait(self._landing, timeout=PATIENCE)
        with suppress(*BROKEN):
            await self.redis.aclose()

    def crash(self) -> None:
        """The replica is dead; its leases end by themselves, those that wait for them are told at once."""
        for (cache, key), _ in [*self.leading.items()]:
            self.land(cache, key, AGAIN)
        for pooled in self.stores.values():
            pooled.stop()

    # -- operations ------------------------------------------------------------------------------------

    async def operate(self, store: str, duration: int, timeout: int, *, hang: bool = False) -> int:
        """One operation of `duration` ns, given up after `timeout` ns (-1: never): its outcome."""
        return await self.stores[store].operate(duration, timeout, hang=hang)

    async def _serve(self, store: str, duration: int) -> int:
        """Ask the server, and wait for what is left of the time: Redis serves one at a time and cannot sleep."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.clock.seconds(duration)
        try:
            await self.redis.ping()
        except BROKEN:
            return UNAVAILABLE
        await asyncio.sleep(max(0.0, until - loop.time()))
        return OK

    def timed_out(self, store: str) -> None:
        """A read was given up while it was at a cache."""
        self.stores[store].counts.timeouts += 1

    async def stats(self, store: str) -> dict[str, int]:
        """What this replica has counted."""
        return self.stores[store].counts.plain()

    # -- contents --------------------------------------------------------------------------------------

    async def lookup(self, cache: str, key: str | None, hit: bool = False) -> bool:
        """Whether a cache holds a key; without a key the caller knows (`hit`), and it is only counted."""
        if key is not None:
            try:
                hit = bool(await self._script(LOOKUP, cache, key, key))
            except BROKEN:
                hit = False
        counts = self.stores[cache].counts
        counts.hits += hit
        counts.misses += not hit
        return hit

    async def fill(self, cache: str, key: str, ttl: int, capacity: int) -> None:
        """Have a cache hold a key for `ttl` ns (-1: until it must go), among at most `capacity` (-1: no limit)."""
        real = round(self.clock.seconds(ttl) * 1000) if ttl >= 0 else -1
        with suppress(*BROKEN):
            await self._script(FILL, cache, key, key, real, capacity, f"{cache}:entry:")

    async def _script(self, script: str, cache: str, key: str, *arguments: Any) -> Any:
        keys = (f"{cache}:entry:{key}", f"{cache}:order", f"{cache}:turn")
        asked: Any = self.redis.eval(script, len(keys), *keys, *arguments)
        return await asked

    async def join(self, cache: str, key: str) -> int:
        """Wait for the read of a key that is under way: its outcome, or LEAD or AGAIN of `cache_contents`."""
        flight, mine = f"{cache}:flight:{key}", f"led by {secrets.token_hex(8)}"
        shared = False
        try:
            while True:
                said: Any = self.redis.eval(JOIN, 1, flight, mine, str(round(LEASE * 1000)), str(int(shared)))
                now = await said
                if now == mine:
                    self._lead(cache, key, mine)
                    return LEAD
                if not now.startswith("led"):
                    return int(now or AGAIN)  # without a word its leader died
                if not shared:
                    shared = True
                    self.stores[cache].counts.shared += 1
                await asyncio.sleep(LOOK)
        except BROKEN:
            return RESET if shared else LEAD

    def _lead(self, cache: str, key: str, mine: str) -> None:
        task = asyncio.get_running_loop().create_task(self._renew(f"{cache}:flight:{key}"))
        self.leading[cache, key] = mine, task

    async def _renew(self, flight: str) -> None:
        """Keep the lease for as long as the read takes."""
        while True:
            await asyncio.sleep(LEASE / 3)
            with suppress(*BROKEN):
                await self.redis.pexpire(flight, round(LEASE * 1000))

    def land(self, cache: str, key: str, outcome: int) -> None:
        """The read that led has ended."""
        mine, renewing = self.leading.pop((cache, key), ("", None))
        if renewing is None:
            return
        renewing.cancel()
        task = asyncio.get_running_loop().create_task(self._say(f"{cache}:flight:{key}", mine, outcome))
        self._landing.add(task)
        task.add_done_callback(self._landing.discard)

    async def _say(self, flight: str, mine: str, outcome: int) -> None:
        with suppress(*BROKEN):
            said: Any = self.redis.eval(LAND, 1, flight, mine, str(outcome), str(round(LANDED * 1000)))
            await said


def _client(url: str) -> Redis:
    made: Redis = Redis.from_url(url, socket_connect_timeout=PATIENCE, decode_responses=True)
    return made


async def look_in(url: str) -> None:
    """See that a server can be used. Raises PartError that says why not."""
    where = without_password(url)
    async with explained(url):
        redis = _client(url)
        try:
            said = await redis.info("server")
        finally:
            await redis.aclose()
        version = str(said.get("redis_version", ""))
        if tuple(int(piece) for piece in version.split(".")[:2] if piece.isdigit()) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise PartError(f"{where} is Redis {version or '?'}; {oldest} or newer is needed")


@asynccontextmanager
async def explained(url: str) -> AsyncIterator[None]:
    """Raises PartError for whatever goes wrong inside, or takes too long."""
    where = without_password(url)
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except AuthenticationError as problem:
        raise PartError(f"{where}: the server refuses the password") from problem
    except ResponseError as problem:
        refused = "NOAUTH" in str(problem) or "WRONGPASS" in str(problem)
        raise PartError(f"{where}: {'the server wants a password' if refused else problem}") from problem
    except BROKEN as problem:
        told = f"{where}: no Redis answers there: {problem or type(problem).__name__}"
        raise PartError(told, out_of_reach=True) from problem
    except ValueError as problem:
        raise PartError(f"{where} is no address of a Redis server: {problem}") from problem
