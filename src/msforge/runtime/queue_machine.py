"""Queues, as RabbitMQ has them: each message to one consumer, redelivered until acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msforge.runtime.channel_machine import ChannelMachine
from msforge.runtime.delivery import Content, Delivery, Message, Worker
from msforge.runtime.plan import Channel


class QueueMachine(ChannelMachine):
    """A queue. `max_length` -1: unbounded; full, it drops its head, or refuses the publish with `reject`."""

    def __init__(
        self, name: str, start: Callable[[Delivery], None], bury: Callable[[int, Content], None] | None = None,
        *, max_length: int = -1, reject: bool = False,
    ) -> None:
        super().__init__(name, start, bury)
        self.max_length = max_length
        self.reject = reject
        self.backlog: deque[Message] = deque()
        self.turn = 0
        self._delivering = False

    def adopt(self, plan: Channel) -> None:
        """Take another length, and what happens when it is full; what waits stays."""
        self.max_length = plan.max_length
        self.reject = plan.reject

    def accept(self, now: int, content: Content) -> bool:
        """Take a message; a full queue drops its head or refuses the publish."""
        self.wake(now)
        limit = self.max_length
        if 0 <= limit <= len(self.backlog):
            if self.reject:
                self.rejected += 1
                return False
            while self.backlog and len(self.backlog) >= limit:
                self._bury(now, self.backlog.popleft())
            if limit == 0:
                self.published += 1
                self._bury(now, Message(content, now))
                return True
        self.published += 1
        self.backlog.append(Message(content, now))
        self._deliver()
        return True

    def _deliver(self) -> None:
        """Hand out what waits, to the workers in turn, as far as their prefetch allows."""
        if self._delivering:
            return
        self._delivering = True
        while self.backlog:
            worker = self._next_worker()
            if worker is None:
                break
            message = self.backlog.popleft()
            worker.unacked += 1
            if worker.busy < worker.threads:
                self._process(message, worker)
            else:
                worker.buffer.append(message)
        self._delivering = False

    def _next_worker(self) -> Worker | None:
        count = len(self.workers)
        for i in range(count):
            worker = self.workers[(self.turn + i) % count]
            if not self.reachable(worker):
                continue
            if worker.prefetch < 0 or worker.unacked < worker.prefetch:
                self.turn = (self.turn + i + 1) % count
                return worker
        return None

    def link_changed(self, now: int) -> None:
        """Hand out what waits."""
        self._deliver()

    def _released(self, now: int, delivery: Delivery) -> None:
        """Settled: the worker takes its next, the queue hands out more."""
        worker = delivery.worker
        worker.unacked -= 1
        if worker.up:
            while worker.buffer and worker.busy < worker.threads:
                self._process(worker.buffer.popleft(), worker)
        self._deliver()

    def _put_back(self, now: int, message: Message, *, first: bool) -> None:
        """Redeliver: after a crash at the head, where it was; after a failure at the tail."""
        if first:
            self.backlog.appendleft(message)
        else:
            message.available = now
            self.backlog.append(message)
        self._deliver()

    def _worker_up(self, now: int, worker: Worker) -> None:
        self._deliver()

    def _worker_down(self, now: int, worker: Worker) -> None:
        """What it had not begun goes back to the head, in order."""
        self.backlog.extendleft(reversed(worker.buffer))
        worker.buffer.clear()
        worker.unacked = worker.busy = 0
        self._deliver()

    def in_flight(self) -> int:
        """Messages not yet done, dead or dropped."""
        return len(self.backlog) + self.resting + sum(len(w.buffer) + w.busy for w in self.workers)

    def backlog_size(self) -> int:
        """Messages that no worker has."""
        return len(self.backlog)

    def unacked(self) -> int:
        """Messages that a worker has and has not settled."""
        return sum(worker.unacked for worker in self.workers)
