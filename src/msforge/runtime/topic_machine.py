"""Topics, as Kafka has them: every consumer group gets each message, in order within a partition."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from msforge.runtime.channel_machine import ChannelMachine
from msforge.runtime.delivery import Content, Delivery, Message, Worker, consumer_name
from msforge.runtime.plan import Channel


class TopicMachine(ChannelMachine):
    """A topic. A group's parallelism is min(threads x replicas, partitions).

    `groups` names the groups (service.consumer) that get messages before any of their members is there.
    """

    def __init__(
        self, name: str, start: Callable[[Delivery], None], bury: Callable[[int, Content], None] | None = None,
        *, partitions: int = 1, rebalance: int = 0, groups: Iterable[str] = (),
    ) -> None:
        super().__init__(name, start, bury)
        self.partitions = partitions
        self.rebalance = rebalance
        self.turn = 0
        self.groups: dict[str, Group] = {group: Group(self, group) for group in groups}

    def adopt(self, plan: Channel) -> None:
        """Take another time to rebalance."""
        self.rebalance = plan.rebalance

    def accept(self, now: int, content: Content) -> bool:
        """Append for every group, to the key's partition; without key, to the next in turn."""
        self.wake(now)
        self.published += 1
        key = content.get("key")
        if key is None:
            partition = self.turn % self.partitions
            self.turn += 1
        else:
            partition = key % self.partitions
        if not self.groups:
            self.done += 1
        for group in self.groups.values():
            message = Message(content, now)
            message.partition = partition
            group.add(message)
        return True

    def attach(self, settings: dict[str, Any], replica: str) -> Worker:
        """A member of a group; a group not heard of before begins with the next message."""
        name = consumer_name(settings)
        if name not in self.groups:
            self.groups[name] = Group(self, name)
        return super().attach(settings, replica)

    def link_changed(self, now: int) -> None:
        """Hand out what waits."""
        for group in self.groups.values():
            group.dispatch()

    def _finished(self, now: int, delivery: Delivery) -> None:
        """Committed: the partition goes on to its next."""
        self._group(delivery).commit(delivery.message)

    def _put_back(self, now: int, message: Message, *, first: bool) -> None:
        """The partition stays at this message."""
        for group in self.groups.values():
            queue = group.partitions[message.partition]
            if queue and queue[0] is message:
                group.unblock(message)

    def _released(self, now: int, delivery: Delivery) -> None:
        """A worker has a thread free again; a message that rests still blocks its partition."""
        self._group(delivery).let_go(delivery)

    def _group(self, delivery: Delivery) -> Group:
        return self.groups[delivery.worker.name]

    def _worker_up(self, now: int, worker: Worker) -> None:
        self.groups[worker.name].changed(now)

    def _worker_down(self, now: int, worker: Worker) -> None:
        worker.busy = 0
        self.groups[worker.name].changed(now)

    def start_process(self, message: Message, worker: Worker) -> None:
        """A group begins a delivery."""
        self._process(message, worker)

    def later(self, now: int, group: Group, number: int) -> None:
        """Deal a group's partitions anew once it has stood still for `rebalance`."""
        self._after(now, self.rebalance, lambda _, n: group.rebalanced(n), number)

    def in_flight(self) -> int:
        """Messages times groups not yet done, dead or dropped."""
        return sum(len(p) for g in self.groups.values() for p in g.partitions)

    def backlog_size(self) -> int:
        """Lag not under way."""
        return self.in_flight() - self.unacked()

    def unacked(self) -> int:
        """Messages under way."""
        return sum(worker.busy for worker in self.workers)


class Group:
    """A consumer group: who works on which partition."""

    def __init__(self, topic: TopicMachine, name: str) -> None:
        self.topic = topic
        self.name = name
        self.partitions: list[deque[Message]] = [deque() for _ in range(topic.partitions)]
        self.blocked = [False] * topic.partitions
        self.owner: list[tuple[Worker, int] | None] = [None] * topic.partitions
        self.slots_busy: dict[tuple[Worker, int], bool] = {}
        self.running: dict[int, tuple[Worker, int]] = {}
        self.rebalances = 0
        self.stopped = False
        self.assigned = False

    def add(self, message: Message) -> None:
        """A new message at the end of its partition."""
        self.partitions[message.partition].append(message)
        self.dispatch()

    def changed(self, now: int) -> None:
        """Members came or went: everything stops for `rebalance`, then partitions are dealt anew."""
        for partition, slot in [*self.running.items()]:
            if not slot[0].up:
                del self.running[partition]
                self.blocked[partition] = False
        self.rebalances += 1
        if self.topic.rebalance and self.assigned and self.topic.begun:
            self.stopped = True
            self.topic.later(now, self, self.rebalances)
        else:
            self.assign()

    def rebalanced(self, number: int) -> None:
        """The group has stood still long enough, unless it changed again meanwhile."""
        if number == self.rebalances:
            self.stopped = False
            self.assign()

    def assign(self) -> None:
        """Deal the partitions over the threads of the members that are up."""
        members = [w for w in self.topic.workers if w.name == self.name and w.up and not w.leaving]
        threads = max((w.threads for w in members), default=0)
        slots = [(w, k) for k in range(threads) for w in members if k < w.threads][: len(self.partitions)]
        for p in range(len(self.partitions)):
            self.owner[p] = slots[p % len(slots)] if slots else None
        busy = set(self.running.values())
        self.slots_busy = {slot: slot in busy for slot in slots}
        self.assigned = bool(slots) or self.assigned
        self.dispatch()

    def dispatch(self) -> None:
        """Start every partition whose head waits and whose thread is free, oldest head first."""
        while not self.stopped:
            best = -1
            for p, queue in enumerate(self.partitions):
                if self._ready(p) and (best < 0 or queue[0].available < self.partitions[best][0].available):
                    best = p
            slot = self.owner[best] if best >= 0 else None
            if slot is None:
                return
            self.blocked[best] = True
            self.slots_busy[slot] = True
            self.running[best] = slot
            self.topic.start_process(self.partitions[best][0], slot[0])

    def _ready(self, partition: int) -> bool:
        owner = self.owner[partition]
        if not self.partitions[partition] or self.blocked[partition] or owner is None:
            return False
        return not self.slots_busy.get(owner, True) and self.topic.reachable(owner[0])

    def _free(self, message: Message) -> None:
        slot = self.running.pop(message.partition, None)
        if slot is not None and slot in self.slots_busy:
            self.slots_busy[slot] = False

    def let_go(self, delivery: Delivery) -> None:
        """The thread is free, unless its message has begun again on it; others may use it."""
        message = delivery.message
        head = next(iter(self.partitions[message.partition]), None)
        if head is message and message.attempts == delivery.attempt:
            self._free(message)
        self.dispatch()

    def commit(self, message: Message) -> None:
        """The head of its partition is done with."""
        self._free(message)
        self.partitions[message.partition].popleft()
        self.blocked[message.partition] = False

    def unblock(self, message: Message) -> None:
        """The head may be tried again."""
        self._free(message)
        self.blocked[message.partition] = False
        self.dispatch()
