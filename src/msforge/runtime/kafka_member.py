"""Membership in a consumer group on Kafka: which partitions a consumer has, what was read of them, commits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError

from msforge.runtime.kafka_ending import end_consumer
from msforge.runtime.kafka_lane import Lane
from msforge.runtime.kafka_message import Head, head_of

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
COMMIT: Final = 5.0
"""Real seconds that a commit may take; a later one says more."""
ENOUGH: Final = 500
"""Messages of one partition that are kept here at most before no more are asked for."""
AGAIN: Final = 0.2
"""Real seconds until the next try to be a member."""
FAILED: Final = (KafkaError, OSError)
"""What a request comes to that the broker refuses, or does not answer in time."""


class KafkaMember(ConsumerRebalanceListener):  # type: ignore[misc]
    """One member of the group that reads a topic. `options` are those of its client; `changed` is called when messages
    came or partitions were dealt."""

    def __init__(self, options: dict[str, Any], topic: str, threads: int, changed: Callable[[], None]) -> None:
        self.options = options
        self.topic = topic
        self.threads = threads
        self.changed = changed
        self.lanes: dict[int, Lane] = {}
        self._known: dict[int, tuple[str, Head]] = {}  # what was under way when a partition was taken away
        self._polite = True
        self._client: AIOKafkaConsumer | None = None
        self._life: asyncio.Task[None] | None = None
        self._beside: set[asyncio.Task[None]] = set()

    # -- life ----------------------------------------------------------------------------------------

    def attach(self) -> None:
        """Be a member from now on."""
        self._polite = True
        self._life = asyncio.get_running_loop().create_task(self._live())

    async def detach(self, *, good_bye: bool = False) -> None:
        """The connection is gone, and with it what was not committed; what is under way ends for nothing.

        `good_bye`: the group is told, and need not find out.
        """
        self._polite = good_bye
        self._forget(self.lanes)
        life, self._life = self._life, None
        for task in (life, *self._beside):
            if task is not None:
                task.cancel()
        if life is not None:
            await asyncio.wait((life,))

    async def _live(self) -> None:
        """Be a member, and take what comes, until cancelled; over again when the broker drops it."""
        while True:
            client = AIOKafkaConsumer(
                **self.options, enable_auto_commit=False, auto_offset_reset="earliest",
                partition_assignment_strategy=(RoundRobinPartitionAssignor,),
                session_timeout_ms=round(SESSION * 1000), heartbeat_interval_ms=round(HEARTBEAT * 1000),
                rebalance_timeout_ms=round(REJOIN * 1000), fetch_max_wait_ms=round(POLL * 1000),
                max_poll_interval_ms=2**31 - 1)
            client.subscribe([self.topic], listener=self)
            self._client = client
            try:
                await client.start()
                await self._take(client)
            except FAILED:
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
            self.changed()
            full = [self._place(lane.number) for lane in self.lanes.values() if len(lane.records) >= ENOUGH]
            with suppress(KafkaError):  # not its any more
                client.pause(*(place for place in full if place in client.assignment()))
                client.resume(*(place for place in client.paused() if place not in full))

    # -- partitions ------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The group changes: nothing new begins here, and what is under way gets its time to end."""
        held, self.lanes = self.lanes, {}
        if busy := [lane.task for lane in held.values() if lane.task is not None]:
            await asyncio.wait(busy, timeout=FINISH)
        self._forget(held)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """These are its partitions from now on; lanes are there before the first message is, and held until then."""
        client = self._client
        places = sorted(assigned)
        if client is None:
            return
        lanes = self.lanes = {
            place.partition: Lane(place.partition, turn % self.threads if self.threads > 0 else turn)
            for turn, place in enumerate(places)
        }
        committed: dict[TopicPartition, OffsetAndMetadata] = {}
        with suppress(*FAILED):
            committed = await client._coordinator.fetch_committed_offsets(places)
        for place in places:
            lane, found = lanes[place.partition], committed.get(place)
            lane.held = False
            if found is not None and found.offset >= 0:
                lane.head = head_of(found.offset, found.metadata)
            else:
                self._later(self._first_commit(client, lane))
        self.changed()

    async def _first_commit(self, client: AIOKafkaConsumer, lane: Lane) -> None:
        """Say where the group begins, so that its lag is known before it has done anything."""
        offset = await client.position(self._place(lane.number))
        if lane.free and lane.head.offset < 0:
            await self.commit(lane, offset)

    def _later(self, work: Any) -> None:
        async def quietly() -> None:
            with suppress(*FAILED):
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

    def stand_at(self, lane: Lane, offset: int, id: str) -> Head:
        """A lane's head is this message now: what is known of it."""
        lane.stand_at(offset, id, self._known.pop(lane.number, None))
        return lane.head

    async def commit(self, lane: Lane, offset: int, note: str = "") -> None:
        """Have the broker know. What it can't be told comes again, here or elsewhere."""
        client = self._client
        if client is not None and not lane.gone:
            with suppress(*FAILED):
                async with asyncio.timeout(COMMIT):
                    await client.commit({self._place(lane.number): OffsetAndMetadata(offset, note)})

    def _place(self, partition: int) -> TopicPartition:
        return TopicPartition(self.topic, partition)
