"""Publishing and consuming: what queues and topics share."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Channel, Consumer, Step, Verb
from msforge.policies import backoff
from msforge.sim import kernel
from msforge.sim.kernel import (
    DONE,
    ERROR,
    OVERLOADED,
    PENDING,
    REQUEST,
    RESET,
    TIMEOUT,
    TIMER,
    UNAVAILABLE,
    Frame,
    Timer,
)
from msforge.sim.operations import Operation, constant_of
from msforge.sim.request import Request
from msforge.sim.streams import context_of

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.programs import Programs
    from msforge.sim.replica import Replica

DELAY = -5  # slot of redelivery jitter draws
CRASH_DELIVERIES = 20  # a message whose deliveries all end in a crash is given up after so many (RabbitMQ's default)


class Message:
    """A message on its way to one queue or one consumer group. `attempts` counts deliveries that began."""

    __slots__ = (
        "attempts", "available", "channel", "consumer", "context", "effects", "last_delay", "partition", "root", "site",
        "worker",
    )

    def __init__(self, channel: ChannelRun, root: Any, site: Any, context: int, now: int) -> None:
        self.channel = channel
        self.root = root
        self.site = site
        self.context = context
        self.available = now
        self.attempts = 0
        self.last_delay = 0
        self.effects: set[int] | None = None
        self.consumer: Consumer | None = None
        self.worker: Any = None
        self.partition = -1

    def over(self, request: Request) -> None:
        """A delivery ended."""
        self.channel.over(self, request)

    def effect(self, op: Operation) -> None:
        """A step with an effect is done; doing it again in a later delivery applies it twice."""
        if self.consumer is None or self.consumer.idempotent:
            return
        if self.effects is None:
            self.effects = set()
        if op.step.index in self.effects and self.attempts > 1:
            self.channel.applied_twice += 1
        self.effects.add(op.step.index)

    def called(self, op: Any) -> None:
        """A call out of a consumer succeeded: an effect, unless its endpoint is idempotent."""
        if not op.engine.system.bodies[op.target].idempotent:
            self.effect(op)


class Worker:
    """One consumer on one replica."""

    __slots__ = ("buffer", "busy", "channel", "consumer", "replica", "unacked")

    def __init__(self, channel: ChannelRun, consumer: Consumer, replica: Replica) -> None:
        self.channel = channel
        self.consumer = consumer
        self.replica = replica
        self.unacked = 0
        self.busy = 0
        self.buffer: deque[Message] = deque()

    def reachable(self) -> bool:
        """Whether it takes messages now."""
        replica = self.replica
        if not replica.up or replica.leaving or self.channel.down:
            return False
        links = replica.engine.links
        return not links.active or links.delivers(self.channel.index, replica.service.index)

    def process(self, message: Message) -> None:
        """Run the consumer's steps on a message."""
        replica = self.replica
        engine = replica.engine
        now = engine.env.now
        consumer = self.consumer
        message.attempts += 1
        message.consumer = consumer
        message.worker = self
        self.busy += 1
        self.channel.delivered += 1
        if message.attempts > 1:
            self.channel.redelivered += 1
        body = engine.system.bodies[consumer.body]
        site = message.site.sub(-100 - consumer.body, f"consume {engine.system.body_name(consumer.body)}")
        context = context_of(message.context, 0, message.attempts - 1)
        request = Request(
            replica.programs.bodies[body.index], site, context, message.root, None, body.index, replica
        )
        request.message = message
        request.arrive = message.available
        replica.arrived += 1
        replica.service.arrived += 1
        replica.handle(request, now)

    def replica_down(self) -> None:
        """Its replica died or left."""
        self.channel.worker_down(self)

    def replica_up(self) -> None:
        """Its replica is ready."""
        self.channel.worker_up(self)


