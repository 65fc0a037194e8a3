"""What queues and topics share: messages, workers, attempts, pauses between them, dead letters.

A machine without a clock or a thread: every method takes `now` (ns). It calls `start(delivery)` for each delivery
that begins, and whoever runs the delivery says how it went with `ended`. What must happen later waits in the machine:
`due()` is the time of the next such thing, `wake(now)` does what is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any, Final

from msforge.records import Outcome
from msforge.runtime.delivery import Content, Delivery, Message, Worker, consumer_name
from msforge.runtime.plan import Channel
from msforge.runtime.redelivery import given_up, pause_before_next

DEGRADED: Final = int(Outcome.DEGRADED)
RESET: Final = int(Outcome.RESET)


class ChannelMachine:
    """Counts, timers, and how a failed delivery is repeated.

    `bury(now, content)` hands a message to the dead letters; None where there are none. `begun` is False while the
    system starts: members then join without a rebalance, and take their places by `order` (service.consumer ->
    number) and ordinal, whoever comes first.
    """

    def __init__(
        self, name: str, start: Callable[[Delivery], None], bury: Callable[[int, Content], None] | None = None
    ) -> None:
        self.name = name
        self.start = start
        self.bury = bury
        self.begun = False
        self.order: dict[str, int] = {}
        self.published = self.delivered = self.done = self.redelivered = 0
        self.dead = self.dropped = self.rejected = self.applied_twice = self.lost = 0
        self.resting = 0  # waiting for their redelivery
        self.workers: list[Worker] = []
        self.cuts: dict[str, int] = {}
        self.down = 0  # the broker is, so many times over
        self._timers: list[tuple[int, int, Callable[[int, Any], None], Any]] = []
        self._timer_number = 0

    # -- time ---------------------------------------------------------------------------------

    def due(self) -> int:
        """When (ns) something is to happen next; -1 for never."""
        return self._timers[0][0] if self._timers else -1

    def wake(self, now: int) -> None:
        """Do what is due, each at its own time."""
        while self._timers and self._timers[0][0] <= now:
            due, _, act, subject = heappop(self._timers)
            act(due, subject)

    def _after(self, now: int, delay: int, act: Callable[[int, Any], None], subject: Any) -> None:
        self._timer_number += 1
        heappush(self._timers, (now + delay, self._timer_number, act, subject))

    # -- what a kind of channel does in its own way ------------------------------------------------

    def adopt(self, plan: Channel) -> None:
        """Take the numbers of a changed plan."""
        raise NotImplementedError

    def accept(self, now: int, content: Content) -> bool:
        """The broker has a message. False: it refused it."""
        raise NotImplementedError

    def _put_back(self, now: int, message: Message, *, first: bool) -> None:
        raise NotImplementedError

    def _released(self, now: int, delivery: Delivery) -> None:
        raise NotImplementedError

    def _finished(self, now: int, delivery: Delivery) -> None:
        """The message is through with this channel."""

    def _worker_up(self, now: int, worker: Worker) -> None:
        raise NotImplementedError

    def _worker_down(self, now: int, worker: Worker) -> None:
        raise NotImplementedError

    def link_changed(self, now: int) -> None:
        """A cut between broker and consumers may have ended: hand out what waits."""
        raise NotImplementedError

    def in_flight(self) -> int:
        """Messages not yet done, dead or dropped."""
        raise NotImplementedError

    def backlog_size(self) -> int:
        """Messages that no worker has."""
        raise NotImplementedError

    def unacked(self) -> int:
        """Messages that a worker has and has not settled."""
        raise NotImplementedError

    # -- members ------------------------------------------------------------------------------

    def join(self, now: int, settings: dict[str, Any], replica: str) -> Worker:
        """A consumer on a replica is ready."""
        worker = self.attach(settings, replica)
        self.up(now, worker)
        return worker

    def attach(self, settings: dict[str, Any], replica: str) -> Worker:
        """A consumer on a replica that will be `up`; one that was down before takes its old place."""
        name = consumer_name(settings)
        for worker in self.workers:
            if worker.name == name and worker.replica == replica and not worker.up:
                worker.adopt(settings)
                return worker
        worker = Worker(settings, replica)
        self.workers.append(worker)
        if not self.begun:
            self.workers.sort(key=lambda w: (self.order.get(w.name, 0), w.ordinal))
        return worker

    def up(self, now: int, worker: Worker) -> None:
        """A consumer is ready."""
        self.wake(now)
        worker.up = True
        worker.leaving = worker.cut = False
        self._worker_up(now, worker)

    def leave(self, now: int, worker: Worker) -> None:
        """It takes nothing new, and finishes what it has."""
        self.wake(now)
        worker.leaving = True

    def gone(self, now: int, worker: Worker) -> None:
        """It has ended for good."""
        self.wake(now)
        if worker in self.workers:
            worker.up = False
            self.workers.remove(worker)
            self._worker_down(now, worker)

    def crash(self, now: int, workers: Iterable[Worker]) -> None:
        """A replica died with these: what they had comes again at once, to others or to them when they are back."""
        self.wake(now)
        down = [worker for worker in workers if worker.up]
        for worker in down:
            worker.up = False
        for worker in down:
            for delivery in [*worker.running]:
                self._over(now, delivery, RESET)
        for worker in down:
            self._worker_down(now, worker)

    def cut(self, now: int, service: str) -> None:
        """The broker reaches a consuming service no more."""
        self.wake(now)
        self.cuts[service] = self.cuts.get(service, 0) + 1

    def uncut(self, now: int, service: str) -> None:
        """One cut fewer."""
        self.wake(now)
        self.cuts[service] -= 1
        if not self.cuts[service]:
            del self.cuts[service]
        self.link_changed(now)

    def broker_down(self, now: int) -> None:
        """The broker is out of order: it keeps what it has, and hands out nothing."""
        self.wake(now)
        self.down += 1

    def broker_up(self, now: int) -> None:
        """One reason fewer for that."""
        self.wake(now)
        self.down -= 1
        self.link_changed(now)

    def reach(self, now: int, worker: Worker, reachable: bool) -> None:
        """Whether the broker reaches one worker."""
        self.wake(now)
        worker.cut = not reachable
        if reachable:
            self.link_changed(now)

    def release(self, now: int, worker: Worker) -> None:
        """One that was held gets messages from now on."""
        self.wake(now)
        worker.held = False
        self.link_changed(now)

    def reachable(self, worker: Worker) -> bool:
        """Whether it takes messages now."""
        free = worker.up and not (worker.leaving or worker.cut or worker.held)
        return free and not self.down and worker.service not in self.cuts

    # -- deliveries ---------------------------------------------------------------------------

    def _process(self, message: Message, worker: Worker) -> None:
        message.attempts += 1
        worker.busy += 1
        self.delivered += 1
        if message.attempts > 1:
            self.redelivered += 1
        delivery = Delivery(message, worker)
        worker.running[delivery] = None
        self.start(delivery)

    def effect(self, delivery: Delivery, step: int) -> None:
        """A step with an effect is done; doing it again in a later delivery applies it twice."""
        if delivery.worker.idempotent:
            return
        effects = delivery.message.effects
        if step in effects and delivery.message.attempts > 1:
            self.applied_twice += 1
        effects.add(step)

    def ended(self, now: int, delivery: Delivery, outcome: int) -> None:
        """A delivery ended: acknowledge, redeliver, or give up on it. One that a crash has ended is no news."""
        self.wake(now)
        if delivery.open:
            self._over(now, delivery, outcome)

    def _over(self, now: int, delivery: Delivery, outcome: int) -> None:
        delivery.open = False
        worker = delivery.worker
        worker.busy -= 1
        del worker.running[delivery]
        if outcome <= DEGRADED:
            self.done += 1
            self._finished(now, delivery)
        elif not self._again(now, delivery, outcome):
            self._bury(now, delivery.message)
            self._finished(now, delivery)
        self._released(now, delivery)

    def _again(self, now: int, delivery: Delivery, outcome: int) -> bool:
        message = delivery.message
        crashed = outcome == RESET
        if given_up(delivery.worker.attempts, message.attempts, crashed=crashed, dead_letters=self.bury is not None):
            return False
        if crashed:
            self._put_back(now, message, first=True)
            return True
        message.last_delay = pause_before_next(
            delivery.worker.retry, message.attempts, message.last_delay, message.content.get("draw") or (0, 0, 0))
        if message.last_delay:
            self.resting += 1
            self._after(now, message.last_delay, self._rested, message)
        else:
            self._put_back(now, message, first=False)
        return True

    def _rested(self, now: int, message: Message) -> None:
        self.resting -= 1
        self._put_back(now, message, first=False)

    def _bury(self, now: int, message: Message) -> None:
        if self.bury is not None:
            self.dead += 1
            self.bury(now, {**message.content, "key": None})
        else:
            self.dropped += 1

    def counts(self) -> dict[str, int]:
        """Everything counted so far, and what is on its way now."""
        return {
            "published": self.published, "delivered": self.delivered, "done": self.done,
            "redelivered": self.redelivered, "dead": self.dead, "dropped": self.dropped, "rejected": self.rejected,
            "applied_twice": self.applied_twice, "lost": self.lost, "resting": self.resting,
            "in_flight": self.in_flight(), "backlog": self.backlog_size(), "unacked": self.unacked(),
        }
