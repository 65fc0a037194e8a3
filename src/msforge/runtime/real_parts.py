"""Parts on servers: a broker, a database or a cache in place of what would be embedded, as the settings choose.

What no server was chosen for stays where it was. Drivers are imported when they are chosen, and not before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from msforge.runtime.clock import Clock
from msforge.runtime.failures import OK
from msforge.runtime.part_error import PartError
from msforge.runtime.parts import Deliver
from msforge.runtime.plan import Channel, Service, Store

POSTGRES: Final = frozenset(("postgres", "postgresql"))
REDIS: Final = frozenset(("redis", "valkey"))


@dataclass(frozen=True, slots=True, repr=False)
class Chosen:
    """The URLs of the servers that were chosen; "" for none. They hold passwords."""

    rabbitmq: str = ""
    postgres: str = ""
    redis: str = ""
    kafka: str = ""


def real_parts(
    chosen: Chosen, base: Any, service: Service, ordinal: int, channels: Iterable[Channel], stores: Iterable[Store],
    clock: Clock,
) -> Any:
    """The parts of one replica: `base`, or servers for all that they can take. Raises PartError."""
    found, kept = [*channels], [*stores]
    queues = [c for c in found if not c.topic and not c.embedded and chosen.rabbitmq]
    topics = [c for c in found if c.topic and not c.embedded and chosen.kafka]
    tables = [s for s in kept if s.kind in POSTGRES and chosen.postgres]
    caches = [s for s in kept if s.kind in REDIS and chosen.redis]
    if not (queues or topics or tables or caches):
        return base
    name = f"{service.name}.{ordinal}"
    made = RealParts(base, {c.name: c for c in found})
    try:
        if queues:
            from msforge.runtime.rabbitmq import RabbitMQ

            made.add_broker(RabbitMQ(chosen.rabbitmq, queues, clock, name), queues)
        if topics:
            from msforge.runtime.kafka import Kafka

            made.add_broker(Kafka(chosen.kafka, topics, clock, name, ordinal), topics)
        if tables:
            from msforge.runtime.postgres_operations import PostgresOperations

            made.add_stores(PostgresOperations(chosen.postgres, tables, clock, service.replicas), tables)
        if caches:
            from msforge.runtime.redis_cache import RedisCaches

            made.add_stores(RedisCaches(chosen.redis, caches, clock, service.replicas), caches)
    except ImportError as problem:
        raise PartError(f"{name} needs the package {problem.name}, which is not installed: pip install "
                        f"{DISTRIBUTIONS.get(problem.name or '', problem.name)}") from problem
    return made


DISTRIBUTIONS: Final = {"aio_pika": "aio-pika"}
"""What brings a package that has another name."""


class RealParts:
    """What a replica asks goes to the server that has it, or to `base`."""

    def __init__(self, base: Any, channels: dict[str, Channel]) -> None:
        self.base = base
        self.plans = channels
        self.brokers: dict[str, Any] = {}
        self.stores: dict[str, Any] = {}
        self._all: list[Any] = []

    def add_broker(self, broker: Any, channels: Iterable[Channel]) -> None:
        """A broker has these channels."""
        self.brokers.update((channel.name, broker) for channel in channels)
        self._all.append(broker)

    def add_stores(self, server: Any, stores: Iterable[Store]) -> None:
        """A server has these stores."""
        self.stores.update((store.name, server) for store in stores)
        self._all.append(server)

    async def start(self) -> None:
        """Connect to all servers. Raises PartError; then nothing is left connected."""
        try:
            for part in self._all:
                await part.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Let go of all servers."""
        await asyncio.gather(*(part.stop() for part in self._all))

    # -- channels --------------------------------------------------------------------------------------

    def down(self, channel: str) -> bool:
        """Whether a channel's broker is out of order."""
        return bool(self.brokers.get(channel, self.base).down(channel))

    async def publish(self, channel: str, message: dict[str, Any]) -> int:
        """Hand over a message."""
        return int(await self.brokers.get(channel, self.base).publish(channel, message))

    async def subscribe(self, consumer: dict[str, Any], replica: str, deliver: Deliver) -> Any:
        """A consumer of a replica is ready."""
        broker = self.brokers.get(consumer["channel"])
        if broker is None:
            return await self.base.subscribe(consumer, replica, deliver)
        return await broker.subscribe(consumer, deliver, self._bury)

    async def _bury(self, target: str, message: dict[str, Any]) -> bool:
        """Move a message to the dead letters of its channel, which may stand on another broker."""
        broker = self.brokers.get(target)
        if broker is not None:
            return bool(await broker.bury(target, message))
        return bool(await self.base.publish(target, {**message, "key": None}) == OK)

    def effect(self, tag: int, step: int) -> None:
        """A delivery has done a step with an effect."""
        if not any(broker.effect(tag, step) for broker in {*self.brokers.values()}):
            self.base.effect(tag, step)

    def lost(self, channel: str) -> None:
        """A crash lost a message that was to be published."""
        broker = self.brokers.get(channel)
        if broker is None:
            self.base.lost(channel)
        else:
            broker.counts[channel].lost += 1

    def crashed(self, replica: str) -> None:
        """The replica is dead, with all its consumers."""
        for part in self._all:
            part.crash()
        self.base.crashed(replica)

    # -- stores ----------------------------------------------------------------------------------------

    async def operate(self, store: str, duration: int, timeout: int, *, hang: bool = False) -> int:
        """One operation of `duration` ns, given up after `timeout` ns (-1: never): its outcome."""
        return int(await self.stores.get(store, self.base).operate(store, duration, timeout, hang=hang))

    async def lookup(self, cache: str, key: str | None, hit: bool = False) -> bool:
        """Whether a cache holds a key."""
        return bool(await self.stores.get(cache, self.base).lookup(cache, key, hit))

    async def fill(self, cache: str, key: str, ttl: int, capacity: int) -> None:
        """Have a cache hold a key."""
        await self.stores.get(cache, self.base).fill(cache, key, ttl, capacity)

    async def join(self, cache: str, key: str) -> int:
        """Wait for the read of a key that is under way; LEAD when none is."""
        return int(await self.stores.get(cache, self.base).join(cache, key))

    def land(self, cache: str, key: str, outcome: int) -> None:
        """The read that led has ended."""
        self.stores.get(cache, self.base).land(cache, key, outcome)

    def timed_out(self, store: str) -> None:
        """A read was given up while it was at a store."""
        self.stores.get(store, self.base).timed_out(store)

    async def stats(self, name: str) -> dict[str, int]:
        """What a channel or store has counted, and what waits there."""
        found: dict[str, int] = await (self.brokers.get(name) or self.stores.get(name) or self.base).stats(name)
        return found

    async def own_stats(self) -> dict[str, dict[str, int]]:
        """What this replica has counted of the channels on servers, and what waits there."""
        return {name: await broker.stats(name) for name, broker in self.brokers.items()}
