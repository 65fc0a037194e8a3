"""One consumer of a queue on RabbitMQ: prefetch, threads, acknowledgements, redelivery."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError

from msforge.runtime.failures import DEGRADED, ERROR, RESET
from msforge.runtime.parts import Deliver
from msforge.runtime.plan import Channel
from msforge.runtime.rabbitmq_message import unpacked
from msforge.runtime.redelivery import given_up, pause_before_next

if TYPE_CHECKING:
    from msforge.runtime.rabbitmq import RabbitMQ

KNOWN = 10
"""Pauses that are prepared, at most."""
GONE = (AMQPError, OSError, RuntimeError)
"""What saying something on a channel that is closed comes to: the broker hands the message out again."""


class RabbitConsumer:
    """What one consumer of one replica has. `bury` takes dead letters that another broker is to have."""

    def __init__(
        self, broker: RabbitMQ, plan: Channel, settings: dict[str, Any], deliver: Deliver,
        bury: Callable[[str, dict[str, Any]], Any],
    ) -> None:
        self.broker = broker
        self.plan = plan
        self.counts = broker.counts[plan.name]
        self.settings = settings
        self.deliver = deliver
        self.bury = bury
        self.threads: int = settings["threads"]
        self.buffer: deque[AbstractIncomingMessage] = deque()
        self.effects: dict[int, set[int]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.leaving = False
        self.dead = False
        self.reachable = not settings.get("held", False)
        self._channel: AbstractChannel | None = None
        self._queue: AbstractQueue | None = None
        self._tag = ""
        self._turning = asyncio.Lock()
        self._turns: set[asyncio.Task[None]] = set()

    # -- connection ----------------------------------------------------------------------------------

    async def attach(self, connection: AbstractConnection) -> None:
        """Ask the broker for messages."""
        channel = self._channel = await connection.channel()
        prefetch = self.settings["prefetch"]
        await channel.set_qos(prefetch_count=max(0, prefetch))
        self._queue = await channel.get_queue(self.plan.name, ensure=False)
        await self.broker.prepare_pauses(self.plan.name, self._known_pauses())
        await self._turn()

    def _known_pauses(self) -> list[int]:
        """The pauses (ns) that messages will rest for, as far as no draw decides."""
        retry = self.settings["retry"]
        if retry["jitter"] != "none":
            return []
        count = retry["attempts"] - 1 if retry["attempts"] >= 0 else KNOWN
        return [pause_before_next(retry, begun, 0, (0, 0, 0)) for begun in range(1, min(count, KNOWN) + 1)]

    def detach(self) -> None:
        """The connection is gone, and with it all that was not acknowledged; what is under way ends for nothing."""
        self._channel = self._queue = None
        self._tag = ""
        self.buffer.clear()

    async def _turn(self) -> None:
        """Have the broker send messages, or have it stop."""
        async with self._turning:
            queue, wanted = self._queue, self.reachable and not self.leaving
            if queue is None or wanted == bool(self._tag):
                return
            if wanted:
                self._tag = str(await queue.consume(self._came))
            else:
                tag, self._tag = self._tag, ""
                await queue.cancel(tag)

    async def leave(self) -> None:
        """Take nothing new; returns when all that it had is done."""
        self.leaving = True
        with suppress(*GONE):
            await self._turn()
        while self.tasks or self.buffer:
            await (asyncio.wait(self.tasks) if self.tasks else asyncio.sleep(0.01))
        if self in self.broker.consumers:
            self.broker.consumers.remove(self)
        if self._channel is not None:
            with suppress(*GONE):
                await self._channel.close()
        self.detach()

    def crash(self) -> None:
        """The replica is dead."""
        self.broker.crash()

    def stop(self) -> None:
        """Drop what it is busy with, and whatever still comes."""
        self.dead = True
        self.detach()
        for task in (*self.tasks, *self._turns):
            task.cancel()

    def reach(self, reachable: bool) -> None:
        """Whether the broker reaches it; while not, it gets nothing new."""
        self.reachable = reachable
        task = asyncio.get_running_loop().create_task(self._turn_quietly())
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)

    async def _turn_quietly(self) -> None:
        with suppress(*GONE):
            await self._turn()

    def unacked(self) -> int:
        """Messages that it has and has not settled."""
        return len(self.tasks) + len(self.buffer)

    # -- messages --------------------------------------------------------------------------------------

    async def _came(self, incoming: AbstractIncomingMessage) -> None:
        if not self.dead:
            self.buffer.append(incoming)
            self._begin_what_can()

    def _begin_what_can(self) -> None:
        while self.buffer and (self.threads < 0 or len(self.tasks) < self.threads):
            task = asyncio.get_running_loop().create_task(self._handle(self.buffer.popleft()))
            self.tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self._begin_what_can()

    async def _handle(self, incoming: AbstractIncomingMessage) -> None:
        """One delivery, from its begin until it is settled."""
        message = unpacked(incoming)
        clock = self.broker.clock
        message["available"] = clock.now() - round(message["waited"] / clock.scale)
        try:
            if incoming.redelivered and self.plan.reject and await self._counted(incoming, message):
                return
            if message["crashes"] and self._last(message, crashed=True):
                await self._give_up(incoming, message)
                return
            await self._settle(incoming, message, await self._run(incoming, message))
        except GONE:
            pass
        except BaseException:  # nobody said how it ended
            if not self.dead:
                with suppress(*GONE):
                    await incoming.nack(requeue=True)
            raise

    async def _counted(self, incoming: AbstractIncomingMessage, message: dict[str, Any]) -> bool:
        """A classic queue does not count deliveries: say that one more has begun, at the queue's tail."""
        message["begun"] += 1
        message["crashes"] = 1
        if self._last(message, crashed=True) or not await self.broker.again(self.plan.name, message, 0):
            return False
        await incoming.ack()
        return True

    async def _run(self, incoming: AbstractIncomingMessage, message: dict[str, Any]) -> int:
        message["begun"] += 1
        self.counts.delivered += 1
        self.counts.redelivered += message["begun"] > 1
        tag = id(incoming)
        self.effects[tag] = message["effects"]
        data = {
            **{name: message[name] for name in ("id", "body", "key", "draw", "headers")}, "tag": tag,
            "attempt": message["begun"], "available": message["available"], "channel": self.plan.name,
        }
        try:
            return await self.deliver(data)
        except Exception:
            return ERROR
        finally:
            self.effects.pop(tag, None)

    async def _settle(self, incoming: AbstractIncomingMessage, message: dict[str, Any], outcome: int) -> None:
        if outcome <= DEGRADED:
            await incoming.ack()
            self.counts.done += 1
        elif outcome == RESET:
            await incoming.nack(requeue=True)
        elif self._last(message, crashed=False):
            await self._give_up(incoming, message)
        else:
            message["paused"] = pause_before_next(
                self.settings["retry"], message["begun"], message["paused"], message["draw"])
            if await self.broker.again(self.plan.name, message, self._rounded(message["paused"])):
                await incoming.ack()
            else:
                await incoming.nack(requeue=True)

    def _last(self, message: dict[str, Any], *, crashed: bool) -> bool:
        return given_up(self.settings["retry"]["attempts"], message["begun"], crashed=crashed,
                        dead_letters=bool(self.plan.dead_letter))

    def _rounded(self, pause: int) -> int:
        """A drawn pause is rounded to a sixteenth, since each length of pause has a queue of its own."""
        if self.settings["retry"]["jitter"] == "none":
            return pause
        step = max(1, 1 << max(0, pause.bit_length() - 5))
        return round(pause / step) * step

    async def _give_up(self, incoming: AbstractIncomingMessage, message: dict[str, Any]) -> None:
        if not self.plan.dead_letter:
            await incoming.ack()
            self.counts.dropped += 1
            return
        letter = {name: message[name] for name in ("id", "body", "draw", "headers")}
        if await self.bury(self.plan.dead_letter, letter):
            await incoming.ack()
            self.counts.dead += 1
        else:
            await incoming.nack(requeue=True)

    def effect(self, tag: int, step: int) -> bool:
        """A delivery has done a step with an effect; doing it again in a later delivery applies it twice."""
        had = self.effects.get(tag)
        if had is None:
            return False
        if not self.settings["idempotent"]:
            self.counts.applied_twice += step in had
            had.add(step)
        return True