class ChannelRun:
    """What queues and topics count, and how a failed delivery is repeated."""

    def __init__(self, engine: Engine, plan: Channel) -> None:
        self.engine = engine
        self.plan = plan
        self.index = plan.index
        self.publish_constant = constant_of(plan.publish)
        self.published = self.delivered = self.done = self.redelivered = 0
        self.dead = self.dropped = self.rejected = self.lost = self.applied_twice = 0
        self.resting = 0  # waiting for their redelivery
        self.down = 0  # its broker's zone is, so many times over

    def adopt(self, plan: Channel) -> None:
        """Take a changed plan."""
        self.plan = plan
        self.publish_constant = constant_of(plan.publish)

    def adopt_consumers(self, system: Any) -> None:
        """Take the changed settings of this channel's consumers."""
        for service in self.engine.services:
            for replica in service.replicas:
                for worker in replica.workers:
                    if worker.channel is self:
                        worker.consumer = system.consumers[worker.consumer.index]

    def link_changed(self) -> None:
        """A cut between broker and consumers may have ended: hand out what waits."""
        raise NotImplementedError

    def accept(self, root: Any, site: Any, context: int, key: int | None = None) -> bool:
        """The broker has a message. False: it refused it."""
        raise NotImplementedError

    def attach(self, consumer: Consumer, replica: Replica) -> Worker:
        """A replica that consumes from here."""
        raise NotImplementedError

    def worker_up(self, worker: Worker) -> None:
        """A consumer is ready."""
        raise NotImplementedError

    def worker_down(self, worker: Worker) -> None:
        """A consumer is gone."""
        raise NotImplementedError

    def put_back(self, message: Message, *, first: bool) -> None:
        """Make a message available again."""
        raise NotImplementedError

    def released(self, message: Message, worker: Worker) -> None:
        """A worker has a thread free again."""
        raise NotImplementedError

    def in_flight(self) -> int:
        """Messages not yet done, dead or dropped."""
        raise NotImplementedError

    def gauges(self, now: int) -> tuple[int, int, int]:
        """Backlog, unacknowledged, age (ns) of the oldest waiting."""
        raise NotImplementedError

    def over(self, message: Message, request: Request) -> None:
        """A delivery ended: acknowledge, redeliver, or give up on it."""
        worker, message.worker = message.worker, None
        worker.busy -= 1
        if worker.replica.up:  # a crash has emptied the gauge already
            worker.replica.gauge_busy.down(self.engine.env.now)
        outcome = request.outcome
        if outcome <= kernel.DEGRADED:
            self.done += 1
            self.finished(message)
        elif not self._again(message, outcome):
            self.bury(message)
            self.finished(message)
        self.released(message, worker)
        if worker.replica.up:
            worker.replica.leave_if_empty()

    def finished(self, message: Message) -> None:
        """The message is through with this channel."""

    def _again(self, message: Message, outcome: int) -> bool:
        consumer = message.consumer
        assert consumer is not None
        retry = consumer.retry
        attempts = retry.attempts
        if outcome == RESET and self.plan.dead_letter < 0 and attempts >= 0:
            attempts = max(attempts, CRASH_DELIVERIES)  # a crash loses no message, but a poison one must end
        if 0 <= attempts <= message.attempts:
            return False
        if outcome == RESET:
            self.put_back(message, first=True)
            return True
        number = message.attempts
        u = 0.5
        if retry.jitter != "none":
            context = context_of(message.context, 0, number)
            u = message.site.draw(DELAY, "redeliver", "jitter", None, message.root.number, context)
        delay = backoff.delay(
            number, retry.backoff, retry.factor, retry.max_backoff, retry.jitter, u, message.last_delay)
        message.last_delay = delay
        if delay:
            self.resting += 1
            self.engine.after(delay, self._rested, message)
        else:
            self.put_back(message, first=False)
        return True

    def _rested(self, message: Message) -> None:
        self.resting -= 1
        self.put_back(message, first=False)

    def bury(self, message: Message) -> None:
        """No more attempts: to the dead letters, or gone."""
        target = self.plan.dead_letter
        if target >= 0:
            self.dead += 1
            self.engine.channels[target].accept(message.root, message.site, message.context)
        else:
            self.dropped += 1


