"""Queues, as RabbitMQ has them: each message to one consumer, redelivered until acknowledged."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Channel, Consumer
from msforge.sim.messaging import ChannelRun, Message, Worker

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.replica import Replica


class QueueRun(ChannelRun):
    """A queue while it runs. `backlog` holds what no consumer has yet."""

    def __init__(self, engine: Engine, plan: Channel) -> None:
        super().__init__(engine, plan)
        self.backlog: deque[Message] = deque()
        self.workers: list[Worker] = []
        self.turn = 0
        self.delivering = False

    def accept(self, root: Any, site: Any, context: int, key: int | None = None) -> bool:
        """Take a message; a full queue drops its head or refuses the publish."""
        limit = self.plan.max_length
        if 0 <= limit <= len(self.backlog):
            if self.plan.reject:
                self.rejected += 1
                return False
            self._drop_head(limit)
            if limit == 0:
                self.published += 1
                self.bury(Message(self, root, site, context, self.engine.env.now))
                return True
        self.published += 1
        self.backlog.append(Message(self, root, site, context, self.engine.env.now))
        self.deliver()
        return True

    def _drop_head(self, limit: int) -> None:
        while self.backlog and len(self.backlog) >= limit:
            self.bury(self.backlog.popleft())

    def deliver(self) -> None:
        """Hand out what waits, to the workers in turn, as far as their prefetch allows."""
        if self.delivering:
            return
        self.delivering = True
        while self.backlog:
            worker = self._next_worker()
            if worker is None:
                break
            message = self.backlog.popleft()
            worker.unacked += 1
            if worker.busy < worker.consumer.threads:
                worker.process(message)
            else:
                worker.buffer.append(message)
        self.delivering = False

    def _next_worker(self) -> Worker | None:
        workers = self.workers
        count = len(workers)
        for i in range(count):
            worker = workers[(self.turn + i) % count]
            if not worker.reachable():
                continue
            prefetch = worker.consumer.prefetch
            if prefetch < 0 or worker.unacked < prefetch:
                self.turn = (self.turn + i + 1) % count
                return worker
        return None

    def link_changed(self) -> None:
        """Hand out what waits."""
        self.deliver()

    def released(self, message: Message, worker: Worker) -> None:
        """Settled: the worker takes its next, the queue hands out more."""
        worker.unacked -= 1
        if worker.replica.up:
            while worker.buffer and worker.busy < worker.consumer.threads:
                worker.process(worker.buffer.popleft())
        self.deliver()

    def put_back(self, message: Message, *, first: bool) -> None:
        """Redeliver: after a crash at the head, where it was; after a failure at the tail."""
        if first:
            self.backlog.appendleft(message)
        else:
            message.available = self.engine.env.now
            self.backlog.append(message)
        self.deliver()

    def attach(self, consumer: Consumer, replica: Replica) -> Worker:
        """A replica that consumes from here."""
        worker = Worker(self, consumer, replica)
        self.workers.append(worker)
        return worker

    def worker_up(self, worker: Worker) -> None:
        """A consumer is ready."""
        self.deliver()

    def worker_down(self, worker: Worker) -> None:
        """What it had not begun goes back to the head, in order."""
        self.backlog.extendleft(reversed(worker.buffer))
        worker.buffer.clear()
        worker.unacked = worker.busy = 0
        if worker.replica.died >= 0:
            self.workers.remove(worker)
        self.deliver()

    def in_flight(self) -> int:
        """Messages not yet done, dead or dropped."""
        return len(self.backlog) + self.resting + sum(len(w.buffer) + w.busy for w in self.workers)

    def gauges(self, now: int) -> tuple[int, int, int]:
        """Backlog, unacknowledged, age (ns) of the oldest waiting."""
        oldest = now - self.backlog[0].available if self.backlog else 0
        return len(self.backlog), sum(w.unacked for w in self.workers), oldest
