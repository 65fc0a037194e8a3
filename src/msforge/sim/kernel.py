"""Threads of control: frames that run steps on SimPy's event queue.

A frame is itself the event it waits for: when a step takes time, the frame goes on the
queue with the callback to run then. At most one entry of a frame is on the queue.

Order of events at one instant: changes first (priority 0), then requests (1), then timers
that give up (2); within a priority in the order in which they were put on the queue. What
takes no time (a zero latency, a free thread) happens at once, inside the event at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.records import Outcome

if TYPE_CHECKING:
    from msforge.sim.request import Request
    from msforge.sim.root import RootCall
    from msforge.sim.streams import Site

CHANGE, REQUEST, TIMER = 0, 1, 2  # priorities
DONE, PENDING, FAILED = 1, 0, -1  # what starting or running something gave

OK = int(Outcome.OK)
DEGRADED = int(Outcome.DEGRADED)
ERROR = int(Outcome.ERROR)
REJECTED = int(Outcome.REJECTED)
TIMEOUT = int(Outcome.TIMEOUT)
OVERLOADED = int(Outcome.OVERLOADED)
RATE_LIMITED = int(Outcome.RATE_LIMITED)
UNAVAILABLE = int(Outcome.UNAVAILABLE)
CIRCUIT_OPEN = int(Outcome.CIRCUIT_OPEN)
BULKHEAD_FULL = int(Outcome.BULKHEAD_FULL)
THROTTLED = int(Outcome.THROTTLED)
RESET = int(Outcome.RESET)
CANCELLED = int(Outcome.CANCELLED)


def _nothing(event: Any) -> None:
    """The callback of an event whose owner is gone."""


DEAD = (_nothing,)


class Timer:
    """An event that calls `act(subject)` when its time comes; `stop()` makes it do nothing."""

    __slots__ = ("act", "callbacks", "subject")
    _ok = True

    def __init__(self, act: Any, subject: Any) -> None:
        self.act = act
        self.subject = subject
        self.callbacks: Any = FIRE

    def stop(self) -> None:
        """Forget it."""
        self.callbacks = DEAD


def _fire(timer: Timer) -> None:
    timer.act(timer.subject)


FIRE = (_fire,)


class Frame:
    """A run through a block of steps. `host` is the request it belongs to, `up` who is told of its end.

    own, store, net and back add up the time (ns) of its steps on the critical path.
    `child` is what it waits for, when that is not itself: anything with `abandon(cancel)`.
    """

    __slots__ = (
        "back", "callbacks", "cause", "child", "context", "due", "host", "net", "ops", "outcome", "own", "pc",
        "root", "site", "store", "up",
    )
    _ok = True

    host: Request
    root: RootCall
    outcome: int  # with `cause`: set when it has failed
    cause: int
    due: int  # when its present work is done (ns)

    def __init__(self, ops: Any, site: Site, context: int, parent: Frame, up: Any) -> None:
        self.callbacks: Any = None
        self.ops = ops
        self.pc = 0
        self.site = site
        self.context = context
        self.root = parent.root
        self.host = parent.host
        self.up = up
        self.child: Any = None
        self.own = 0
        self.store = 0
        self.net = 0
        self.back = 0

    def ended(self, result: int) -> None:
        """All its steps are done, or one failed (`outcome` and `cause` say how)."""
        self.up.child_ended(self, result)

    def child_ended(self, child: Frame, result: int) -> None:
        """A nested block of the current step ended later than it was started."""
        self.ops[self.pc].child_ended(self, child, result)

    def abandon(self, cancel: bool) -> None:
        """The frame around it is gone."""
        stop(self, cancel)

    def add_times(self, child: Frame) -> None:
        """A nested block's time is this one's too."""
        self.own += child.own
        self.store += child.store
        self.net += child.net
        self.back += child.back


def run(frame: Frame) -> int:
    """Run steps from `frame.pc` on. DONE, FAILED, or PENDING when a step takes time."""
    ops = frame.ops
    pc = frame.pc
    while pc < len(ops):
        result: int = ops[pc].start(frame)
        if result != DONE:
            return result
        pc += 1
        frame.pc = pc
    return DONE


def resume(frame: Frame) -> None:
    """The step that took time is done: go on, and say so when that was the last."""
    frame.child = None
    frame.pc += 1
    result = run(frame)
    if result != PENDING:
        frame.ended(result)


RESUME = (resume,)


def fail(frame: Frame, outcome: int, cause: int) -> int:
    """The current step failed as it started."""
    frame.outcome = outcome
    frame.cause = cause
    if frame.root.traced:
        frame.root.client.step_failed(frame)
    return FAILED


def fail_later(frame: Frame, outcome: int, cause: int) -> None:
    """The current step failed after it took time."""
    frame.child = None
    frame.outcome = outcome
    frame.cause = cause
    if frame.root.traced:
        frame.root.client.step_failed(frame)
    frame.ended(FAILED)


def stop(frame: Frame, cancel: bool) -> None:
    """Whatever `frame` waits for will not reach it any more."""
    frame.callbacks = DEAD
    child = frame.child
    if child is not None:
        frame.child = None
        child.abandon(cancel)


def cause_of(service: int, outcome: int) -> int:
    """A first cause as Records keep it."""
    return service * 16 + outcome