class PublishOp(Operation):
    """Hands a message to the broker and goes on once the broker has it; with an outbox, at once."""

    __slots__ = ("channel", "key", "key_slot", "outbox", "timeout")

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        self.channel: ChannelRun = self.engine.channels[step.target]
        self.outbox = step.outbox
        self.key = step.key
        self.key_slot = self.engine.next_slot()
        self.timeout = step.timeout

    def start(self, frame: Frame) -> int:
        """Publish."""
        site = frame.site.sub(self.slot, self.word)
        publishing = Publishing(self, frame, site)
        if self.outbox:
            self.engine.outbox += 1
            self.engine.after(self._until_relay(), _relay, publishing)
            return DONE
        if self.channel.down:
            return kernel.fail(frame, ERROR, kernel.cause_of(frame.host.replica.service.index, UNAVAILABLE))
        if not self.engine.broker_reachable(frame, self.channel):
            if self.timeout >= 0:
                frame.child = publishing
                publishing.watch(self.timeout)
            return PENDING
        duration = self.duration(frame.site, frame.root.number, frame.context)
        if self.engine.links.active:
            duration += self.engine.links.extra(frame, channel=self.channel.index)
        if not duration:
            return publishing.hand_over_now()
        frame.child = publishing
        if self.timeout >= 0:
            publishing.watch(self.timeout)
        self.engine.schedule(publishing, REQUEST, duration)
        return PENDING

    def duration(self, site: Any, number: int, context: int) -> int:
        """The time (ns) until the broker has it."""
        constant = self.channel.publish_constant
        if constant >= 0:
            return constant
        value: int = site.draw(self.slot, self.word, "time", self.channel.plan.publish, number, context)
        return value

    def _until_relay(self) -> int:
        """The relay polls every `relay` ns: the time to its next look."""
        relay = self.channel.plan.relay
        return relay - self.engine.env.now % relay if relay > 0 else 0


class Publishing:
    """One message between publisher and broker."""

    __slots__ = ("callbacks", "context", "frame", "key", "looks", "op", "root", "since", "site", "timer")
    _ok = True

    def __init__(self, op: PublishOp, frame: Frame, site: Any) -> None:
        self.callbacks: Any = HANDED
        self.op = op
        self.frame: Frame | None = frame
        self.root = frame.root
        self.site = site
        self.context = frame.context
        self.since = op.engine.env.now
        self.timer: Timer | None = None
        self.looks = 0  # of an outbox's relay
        self.key: int | None = None
        if op.key is not None:
            self.key = frame.site.draw(op.key_slot, op.word, "key", op.key, frame.root.number, frame.context)

    def watch(self, timeout: int) -> None:
        """Give up after `timeout` ns."""
        self.timer = Timer(_publish_timeout, self)
        self.op.engine.schedule(self.timer, TIMER, timeout)

    def hand_over_now(self) -> int:
        """The broker takes no time."""
        frame = self.frame
        assert frame is not None
        if not self.op.channel.accept(self.root, self.site, self.context, self.key):
            return kernel.fail(frame, ERROR, kernel.cause_of(frame.host.replica.service.index, OVERLOADED))
        self._effect(frame)
        return DONE

    def _effect(self, frame: Frame) -> None:
        if frame.host.message is not None:
            frame.host.message.effect(self.op)

    def handed(self) -> None:
        """The broker has it, or refuses it."""
        frame = self.frame
        if frame is None:
            return
        if self.timer is not None:
            self.timer.stop()
        frame.store += self.op.engine.env.now - self.since
        if self.op.channel.down:
            kernel.fail_later(frame, ERROR, kernel.cause_of(frame.host.replica.service.index, RESET))
        elif self.op.channel.accept(self.root, self.site, self.context, self.key):
            self._effect(frame)
            kernel.resume(frame)
        else:
            kernel.fail_later(frame, ERROR, kernel.cause_of(frame.host.replica.service.index, OVERLOADED))

    def relay(self) -> None:
        """The outbox's relay hands it over; what fails is tried again at its next look."""
        engine = self.op.engine
        engine.outbox -= 1
        channel = self.op.channel
        assert self.frame is not None
        lost = engine.links.cut(self.frame, channel.index) or (  # what is dropped once passes the next time
            self.looks == 0 and not engine.broker_reachable(self.frame, channel))
        self.looks += 1
        if channel.down or lost or not channel.accept(self.root, self.site, self.context, self.key):
            engine.outbox += 1
            engine.after(max(channel.plan.relay, 1), _relayed, self)

    def abandon(self, cancel: bool) -> None:
        """The publisher is gone before the broker had it."""
        self.frame = None
        self.callbacks = kernel.DEAD
        if self.timer is not None:
            self.timer.stop()


