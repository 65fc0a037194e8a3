"""Queues on a RabbitMQ server, for one replica.

A queue is a quorum queue, which counts the deliveries of each message and keeps the count through a restart; one that
refuses what it has no room for is a classic queue, since only those count exactly. A message that failed rests in a
queue for its pause, which is as long as the pause, and goes back from there. What is given up goes to the exchange of
dead letters. Publishing and consuming have a connection each: a broker that is short of disk stops reading from
publishers, and consumers must go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from aio_pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    AuthenticationError,
    ChannelPreconditionFailed,
    DeliveryError,
    ProbableAuthenticationError,
)

from msforge.runtime.clock import Clock
from msforge.runtime.failures import OK, OVERLOADED, RESET
from msforge.runtime.part_counts import PartCounts
from msforge.runtime.part_error import PartError, without_password
from msforge.runtime.parts import Deliver
from msforge.runtime.plan import Channel
from msforge.runtime.rabbitmq_consumer import RabbitConsumer
from msforge.runtime.rabbitmq_message import packed

OLDEST: Final = (3, 10)
"""The oldest server that can be used: quorum queues forget nothing on the way to another queue from then on."""
PATIENCE: Final = 10.0
"""Real seconds that a connection may take."""
PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Real seconds between tries to connect again; the last one again and again."""
DEAD_LETTERS: Final = "msforge.dead-letters"
LEASE: Final = 3600.0
"""Real seconds that a queue of pauses outlives its last use."""
UNLIMITED: Final = 1_000_000
"""Deliveries after which the broker itself would give up: the rule is ours."""
logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)  # what breaks is ours to say
BROKEN: Final = (AMQPError, OSError, TimeoutError, RuntimeError)
"""What a connection that breaks, or a channel that is closed, comes to."""


