"""Topics, as Kafka has them: every consumer group gets each message, in order within a partition."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Channel, Consumer
from msforge.sim.messaging import ChannelRun, Message, Worker

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.replica import Replica


class TopicRun(ChannelRun):
    """A topic while it runs. A group's parallelism is min(threads x replicas, partitions)."""

    def __init__(self, engine: Engine, plan: Channel) -> None:
        super().__init__(engine, plan)
        self.turn = 0
        self.groups: dict[int, Group] = {
            c: Group(self, engine.system.consumers[c], plan.partitions) for c in plan.consumers
        }

    def accept(self, root: Any, site: Any, context: int, key: int | None = None) -> bool:
        """Append for every group, to the key's partition; without key, to the next in turn."""
        self.published += 1
        if key is None:
            partition = self.turn % self.plan.partitions
            self.turn += 1
        else:
            partition = key % self.plan.partitions
        if not self.groups:
            self.done += 1
        for group in self.groups.values():
            message = Message(self, root, site, context, self.engine.env.now)
            message.partition = partition
            group.add(message)
        return True

    def link_changed(self) -> None:
        """Hand out what waits."""
        for group in self.groups.values():
            group.dispatch()

    def _group(self, message: Message) -> Group:
        assert message.consumer is not None
        return self.groups[message.consumer.index]

    def finished(self, message: Message) -> None:
        """Committed: the partition goes on to its next."""
        self._group(message).commit(message)

    def put_back(self, message: Message, *, first: bool) -> None:
        """The partition stays at this message."""
        self._group(message).unblock(message)

    def released(self, message: Message, worker: Worker) -> None:
        """A worker has a thread free again; a message that rests still blocks its partition."""
        self._group(message).let_go(message)

    def attach(self, consumer: Consumer, replica: Replica) -> Worker:
        """A replica that joins its group."""
        worker = Worker(self, consumer, replica)
        self.groups[consumer.index].workers.append(worker)
        return worker

    def worker_up(self, worker: Worker) -> None:
        """A member joins: the group rebalances."""
        self.groups[worker.consumer.index].changed()

    def worker_down(self, worker: Worker) -> None:
        """A member left: the group rebalances."""
        worker.busy = 0
        group = self.groups[worker.consumer.index]
        if worker.replica.died >= 0 and worker in group.workers:
            group.workers.remove(worker)
        group.changed()

    def in_flight(self) -> int:
        """Messages times groups not yet done, dead or dropped."""
        return sum(len(p) for g in self.groups.values() for p in g.partitions)

    def gauges(self, now: int) -> tuple[int, int, int]:
        """Lag not under way, under way, age (ns) of the oldest waiting."""
        lag = self.in_flight()
        running = sum(w.busy for g in self.groups.values() for w in g.workers)
        heads = [p[0].available for g in self.groups.values() for p in g.partitions if p]
        return lag - running, running, now - min(heads) if heads else 0


class Group:
    """A consumer group: who works on which partition."""

    def __init__(self, topic: TopicRun, consumer: Consumer, partitions: int) -> None:
        self.topic = topic
        self.consumer = consumer
        self.partitions: list[deque[Message]] = [deque() for _ in range(partitions)]
        self.blocked = [False] * partitions
        self.owner: list[tuple[Worker, int] | None] = [None] * partitions
        self.slots_busy: dict[tuple[Worker, int], bool] = {}
        self.running: dict[int, tuple[Worker, int]] = {}
        self.workers: list[Worker] = []
        self.rebalances = 0
        self.stopped = False
        self.assigned = False

    def add(self, message: Message) -> None:
        """A new message at the end of its partition."""
        self.partitions[message.partition].append(message)
        self.dispatch()

    def changed(self) -> None:
        """Members came or went: everything stops for `rebalance`, then partitions are dealt anew."""
        engine = self.topic.engine
        for partition, slot in list(self.running.items()):
            if not slot[0].replica.up:
                del self.running[partition]
                self.blocked[partition] = False
        delay = self.topic.plan.rebalance if self.assigned and engine.env.now > 0 else 0
        self.rebalances += 1
        if delay:
            self.stopped = True
            engine.note("rebalance", engine.system.body_name(self.consumer.body), service=self.consumer.service)
            engine.after(delay, self._rebalanced, self.rebalances)
        else:
            self.assign()

    def _rebalanced(self, number: int) -> None:
        if number == self.rebalances:
            self.stopped = False
            self.assign()

    def assign(self) -> None:
        """Deal the partitions over the threads of the members that are up."""
        members = [w for w in self.workers if w.replica.up and not w.replica.leaving]
        threads = self.consumer.threads
        slots = [(w, k) for k in range(threads) for w in members][: len(self.partitions)]
        for p in range(len(self.partitions)):
            self.owner[p] = slots[p % len(slots)] if slots else None
        busy = set(self.running.values())
        self.slots_busy = {slot: slot in busy for slot in slots}
        self.assigned = bool(slots) or self.assigned
        self.dispatch()

    def dispatch(self) -> None:
        """Start every partition whose head waits and whose thread is free, oldest head first."""
        if self.stopped:
            return
        while True:
            best = -1
            for p, queue in enumerate(self.partitions):
                owner = self.owner[p]
                if not queue or self.blocked[p] or owner is None or self.slots_busy.get(owner, True):
                    continue
                if not owner[0].reachable():
                    continue
                if best < 0 or queue[0].available < self.partitions[best][0].available:
                    best = p
            if best < 0:
                return
            slot = self.owner[best]
            assert slot is not None
            self.blocked[best] = True
            self.slots_busy[slot] = True
            self.running[best] = slot
            slot[0].process(self.partitions[best][0])

    def _free(self, message: Message) -> None:
        slot = self.running.pop(message.partition, None)
        if slot is not None and slot in self.slots_busy:
            self.slots_busy[slot] = False

    def let_go(self, message: Message) -> None:
        """The thread is free, unless its message has begun again on it; others may use it."""
        head = next(iter(self.partitions[message.partition]), None)
        if head is message and message.worker is None:
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
