"""Steps as the engine runs them: one small class a verb, each with `start(frame)`.

`start` gives DONE when the step took no time, FAILED when it failed at once, PENDING when
the frame will be resumed (or failed) later. An operation is made from a plan step once and
shared by all frames; it holds no state of a request.
"""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Step, Verb
from msforge.policies.distributions import Dist
from msforge.sim import kernel
from msforge.sim.calls import Call
from msforge.sim.cpu import WORKED, do_work, slowed
from msforge.sim.guards import Guard
from msforge.sim.kernel import DONE, ERROR, FAILED, PENDING, REJECTED, REQUEST, RESUME, Frame, cause_of
from msforge.sim.streams import context_of

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.programs import Programs


class Operation:
    """What all operations have: their step, its word in draws, and a slot of their own."""

    __slots__ = ("engine", "slot", "step", "word")

    def __init__(self, programs: Programs, step: Step) -> None:
        self.engine: Engine = programs.engine
        self.step = step
        self.word = step.word
        self.slot = self.engine.next_slot()

    def start(self, frame: Frame) -> int:
        """Begin the step."""
        raise NotImplementedError

    def child_ended(self, frame: Frame, child: Frame, result: int) -> None:
        """A nested block ended after taking time."""
        frame.child = None
        frame.add_times(child)
        if result == DONE:
            kernel.resume(frame)
        else:
            kernel.fail_later(frame, child.outcome, child.cause)

    def enter(self, frame: Frame, ops: Any, site: Any, context: int) -> int:
        """Run a nested block in the same thread."""
        child = Frame(ops, site, context, frame, frame)
        frame.child = child
        result = kernel.run(child)
        if result == PENDING:
            return PENDING
        frame.child = None
        frame.add_times(child)
        return DONE if result == DONE else kernel.fail(frame, child.outcome, child.cause)


def constant_of(dist: Dist | None) -> int:
    """The duration (ns) of a constant distribution; -1 for any other."""
    return round(dist.mean) if dist is not None and dist.is_constant else -1


class TimeOp(Operation):
    """`work` and `wait`: the step takes a drawn duration."""

    __slots__ = ("constant", "dist")

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        self.dist = step.dist
        self.constant = constant_of(step.dist)

    def duration(self, frame: Frame) -> int:
        """The drawn duration (ns)."""
        if self.constant >= 0:
            return self.constant
        stream = frame.site.streams.get(self.slot)
        number = frame.root.number
        duration: int
        if stream is None or frame.context:
            duration = frame.site.draw(self.slot, self.word, "time", self.dist, number, frame.context)
            return duration
        i = number - stream.first
        duration = stream.values[i] if 0 <= i < stream.size else stream.fetch(number)
        return duration


class WorkOp(TimeOp):
    """Uses a core of this replica."""

    __slots__ = ()

    def start(self, frame: Frame) -> int:
        """Work for the drawn duration."""
        duration = self.duration(frame)
        replica = frame.host.replica
        if not replica.plain:
            return do_work(frame, duration) if duration else DONE
        if not duration:
            return DONE
        frame.own += duration
        frame.due = self.engine.env.now + duration
        frame.callbacks = WORKED
        replica.schedule(frame, REQUEST, duration)
        return PENDING


class WaitOp(TimeOp):
    """Takes time but no core."""

    __slots__ = ()

    def start(self, frame: Frame) -> int:
        """Wait for the drawn duration."""
        duration = self.duration(frame)
        replica = frame.host.replica
        if replica.slowness:
            duration = slowed(replica, frame, duration)
        if not duration:
            return DONE
        frame.own += duration
        frame.callbacks = RESUME
        replica.schedule(frame, REQUEST, duration)
        return PENDING


class CallOp(Operation):
    """A call to another endpoint, with its policies."""

    __slots__ = (
        "cancel", "deadline", "edge", "fallback", "fallback_slot", "guarded", "hedge_after", "latency", "local",
        "needs_guard", "policy", "retried", "retry", "service", "target", "timer",
    )

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        engine = programs.engine
        policy = step.policy
        self.policy = policy
        self.target = step.target
        self.service = engine.services[programs.system.bodies[step.target].service]
        self.local = step.service == self.service.index
        self.latency = None if self.local else engine.latency_to(step.target)
        self.edge = engine.edge_of(programs.system, step)
        self.retry = policy.retry
        self.retried = sum(1 << o for o in policy.retry.on) if policy.retry is not None else 0
        self.timer = engine.timer_of(policy.timeout)
        self.deadline = policy.deadline
        self.cancel = policy.cancel
        self.hedge_after = policy.hedge
        self.needs_guard = bool(
            policy.breaker is not None or policy.bulkhead >= 0 or policy.throttle is not None
            or (policy.retry is not None and policy.retry.budget is not None)
        )
        self.guarded = self.needs_guard or policy.hedge >= 0 or policy.deadline >= 0 or engine.deadlines
        self.fallback = programs.block(policy.fallback) if policy.fallback is not None else None
        self.fallback_slot = engine.next_slot()

    def start(self, frame: Frame) -> int:
        """Send the request."""
        site = frame.site.subs.get(self.slot)
        if site is None:
            site = frame.site.sub(self.slot, self.word, self.latency)
        call = Call(self, frame, frame.root, site, frame.context)
        frame.child = call
        result = call.start()
        if result != PENDING:
            frame.child = None
        return result

    def guard_of(self, call: Call) -> Guard:
        """The breaker, bulkhead, throttle and budget that the caller's replica keeps for this endpoint."""
        holder = call.frame.host.replica if call.frame is not None else call.root.client
        guard: Guard | None = holder.guards.get(self.slot)
        if guard is None:
            guard = holder.guards[self.slot] = Guard(self.policy, self, holder)
        return guard