class RabbitMQ:
    """The queues of one replica at `url` (amqp://...). `name` is the replica's."""

    def __init__(self, url: str, channels: Iterable[Channel], clock: Clock, name: str) -> None:
        self.url = url
        self.channels = {channel.name: channel for channel in channels}
        self.clock = clock
        self.name = name
        self.counts = {name: PartCounts() for name in self.channels}
        self.consumers: list[RabbitConsumer] = []
        self.connected = asyncio.Event()
        self.publishing: AbstractChannel | None = None
        self.consuming: AbstractConnection | None = None
        self.exchange: AbstractExchange | None = None
        self.dead_letters: AbstractExchange | None = None
        self._lost = asyncio.Event()
        self._connections: list[AbstractConnection] = []
        self._pauses: dict[tuple[str, int], float] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    # -- connection --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect and declare the queues. Raises PartError."""
        await self._connect()
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """Hang up."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        await self._hang_up()
        if self._closing:
            await asyncio.wait(self._closing, timeout=PATIENCE)

    def crash(self) -> None:
        """The replica is dead: the connections go, and the broker hands out again what it had."""
        for consumer in self.consumers:
            consumer.stop()
        self.consumers.clear()
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
        task = asyncio.get_running_loop().create_task(self._hang_up())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _hang_up(self) -> None:
        self.connected.clear()
        connections, self._connections = self._connections, []
        for connection in connections:
            with suppress(PartError):
                async with explained(self.url):
                    await connection.close()

    async def _connect(self) -> None:
        """Both connections, all queues, all consumers. Raises PartError."""
        self._lost.clear()
        try:
            async with explained(self.url):
                publisher = await self._open("publishes")
                self.consuming = await self._open("consumes")
                self.publishing = await publisher.channel(publisher_confirms=True)
                self.exchange = self.publishing.default_exchange
                await self._declare(self.publishing)
                for consumer in self.consumers:
                    await consumer.attach(self.consuming)
        except BaseException:
            await self._hang_up()
            raise
        self.connected.set()

    async def _open(self, what: str) -> AbstractConnection:
        connection = await opened(self.url, f"{self.name} {what}")
        self._connections.append(connection)
        connection.close_callbacks.add(self._closed)
        return connection

    def _closed(self, *_: Any) -> None:
        self.connected.clear()
        self._lost.set()

    async def _keep(self) -> None:
        """Have connections, for ever."""
        while True:
            await self._lost.wait()
            for consumer in self.consumers:
                consumer.detach()
            self._pauses.clear()
            await self._hang_up()
            failures = 0
            while not self.connected.is_set():
                await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1
                with suppress(PartError):
                    await self._connect()

    # -- queues --------------------------------------------------------------------------------------

    async def _declare(self, channel: AbstractChannel) -> None:
        self.dead_letters = await channel.declare_exchange(DEAD_LETTERS, "direct", durable=True)
        for plan in self.channels.values():
            queue = await channel.declare_queue(plan.name, durable=True, arguments=arguments(plan))
            await queue.bind(self.dead_letters, plan.name)

    async def publish(self, channel: str, message: dict[str, Any]) -> int:
        """Hand over a message: OK once the broker has it, OVERLOADED when it refuses it, RESET when it is gone."""
        outcome = await self._send(channel, packed(message))
        counts = self.counts[channel]
        counts.published += outcome == OK
        counts.rejected += outcome == OVERLOADED
        return outcome

    async def _send(self, queue: str, message: aio_pika.Message, exchange: AbstractExchange | None = None) -> int:
        exchange = exchange or self.exchange
        if exchange is None or not self.connected.is_set():
            return RESET
        sent = asyncio.ensure_future(exchange.publish(message, routing_key=queue, mandatory=True))
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait((sent, lost), return_when=asyncio.FIRST_COMPLETED)
            if not sent.done():
                return RESET
            sent.result()
        except DeliveryError:
            return OVERLOADED
        except asyncio.CancelledError:
            if not sent.done():
                raise
            return RESET
        except Exception:  # a library of ours ends what waits with a bare Exception
            return RESET
        finally:
            lost.cancel()
            sent.cancel()
        return OK

    async def again(self, channel: str, message: dict[str, Any], pause: int) -> bool:
        """Hand a message over once more, to come after `pause` ns. False: the broker does not take it."""
        if pause <= 0:
            return await self._send(channel, packed(message)) == OK
        rest = self._milliseconds(pause)
        try:
            queue = await self._pause_queue(channel, rest)
        except BROKEN:
            return False
        return await self._send(queue, packed(message, rest * 1_000_000)) == OK

    def _milliseconds(self, pause: int) -> int:
        return max(1, round(self.clock.seconds(pause) * 1000))

    async def prepare_pauses(self, channel: str, pauses: Iterable[int]) -> None:
        """Have the queues for these pauses (ns) ready: a new one is not safe from a crash of the broker at once."""
        for pause in dict.fromkeys(map(self._milliseconds, filter(None, pauses))):
            await self._pause_queue(channel, pause)

    async def _pause_queue(self, channel: str, pause: int) -> str:
        """The queue in which messages rest for `pause` ms: declared anew before its lease ends."""
        name = f"{channel}.again-in-{pause}ms"
        loop = asyncio.get_running_loop()
        if self._pauses.get((channel, pause), 0.0) < loop.time():
            if self.publishing is None:
                raise OSError("not connected")
            await self.publishing.declare_queue(name, durable=True, arguments={
                "x-queue-type": "quorum", "x-message-ttl": pause, "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": channel, "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish", "x-expires": pause + round(2 * LEASE * 1000),
            })
            self._pauses[channel, pause] = loop.time() + LEASE
        return name

    async def bury(self, target: str, message: dict[str, Any]) -> bool:
        """Move a message to a queue of dead letters. False: the broker does not take it."""
        taken = await self._send(target, packed(message), self.dead_letters) == OK
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
    ) -> RabbitConsumer:
        """A consumer of this replica is ready."""
        await self.connected.wait()
        made = RabbitConsumer(self, self.channels[consumer["channel"]], consumer, deliver, bury)
        self.consumers.append(made)
        if self.consuming is not None:
            await made.attach(self.consuming)
        return made

    async def stats(self, channel: str) -> dict[str, int]:
        """What this replica has counted of a queue, and what waits there."""
        counts = self.counts[channel].plain()
        mine = [c for c in self.consumers if c.plan.name == channel]
        counts["unacked"] = sum(c.unacked() for c in mine)
        counts["backlog"] = await self._waiting(channel)
        resting = [await self._waiting(f"{channel}.again-in-{ms}ms") for name, ms in [*self._pauses] if name == channel]
        counts["resting"] = sum(resting)
        counts["in_flight"] = counts["unacked"] + counts["backlog"] + counts["resting"]
        return counts

    async def _waiting(self, queue: str) -> int:
        """Messages of a queue that nobody has."""
        if self.consuming is None:
            return 0
        try:
            async with asyncio.timeout(PATIENCE), self.consuming.channel() as channel:
                found = await channel.declare_queue(queue, passive=True)
                return found.declaration_result.message_count or 0
        except BROKEN:
            return 0


def arguments(plan: Channel) -> dict[str, Any]:
    """How a queue is declared."""
    told: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": UNLIMITED}
    if plan.reject:
        told = {"x-queue-type": "classic"}
    if plan.max_length >= 0:
        told["x-max-length"] = plan.max_length
        told["x-overflow"] = "reject-publish" if plan.reject else "drop-head"
    if plan.dead_letter:
        told["x-dead-letter-exchange"] = DEAD_LETTERS
        told["x-dead-letter-routing-key"] = plan.dead_letter
    return told


async def opened(url: str, name: str) -> AbstractConnection:
    """A connection that goes by a name. Raises PartError when the server is too old."""
    connection = await aio_pika.connect(url, client_properties={"connection_name": name})
    transport: Any = connection.transport
    said = transport.connection.server_properties.get("version", "")
    version = said.decode() if isinstance(said, bytes) else str(said)
    if tuple(int(piece) for piece in version.split(".")[:2] if piece.isdigit()) < OLDEST:
        await connection.close()
        oldest = ".".join(map(str, OLDEST))
        raise PartError(f"{without_password(url)} is RabbitMQ {version or '?'}; {oldest} or newer is needed")
    return connection


async def look_in(url: str) -> None:
    """See that a broker can be used. Raises PartError that says why not."""
    async with explained(url):
        connection = await opened(url, "msforge looks in")
        await connection.close()


@asynccontextmanager
async def explained(url: str) -> AsyncIterator[None]:
    """Raises PartError for whatever goes wrong inside, or takes too long.

    When a connection goes, the library below ends what waits for it with a bare Exception, or as if it were cancelled.
    """
    where = without_password(url)
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except PartError:
        raise
    except (ProbableAuthenticationError, AuthenticationError) as problem:
        raise PartError(f"{where}: the broker refuses the user or the password") from problem
    except ChannelPreconditionFailed as problem:
        raise PartError(f"{where}: a queue is there already with other settings: {problem}; delete it, or use another "
                        "virtual host") from problem
    except (AMQPConnectionError, OSError, TimeoutError) as problem:
        told = f"{where}: no RabbitMQ answers there: {problem or type(problem).__name__}"
        raise PartError(told, out_of_reach=True) from problem
    except asyncio.CancelledError as problem:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise PartError(f"{where}: the connection broke", out_of_reach=True) from problem
    except Exception as problem:
        raise PartError(f"{where}: {problem or type(problem).__name__}") from problem
