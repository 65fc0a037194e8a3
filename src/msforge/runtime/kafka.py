"""Topics on a Kafka broker, for one replica.

A topic has the partitions that the file says, and a key picks one as it does in the simulation. A publisher waits until
the broker, with all its replicas, has the message. A connection that breaks is made again, and with it all that
stood on it: whatever was read and not committed comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import MessageSizeTooLargeError

from msforge.runtime.clock import Clock
from msforge.runtime.failures import OK, OVERLOADED, RESET
from msforge.runtime.kafka_connecting import ANSWER, BROKEN, PATIENCE, admin_of, declare, explained
from msforge.runtime.kafka_consumer import KafkaConsumer
from msforge.runtime.kafka_ending import end_producer, ended
from msforge.runtime.kafka_lag import Lag
from msforge.runtime.kafka_message import packed
from msforge.runtime.kafka_url import KafkaUrl
from msforge.runtime.part_counts import PartCounts
from msforge.runtime.part_error import PartError
from msforge.runtime.parts import Deliver
from msforge.runtime.plan import Channel

LOOK: Final = 2.0
"""Real seconds between two looks at a broker whose connection stands."""
PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Real seconds between tries to connect again; the last one again and again."""


class Kafka:
    """The topics of one replica at `url` (kafka://...). `name` is the replica's, `ordinal` its number."""

    def __init__(self, url: str, channels: Iterable[Channel], clock: Clock, name: str, ordinal: int = 0) -> None:
        self.url = KafkaUrl(url)
        self.channels = {channel.name: channel for channel in channels}
        self.clock = clock
        self.name = name
        self.ordinal = ordinal
        self.counts = {name: PartCounts() for name in self.channels}
        self.consumers: list[KafkaConsumer] = []
        self.connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._turns = dict.fromkeys(self.channels, ordinal)
        self._producer: AIOKafkaProducer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._lag: Lag | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def topic(self, channel: str) -> str:
        """What a channel is called on the broker."""
        return self.url.prefix + channel

    # -- connection --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect and have the topics made. Raises PartError."""
        await self._connect()
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """Hang up."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        await self._hang_up(good_bye=True)
        if self._closing:
            await asyncio.wait(self._closing, timeout=PATIENCE)

    def crash(self) -> None:
        """The replica is dead: the broker finds out when it is not heard of any more."""
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
        for consumer in self.consumers:
            consumer.stop()
        task = asyncio.get_running_loop().create_task(self._hang_up())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _hang_up(self, *, good_bye: bool = False) -> None:
        self.connected.clear()
        self._lost.set()
        await asyncio.gather(*(consumer.detach(good_bye=good_bye) for consumer in self.consumers))
        producer, self._producer = self._producer, None
        lag, self._lag = self._lag, None
        admin, self._admin = self._admin, None
        if producer is not None:
            await end_producer(producer)
        if lag is not None:
            await ended(lag.stop())
        if admin is not None:
            await ended(admin.close())

    async def _connect(self) -> None:
        """All connections, all topics, all consumers. Raises PartError."""
        self._lost.clear()
        try:
            async with explained(self.url):
                self._admin = admin_of(self.url, self.name)
                await self._admin.start()
                await declare(self._admin, self.url, {self.topic(c.name): c.partitions for c in self.channels.values()})
                self._producer = AIOKafkaProducer(
                    **self.url.options(), client_id=self.name, acks="all", request_timeout_ms=round(PATIENCE * 1000))
                await self._producer.start()
        except BaseException:
            await self._hang_up()
            raise
        self._lag = Lag(self.url.options(), self.name, self._admin, self.url.prefix)
        self.connected.set()
        for consumer in self.consumers:
            consumer.attach()

    async def _keep(self) -> None:
        """Have connections, for ever."""
        while True:
            await self._until_doubt()
            if await self._there():
                continue
            await self._hang_up()
            failures = 0
            while not self.connected.is_set():
                await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1
                with suppress(PartError):
                    await self._connect()

    async def _until_doubt(self) -> None:
        """Until a connection that says nothing is cut, or for a while: a broker that dies cuts it at once."""
        await asyncio.sleep(PAUSES[0])
        host, _, port = self.url.hosts[0].rpartition(":")
        with suppress(OSError, TimeoutError):
            opening = asyncio.open_connection(host.strip("[]"), int(port))
            reader, writer = await asyncio.wait_for(opening, ANSWER)
            try:
                async with asyncio.timeout(LOOK):
                    await reader.read(1)
            finally:
                writer.close()

    async def _there(self) -> bool:
        """Whether a broker answers, and has our topics: one in memory forgets them when it starts anew."""
        try:
            async with asyncio.timeout(ANSWER):
                assert self._admin is not None
                return set(map(self.topic, self.channels)) <= set(await self._admin.list_topics())
        except BROKEN:
            return False

    # -- messages ------------------------------------------------------------------------------------

    async def publish(self, channel: str, message: dict[str, Any]) -> int:
        """Hand over a message: OK once the broker has it, OVERLOADED when it refuses it, RESET when it is gone."""
        outcome = await self._send(channel, message)
        counts = self.counts[channel]
        counts.published += outcome == OK
        counts.rejected += outcome == OVERLOADED
        return outcome

    async def _send(self, channel: str, message: dict[str, Any]) -> int:
        producer = self._producer
        if producer is None or not self.connected.is_set():
            return RESET
        partition = self._partition(channel, message.get("key"))
        sent = asyncio.ensure_future(
            producer.send_and_wait(self.topic(channel), partition=partition, **packed(message)))
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait((sent, lost), return_when=asyncio.FIRST_COMPLETED)
            if not sent.done():
                return RESET
            sent.result()
        except MessageSizeTooLargeError:
            return OVERLOADED
        except BROKEN:
            return RESET
        finally:
            lost.cancel()
            sent.cancel()
        return OK

    def _partition(self, channel: str, key: int | None) -> int:
        """A key's partition; without a key, the next in turn."""
        n = self.channels[channel].partitions
        if key is not None:
            return key % n
        turn = self._turns[channel]
        self._turns[channel] = turn + 1
        return turn % n

    async def bury(self, target: str, message: dict[str, Any]) -> bool:
        """Move a message to a topic of dead letters. False: the broker does not take it."""
        taken = await self._send(target, {**message, "key": None}) == OK
        self.counts[target].published += taken
        return taken

    def effect(self, tag: int, step: int) -> bool:
        """A delivery has done a step with an effect. False: it is none of ours."""
        return any(consumer.effect(tag, step) for consumer in self.consumers)

    def down(self, channel: str) -> bool:
        """Whether the broker is out of reach."""
        return not self.connected.is_set()

    async def subscribe(
        self, consumer: dict[str, Any], deliver: Deliver, bury: Callable[[str, dict[str, Any]], Any]
    ) -> KafkaConsumer:
        """A consumer of this replica is ready. Its group deals partitions out in its own time."""
        made = KafkaConsumer(self, self.channels[consumer["channel"]], consumer, deliver, bury)
        self.consumers.append(made)
        if self.connected.is_set():
            made.attach()
        return made

    async def stats(self, channel: str) -> dict[str, int]:
        """What this replica has counted of a topic, and how far its groups are behind."""
        counts = self.counts[channel].plain()
        mine = [c for c in self.consumers if c.plan.name == channel]
        counts["unacked"] = sum(c.unacked() for c in mine)
        counts["resting"] = sum(c.resting() for c in mine)
        counts["in_flight"] = await self._behind(channel)
        counts["backlog"] = max(0, counts["in_flight"] - counts["unacked"])
        return counts

    async def _behind(self, channel: str) -> int:
        """Messages times groups that are not yet done, dead or dropped."""
        if self._lag is None:
            return 0
        try:
            async with asyncio.timeout(ANSWER):
                return await self._lag.of(self.topic(channel), self.channels[channel].partitions)
        except BROKEN:
            return 0
