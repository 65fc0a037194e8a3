"""One consumer of a topic on Kafka: the threads that work on its partitions, redelivery, dead letters.

A partition goes on to its next message once the one before is done, or given up, and that is committed. Partitions are
dealt over threads as the simulation deals them, and a thread takes the message that has waited longest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msforge.runtime.delivery import consumer_name
from msforge.runtime.failures import DEGRADED, ERROR, RESET
from msforge.runtime.kafka_lane import Lane, oldest_that_can_begin
from msforge.runtime.kafka_member import KafkaMember
from msforge.runtime.kafka_message import Head, unpacked
from msforge.runtime.parts import Deliver
from msforge.runtime.plan import Channel
from msforge.runtime.redelivery import given_up, pause_before_next

if TYPE_CHECKING:
    from msforge.runtime.kafka import Kafka

AGAIN: Final = 0.2
"""Real seconds between tries to hand over a dead letter."""


class KafkaConsumer:
    """What one consumer of one replica has. `bury` takes dead letters, on whatever broker they are to be."""

    def __init__(
        self, broker: Kafka, plan: Channel, settings: dict[str, Any], deliver: Deliver,
        bury: Callable[[str, dict[str, Any]], Any],
    ) -> None:
        self.broker = broker
        self.plan = plan
        self.counts = broker.counts[plan.name]
        self.settings = settings
        self.deliver = deliver
        self.bury = bury
        self.effects: dict[int, set[int]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.leaving = False
        self.dead = False
        self.reachable = not settings.get("held", False)
        options = {
            **broker.url.options(), "group_id": broker.url.prefix + consumer_name(settings),
            # the group's leader deals partitions out in the order of these names
            "client_id": f"{settings['group']}-{broker.ordinal:05d}",
        }
        self.member = KafkaMember(options, broker.topic(plan.name), settings["threads"], self._begin_what_can)

    # -- membership ----------------------------------------------------------------------------------

    def attach(self) -> None:
        """Ask the broker for messages."""
        if not (self.dead or self.leaving):
            self.member.attach()

    async def detach(self, *, good_bye: bool = False) -> None:
        """The connection is gone; `good_bye`: because the replica ends well."""
        await self.member.detach(good_bye=good_bye and not self.dead)

    async def leave(self) -> None:
        """Take nothing new; returns when all that it had is done."""
        self.leaving = True
        while self.tasks:
            await asyncio.wait(self.tasks)
        if self in self.broker.consumers:
            self.broker.consumers.remove(self)
        await self.detach(good_bye=True)

    def crash(self) -> None:
        """The replica is dead."""
        self.broker.crash()

    def stop(self) -> None:
        """Drop what it is busy with, and whatever still comes."""
        self.dead = True
        for task in self.tasks:
            task.cancel()

    def reach(self, reachable: bool) -> None:
        """Whether the broker reaches it; while not, it gets nothing new."""
        self.reachable = reachable
        self._begin_what_can()

    def unacked(self) -> int:
        """Messages under way."""
        return len(self.tasks)

    def resting(self) -> int:
        """Messages that wait for their next delivery."""
        return sum(lane.resting for lane in self.member.lanes.values())

    # -- messages --------------------------------------------------------------------------------------

    def _begin_what_can(self) -> None:
        while self.reachable and not (self.dead or self.leaving):
            lane = oldest_that_can_begin(self.member.lanes.values())
            if lane is None:
                return
            task = lane.task = asyncio.get_running_loop().create_task(self._handle(lane))
            self.tasks.add(task)
            task.add_done_callback(partial(self._ended, lane))

    def _ended(self, lane: Lane, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        lane.task = None
        self._begin_what_can()

    async def _handle(self, lane: Lane) -> None:
        """One delivery of a partition's head, from its begin until it is settled."""
        record = lane.records[0]
        message = unpacked(record)
        head = self.member.stand_at(lane, record.offset, message["id"])
        outcome = await self._run(head, message)
        if lane.gone:
            return
        if outcome <= DEGRADED:
            self.counts.done += 1
        elif not given_up(self.settings["retry"]["attempts"], head.begun, crashed=outcome == RESET,
                          dead_letters=bool(self.plan.dead_letter)):
            await self._again(lane, message, crashed=outcome == RESET)
            return
        else:
            await self._give_up(lane, message)
        await self.member.commit(lane, record.offset + 1)
        if lane.records:
            lane.records.popleft()

    async def _run(self, head: Head, message: dict[str, Any]) -> int:
        clock = self.broker.clock
        head.begun += 1
        self.counts.delivered += 1
        self.counts.redelivered += head.begun > 1
        tag = id(message)
        self.effects[tag] = head.effects
        data = {
            **{name: message[name] for name in ("id", "body", "key", "draw", "headers")}, "tag": tag,
            "attempt": head.begun, "available": clock.now() - round(message["waited"] / clock.scale),
            "channel": self.plan.name,
        }
        try:
            return await self.deliver(data)
        except Exception:
            return ERROR
        finally:
            self.effects.pop(tag, None)

    async def _again(self, lane: Lane, message: dict[str, Any], *, crashed: bool) -> None:
        """The partition stays where it is, for as long as its message rests."""
        head, pause = lane.head, 0
        if not crashed:
            head.paused = pause = pause_before_next(
                self.settings["retry"], head.begun, head.paused, message["draw"])
        if pause > 0:
            lane.resting = True
            asyncio.get_running_loop().call_later(self.broker.clock.seconds(pause), self._rested, lane)
        await self.member.commit(lane, head.offset, head.note())

    def _rested(self, lane: Lane) -> None:
        lane.resting = False
        self._begin_what_can()

    async def _give_up(self, lane: Lane, message: dict[str, Any]) -> None:
        if not self.plan.dead_letter:
            self.counts.dropped += 1
            return
        letter = {name: message[name] for name in ("id", "body", "draw", "headers")}
        while not await self.bury(self.plan.dead_letter, letter):
            await asyncio.sleep(AGAIN)
            if lane.gone:
                return
        self.counts.dead += 1

    def effect(self, tag: int, step: int) -> bool:
        """A delivery has done a step with an effect; doing it again in a later delivery applies it twice."""
        had = self.effects.get(tag)
        if had is None:
            return False
        if not self.settings["idempotent"]:
            self.counts.applied_twice += step in had
            had.add(step)
        return True