class ChooseOp(Operation):
    """One branch, by weight."""

    __slots__ = ("branches", "slots", "upto")

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        self.branches = [programs.block(b) for b in step.blocks]
        self.slots = [self.engine.next_slot() for _ in self.branches]
        self.upto = list(accumulate(step.weights))[:-1]

    def start(self, frame: Frame) -> int:
        """Draw a branch and run it."""
        u = frame.site.draw(self.slot, self.word, "choose", None, frame.root.number, frame.context)
        i = bisect(self.upto, u)
        site = frame.site.sub(self.slots[i], f"{self.word}/{i}")
        return self.enter(frame, self.branches[i], site, frame.context)


class RepeatOp(Operation):
    """A block several times in a row."""

    __slots__ = ("constant", "dist", "ops")

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        self.dist = step.dist
        self.constant = constant_of(step.dist)
        self.ops = programs.block(step.blocks[0])

    def start(self, frame: Frame) -> int:
        """Draw how often, and begin."""
        times = self.constant
        if times < 0:
            times = frame.site.draw(self.slot, self.word, "count", self.dist, frame.root.number, frame.context)
        return self._go_on(frame, 0, times)

    def _go_on(self, frame: Frame, index: int, times: int) -> int:
        site = frame.site.sub(self.slot, self.word)
        while index < times:
            round_ = Round(self, index, times)
            child = Frame(self.ops, site, context_of(frame.context, index, 0), frame, round_)
            round_.frame = frame
            frame.child = child
            result = kernel.run(child)
            if result == PENDING:
                return PENDING
            frame.child = None
            frame.add_times(child)
            if result == FAILED:
                return kernel.fail(frame, child.outcome, child.cause)
            index += 1
        return DONE

    def next_round(self, frame: Frame, child: Frame, result: int, index: int, times: int) -> None:
        """A round that took time has ended."""
        frame.child = None
        frame.add_times(child)
        if result == FAILED:
            kernel.fail_later(frame, child.outcome, child.cause)
            return
        result = self._go_on(frame, index + 1, times)
        if result == DONE:
            kernel.resume(frame)
        elif result == FAILED:
            kernel.fail_later(frame, frame.outcome, frame.cause)


class Round:
    """Which round of a `repeat` a frame is."""

    __slots__ = ("frame", "index", "op", "times")
    frame: Frame

    def __init__(self, op: RepeatOp, index: int, times: int) -> None:
        self.op = op
        self.index = index
        self.times = times

    def child_ended(self, child: Frame, result: int) -> None:
        """The round is over."""
        self.op.next_round(self.frame, child, result, self.index, self.times)


class GroupOp(Operation):
    """A block on its own."""

    __slots__ = ("ops",)

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        self.ops = programs.block(step.blocks[0])

    def start(self, frame: Frame) -> int:
        """Run the block."""
        return self.enter(frame, self.ops, frame.site.sub(self.slot, self.word), frame.context)


class FailOp(Operation):
    """Ends the request with an error, by chance."""

    __slots__ = ("crash", "outcome", "rate")

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        self.rate = step.rate
        self.crash = step.crash
        self.outcome = REJECTED if 400 <= step.status < 500 else ERROR

    def start(self, frame: Frame) -> int:
        """Draw whether it fails."""
        u = frame.site.draw(self.slot, self.word, "fail", None, frame.root.number, frame.context)
        if u >= self.rate:
            return DONE
        replica = frame.host.replica
        if self.crash:
            self.engine.faults.crash_and_restart(replica)
            return PENDING
        return kernel.fail(frame, self.outcome, cause_of(replica.service.index, self.outcome))


VERBS: dict[Verb, type[Operation]] = {
    Verb.WORK: WorkOp,
    Verb.WAIT: WaitOp,
    Verb.CALL: CallOp,
    Verb.CHOOSE: ChooseOp,
    Verb.REPEAT: RepeatOp,
    Verb.GROUP: GroupOp,
    Verb.FAIL: FailOp,
}
