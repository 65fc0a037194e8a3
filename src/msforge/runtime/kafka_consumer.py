"""One consumer of a topic on Kafka: the partitions that it has, the threads that work on them, commits.

A partition goes on to its next message once the one before is done, or given up, and that is committed. Partitions are
dealt over threads as the simulation deals them, and a thread takes the message that has waited longest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError

from msforge.runtime.delivery import consumer_name
from msforge.runtime.failures import DEGRADED, ERROR, RESET
from msforge.runtime.kafka_ending import end_consumer
from msforge.runtime.kafka_lane import Lane, oldest_that_can_begin
from msforge.runtime.kafka_message import Head, head_of, unpacked
from msforge.runtime.parts import Deliver
from msforge.runtime.plan import Channel
from msforge.runtime.redelivery import given_up, pause_before_next

if TYPE_CHECKING:
    from msforge.runtime.kafka import Kafka

SESSION: Final = 6.0
"""Real seconds after which a member that is not heard of is dead: the shortest that Kafka allows by itself."""
HEARTBEAT: Final = 0.5
"""Real seconds between two of its signs of life; a rebalance begins for it at the next one."""
FINISH: Final = 20.0
"""Real seconds that a rebalance waits for what is under way."""
REJOIN: Final = 30.0
"""Real seconds that the others wait for it in a rebalance."""
POLL: Final = 0.5
"""Real seconds that one question for messages may take."""
ENOUGH: Final = 500
"""Messages of one partition that are kept here at most before no more are asked for."""
AGAIN: Final = 0.2
"""Real seconds between tries of what the broker did not take."""


class KafkaConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
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
        self.threads: int = settings["threads"]
        self.lanes: dict[int, Lane] = {}
        self.effects: dict[int, set[int]] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.leaving = False
        self.dead = False
        self.reachable = True
        self._polite = True
        self._known: dict[int, tuple[str, Head]] = {}  # what was under way when a partition was taken away
        self._client: AIOKafkaConsumer | None = None
        self._life: asyncio.Task[None] | None = None
        self._beside: set[asyncio.Task[None]] = set()

    # -- membership ----------------------------------------------------------------------------------

    @property
    def group(self) -> str:
        """What its group is called on the broker."""
        return self.broker.url.prefix + consumer_name(self.settings)

    def attach(self) -> None:
        """Be a member of the group from now on."""
        if not (self.dead or self.leaving):
            self._polite = True
            self._life = asyncio.get_running_loop().create_task(self._live())

    async def detach(self, *, good_bye: bool = False) -> None:
        """The connection is gone, and with it what was not committed; what is under way ends for nothing.

        `good_bye`: the group is told, and need not find out.
        """
        self._polite = good_bye and not self.dead
        self._forget(self.lanes)
        life, self._life = self._life, None
        if life is not None:
            life.cancel()
            await asyncio.wait((life,))

    async def _live(self) -> None:
        """Be a member, and take what comes, until cancelled; over again when the broker drops it."""
        while True:
            client = AIOKafkaConsumer(
                **self.broker.url.options(), group_id=self.group, enable_auto_commit=False,
                # the group's leader deals partitions out in the order of these names
                client_id=f"{self.settings['group']}-{self.broker.ordinal:05d}",
                partition_assignment_strategy=(RoundRobinPartitionAssignor,), auto_offset_reset="earliest",
                session_timeout_ms=round(SESSION * 1000), heartbeat_interval_ms=round(HEARTBEAT * 1000),
                rebalance_timeout_ms=round(REJOIN * 1000), fetch_max_wait_ms=round(POLL * 1000),
                max_poll_interval_ms=2**31 - 1)
            client.subscribe([self.broker.topic(self.plan.name)], listener=self)
            self._client = client
            try:
                await client.start()
                await self._take(client)
            except (KafkaError, OSError):
                await asyncio.sleep(AGAIN)
            finally:
                self._client = None
                self._forget(self.lanes)
                await end_consumer(client, good_bye=self._polite)

    async def _take(self, client: AIOKafkaConsumer) -> None:
        while True:
            found = await client.getmany(timeout_ms=round(POLL * 1000))
            for place, records in found.items():
                if place.partition not in self.lanes:
                    raise OSError("what came is of no partition that was dealt: read it anew")
                self.lanes[place.partition].records.extend(records)
            self._begin_what_can()
            full = [self._place(lane.number) for lane in self.lanes.values() if len(lane.records) >= ENOUGH]
            with suppress(KafkaError):  # not its any more
                client.pause(*(place for place in full if place in client.assignment()))
                client.resume(*(place for place in client.paused() if place not in full))

    def _place(self, partition: int) -> TopicPartition:
        return TopicPartition(self.broker.topic(self.plan.name), partition)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The group changes: nothing new begins here, and what is under way gets its time to end."""
        held, self.lanes = self.lanes, {}
        if busy := [lane.task for lane in held.values() if lane.task is not None]:
            await asyncio.wait(busy, timeout=FINISH)
        self._forget(held)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """These are its partitions from now on."""
        client = self._client
        places = sorted(assigned)
        if client is None or self.dead:
            return
        lanes = self.lanes = {
            place.partition: Lane(place.partition, turn % self.threads if self.threads > 0 else turn)
            for turn, place in enumerate(places)
        }
        committed: dict[TopicPartition, OffsetAndMetadata] = {}
        with suppress(KafkaError, OSError):
            committed = await client._coordinator.fetch_committed_offsets(places)
        new = []
        for place in places:
            lane, found = lanes[place.partition], committed.get(place)
            lane.held = False
            if found is None or found.offset < 0:
                new.append(place)
            else:
                lane.head = head_of(found.offset, found.metadata)
        if new:
            self._later(self._first_commit(client, new))
        self._begin_what_can()

    async def _first_commit(self, client: AIOKafkaConsumer, places: list[TopicPartition]) -> None:
        """Say where a group begins, so that its lag is known before it has done anything."""
        for place in places:
            lane = self.lanes.get(place.partition)
            offset = await client.position(place)
            if lane is not None and lane.free and lane.head.offset < 0:
                await self._commit(lane, offset)

    def _later(self, work: Any) -> None:
        async def quietly() -> None:
            with suppress(KafkaError, OSError):
                await work

        task = asyncio.get_running_loop().create_task(quietly())
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def _forget(self, lanes: dict[int, Lane]) -> None:
        """These partitions are not its any more, or are to be read anew."""
        for lane in lanes.values():
            lane.gone = True
            if lane.records and lane.head.begun:
                self._known[lane.number] = (lane.id, lane.head)
        if lanes is self.lanes:
            self.lanes = {}

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
        for task in (*self.tasks, *self._beside):
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
        return sum(lane.resting for lane in self.lanes.values())

    # -- messages --------------------------------------------------------------------------------------

    def _begin_what_can(self) -> None:
        while self.reachable and not (self.dead or self.leaving):
            lane = oldest_that_can_begin(self.lanes.values())
            if lane is None:
                return
            task = lane.task = asyncio.get_running_loop().create_task(self._handle(lane))
            self.tasks.add(task)
            task.add_done_callback(lambda task, lane=lane: self._ended(task, lane))

    def _ended(self, task: asyncio.Task[None], lane: Lane) -> None:
        self.tasks.discard(task)
        lane.task = None
        self._begin_what_can()

    async def _handle(self, lane: Lane) -> None:
        """One delivery of a partition's head, from its begin until it is settled."""
        record = lane.records[0]
        message = unpacked(record)
        lane.stand_at(record.offset, message["id"], self._known.pop(lane.number, None))
        head = lane.head
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
        await self._commit(lane, record.offset + 1)
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
        await self._commit(lane, head.offset, head.note())

    def _rested(self, lane: Lane) -> None:
        lane.resting = False
        self._begin_what_can()

    async def _commit(self, lane: Lane, offset: int, note: str = "") -> None:
        """Have the broker know. What it can't be told comes again, here or elsewhere."""
        client = self._client
        if client is not None and not lane.gone:
            with suppress(KafkaError, OSError):
                await client.commit({self._place(lane.number): OffsetAndMetadata(offset, note)})

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