def _handed(publishing: Publishing) -> None:
    publishing.handed()


HANDED = (_handed,)


def _relay(publishing: Publishing) -> None:
    op = publishing.op
    assert publishing.frame is not None
    takes = op.duration(publishing.site, publishing.root.number, publishing.context)
    takes += op.engine.links.extra(publishing.frame, channel=op.channel.index)
    op.engine.after(takes, _relayed, publishing)


def _relayed(publishing: Publishing) -> None:
    publishing.relay()


def _publish_timeout(publishing: Publishing) -> None:
    frame = publishing.frame
    publishing.frame = None
    publishing.callbacks = kernel.DEAD
    if frame is not None:
        frame.store += publishing.op.engine.env.now - publishing.since
        kernel.fail_later(frame, ERROR, kernel.cause_of(frame.host.replica.service.index, TIMEOUT))


def lost_in_crash(request: Frame) -> list[ChannelRun]:
    """The channels whose message a crash loses: data was written, and the publish had not yet been done.

    To be asked while the request still knows where it is.
    """
    return _lost(request, False)[1]


def _lost(frame: Frame, written: bool) -> tuple[bool, list[ChannelRun]]:
    """Whether something was written until where `frame` is, and what would have been published from there on."""
    system = frame.host.replica.programs.system
    steps = [op.step for op in frame.ops if hasattr(op, "step")]  # without the marks of a traced run
    pc = sum(hasattr(op, "step") for op in frame.ops[: max(frame.pc, 0)])
    written = written or any(_writes(system, step) for step in steps[:pc])
    rest = steps[pc + 1 :]
    later = []
    if getattr(frame.child, "done", None) is not None:  # a saga: the parts before and after the present one
        if frame.child.undoing >= 0:
            return written, []
        does = steps[pc].blocks[0::2]
        written = written or any(_writes(system, system.steps[i]) for b in does[: frame.child.done] for i in b)
        later = [system.steps[i] for b in does[frame.child.done + 1 :] for i in b]
    elif not _inside(frame.child):
        rest = steps[pc:]
    lost: list[ChannelRun] = []
    for child in _inside(frame.child):
        wrote, found = _lost(child, written)
        written = written or wrote
        lost += found
    if written:
        channels = frame.host.replica.engine.channels
        lost += [channels[c] for step in (*later, *rest) for c in _publishes(system, step)]
    return written, lost


def _inside(child: Any) -> list[Frame]:
    """The blocks and calls in place that a frame waits for."""
    if isinstance(child, Frame):
        return [child]
    branches = getattr(child, "branches", None)
    if branches is not None:
        return [branch for branch in branches if isinstance(branch, Frame)]
    inner = getattr(child, "child", None)
    if isinstance(inner, Frame):
        return [inner]
    request = getattr(child, "req", None)
    return [request] if request is not None and request.local else []


def _blocks(system: Any, step: Step) -> list[tuple[int, ...]]:
    """The blocks that surely run where the step does."""
    if step.verb in (Verb.GROUP, Verb.REPEAT, Verb.PARALLEL):
        return list(step.blocks)
    if step.verb == Verb.SAGA:
        return list(step.blocks[0::2])
    if step.verb == Verb.CALL and system.bodies[step.target].service == step.service:
        return [system.bodies[step.target].block]
    return []


def _writes(system: Any, step: Step) -> bool:
    return step.verb == Verb.WRITE or any(
        _writes(system, system.steps[i]) for block in _blocks(system, step) for i in block
    )


def _publishes(system: Any, step: Step) -> list[int]:
    if step.verb == Verb.PUBLISH:
        return [] if step.outbox else [step.target]
    return [c for block in _blocks(system, step) for i in block for c in _publishes(system, system.steps[i])]
