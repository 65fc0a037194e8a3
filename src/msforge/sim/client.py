"""Traffic: a source's clients, when they send, and what they do with the answers."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Source, Step, System, Verb
from msforge.policies import draws
from msforge.policies.distributions import Dist
from msforge.records import OUTCOMES, SECOND
from msforge.sim import kernel
from msforge.sim.kernel import DONE, PENDING, REQUEST, RESUME, Frame
from msforge.sim.operations import CallOp, ChooseOp, GroupOp, Operation, RepeatOp, TimeOp
from msforge.sim.root import RootCall
from msforge.sim.streams import Site, Stream

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.request import Request

UNIT = Dist("exponential", (float(SECOND),))  # unit exponentials, in billionths


class ClientCallOp(CallOp):
    """A request of a client. In a journey a failure ends the journey, unless it says `continue`."""

    __slots__ = ("client", "keep_going")

    def __init__(self, programs: Any, step: Step) -> None:
        super().__init__(programs, step)
        self.client: Client = programs.client
        self.keep_going = step.keep_going

    def start(self, frame: Frame) -> int:
        """The next request of a journey."""
        client = self.client
        now = self.engine.env.now
        if now >= client.end:
            return PENDING  # after the run's duration nobody sends any more
        journey: Any = frame.root
        arrival = journey.arrival if journey.fresh else now
        journey.fresh = False
        site = frame.site.sub(self.slot, self.word, self.engine.latency)
        call = RootCall(client, self, journey.number, arrival, site, frame)
        call.context = frame.context
        client.sent(call)
        result = call.start()
        return DONE if result == kernel.FAILED and self.keep_going else result


class ThinkOp(TimeOp):
    """A pause between two requests of a journey."""

    __slots__ = ()

    def start(self, frame: Frame) -> int:
        """Think."""
        duration = self.duration(frame)
        if not duration:
            return DONE
        frame.callbacks = RESUME
        self.engine.schedule(frame, REQUEST, duration)
        return PENDING


JOURNEY_VERBS: dict[Verb, type[Operation]] = {
    Verb.CALL: ClientCallOp, Verb.THINK: ThinkOp, Verb.WAIT: ThinkOp, Verb.CHOOSE: ChooseOp, Verb.REPEAT: RepeatOp,
    Verb.GROUP: GroupOp,
}


class Journey(Frame):
    """One client's way through a journey. It is its own root for the draws on the way."""

    __slots__ = ("arrival", "client", "fresh", "measured", "number", "source", "traced", "user")

    def __init__(self, client: Client, number: int, arrival: int, user: int) -> None:
        self.callbacks: Any = None
        self.ops = client.ops
        self.pc = 0
        self.site = client.site
        self.context = 0
        self.root: Any = self
        self.host: Any = None
        self.child: Any = None
        self.own = self.store = self.net = self.back = 0
        self.client = client
        self.number = number
        self.arrival = arrival
        self.user = user
        self.fresh = True
        self.source = client.index
        self.measured = False
        self.traced = False

    def ended(self, result: int) -> None:
        """The journey is over: in a closed loop the user thinks and begins anew."""
        if self.user >= 0:
            self.client.user_again(self.user, self.number)


class Segments:
    """A source's arrival rate as linear pieces: (begin ns, length ns, rate at begin, rate at end)."""

    def __init__(self, plan: Source, pool: Any, key: int) -> None:
        self.pieces: list[tuple[int, int, float, float]] = []
        at = plan.start
        for stage in plan.stages:
            self.pieces.append((at, stage.duration, stage.begin, stage.end))
            at += stage.duration
        if plan.arrivals == "bursty" and plan.burst:
            self.pieces = list(self._bursts(plan, pool, key))

    def _bursts(self, plan: Source, pool: Any, key: int) -> Any:
        """On and off phases of exponential length; the mean rate stays the stages'."""
        on, off, peak = plan.burst
        low = max(0.0, (on + off - peak * on) / off) if off > 0 else 1.0
        lengths = Stream(pool, draws.child_key(key, "phase"), Dist("exponential", (float(SECOND),)))
        number, phase_left, factor = 0, 0, low
        for begin, length, first, last in self.pieces:
            at = 0
            while at < length:
                if phase_left <= 0:
                    factor = peak if factor == low else low
                    mean = on if factor == peak else off
                    phase_left = max(1, round(lengths.get(number) * mean / SECOND))
                    number += 1
                step = min(phase_left, length - at)
                slope = (last - first) / length
                yield (begin + at, step, (first + slope * at) * factor, (first + slope * (at + step)) * factor)
                at += step
                phase_left -= step


def area(length: int, first: float, last: float, at: int) -> float:
    """Expected arrivals (billionths) in the first `at` ns of a piece of `length` ns."""
    return first * at + (last - first) * at * at / (2.0 * length)


def when(length: int, first: float, last: float, need: float) -> float:
    """The inverse of `area`: after how many ns `need` (billionths) is reached."""
    slope = (last - first) / length
    if slope == 0.0:
        return need / first
    return 2.0 * need / (first + sqrt(max(0.0, first * first + 2.0 * slope * need)))


class Client:
    """One traffic source while it runs. In an open loop it is itself the event of the next arrival.

    `passed` is the expected number of arrivals (billionths) before the current piece; `aim`
    the level at which the next arrival comes (a sum of unit exponentials, or whole numbers).
    """

    _ok = True

    def __init__(self, engine: Engine, plan: Source, system: System) -> None:
        self.engine = engine
        self.index = plan.index
        self.name = plan.name
        self.guards: dict[int, Any] = {}
        self.warmup = engine.warmup
        self.end = engine.duration
        self.traced: frozenset[int] | None = engine.traced_of(plan.index)
        self.callbacks: Any = None
        self.key = draws.stream_key(engine.seed, "replication", engine.replication, "source", plan.name)
        self.site = Site(engine.pool, self.key)
        self.gaps = Stream(engine.pool, draws.child_key(self.key, "arrival"), UNIT)
        self.thinks: Stream | None = None
        self.arrived = 0
        self.ended = [0] * OUTCOMES
        self.open: dict[int, int] = {}
        self.aim = 0
        self.passed = 0.0
        self.piece = 0
        self.next_at = 0
        self.pending: Arrival | None = None
        self.requests = 0
        self.users = 0
        self.stride = 1 << max(0, plan.users - 1).bit_length()
        self.adopt(plan, system, first=True)

    def adopt(self, plan: Source, system: System, *, first: bool = False) -> None:
        """Take a (changed) plan; the dice stay the same."""
        engine = self.engine
        now = 0 if first else engine.env.now
        before = 0.0 if first else self._level(now)
        self.plan = plan
        self.system = system
        self.ops = self.block(plan.journey)
        self.single = plan.single and plan.arrivals != "closed"
        if self.single:
            op = self.ops[0]
            self.op = op
            self.entry = self.site.sub(op.slot, op.word, engine.latency)
        if plan.think is not None:
            self.thinks = Stream(engine.pool, draws.child_key(self.key, "think"), plan.think)
        else:
            self.thinks = None
        if plan.arrivals in ("closed", "given"):
            if first:
                self._more_users() if plan.arrivals == "closed" else self._next_given()
            elif plan.arrivals == "closed":
                self._more_users()
            return
        self.pieces = Segments(plan, engine.pool, self.key).pieces
        if first:
            if plan.arrivals == "poisson" or plan.arrivals == "bursty":
                self.aim = self.gaps.get(0)
            self._plan_next()
            return
        self.piece = 0
        self.passed = 0.0
        self.passed = before - self._level(now)
        self.piece = 0
        self.pending = None
        self._plan_next()

    def block(self, block: tuple[int, ...]) -> tuple[Any, ...]:
        """The operations of a journey's block."""
        maker = _Maker(self)
        return tuple(
            JOURNEY_VERBS[self.system.steps[i].verb](maker, self.system.steps[i]) for i in block  # type: ignore[arg-type]
        )

    # -- open loop ------------------------------------------------------------------------

    def _level(self, now: int) -> float:
        """Expected arrivals (billionths) until `now` by the current pieces."""
        if self.plan.arrivals in ("closed", "given"):
            return 0.0
        level = self.passed
        for begin, length, first, last in self.pieces[self.piece :]:
            if now <= begin:
                break
            level += area(length, first, last, min(length, now - begin))
        return level

    def _plan_next(self) -> None:
        """Put the next arrival on the queue."""
        plan = self.plan
        if 0 <= plan.count <= self.arrived:
            return
        while self.piece < len(self.pieces):
            begin, length, first, last = self.pieces[self.piece]
            whole = area(length, first, last, length)
            need = self.aim - self.passed
            if need < whole or (need == 0 and whole > 0):
                at = begin + round(when(length, first, last, need)) if need > 0 else begin
                if at < self.end:
                    self._schedule(min(at, begin + length))
                return
            self.passed += whole
            self.piece += 1

    def _schedule(self, at: int) -> None:
        event = Arrival(self)
        self.pending = event
        self.next_at = at
        self.engine.schedule(event, REQUEST, max(0, at - self.engine.env.now))

    def arrive(self, event: Arrival) -> None:
        """An arrival: send, and plan the next."""
        if event is not self.pending:
            return
        number = self.arrived
        at = self.next_at
        self.begin(number, at)
        if self.plan.arrivals == "given":
            self._next_given()
            return
        if self.plan.arrivals == "constant":
            self.aim = self.arrived * SECOND
        else:
            self.aim += self.gaps.get(self.arrived)
        self._plan_next()

    def _next_given(self) -> None:
        times = self.plan.times
        if self.arrived < len(times) and not 0 <= self.plan.count <= self.arrived:
            at = self.plan.start + times[self.arrived]
            if at < self.end:
                self._schedule(at)

    def begin(self, number: int, at: int, user: int = -1) -> None:
        """One arrival: a request, or a journey."""
        if self.single:
            call = RootCall(self, self.op, number, at, self.entry, None)
            self.arrived += 1
            self.sent(call)
            call.start()
            return
        if user < 0:
            self.arrived += 1
        journey = Journey(self, number, at, user)
        result = kernel.run(journey)
        if result != PENDING:
            journey.ended(result)

    def sent(self, call: RootCall) -> None:
        """Count a root request."""
        self.requests += 1
        if call.measured:
            target = call.op.target
            self.open[target] = self.open.get(target, 0) + 1

    # -- closed loop ----------------------------------------------------------------------

    def _more_users(self) -> None:
        for user in range(self.users, max(self.plan.users, self.users)):
            self.users = user + 1
            self.engine.after(self.plan.start if self.engine.env.now == 0 else 0, self._user_begins, user)

    def _user_begins(self, user: int) -> None:
        self._think_then(user, 0)

    def user_again(self, user: int, number: int) -> None:
        """A user's journey is over."""
        self._think_then(user, number // (self.stride if user < self.stride else LATE_USERS) + 1)

    def _think_then(self, user: int, turn: int) -> None:
        if user >= self.plan.users:
            self.users = min(self.users, self.plan.users)
            return  # a live change took this user away
        number = turn * (self.stride if user < self.stride else LATE_USERS) + user
        delay = self.thinks.get(number) if self.thinks is not None else 0
        self.engine.after(delay, self._user_goes, (user, number))

    def _user_goes(self, who: tuple[int, int]) -> None:
        user, number = who
        now = self.engine.env.now
        if now >= self.end or 0 <= self.plan.count <= self.arrived:
            return
        self.arrived += 1
        self.begin(number, now, user)

    def open_by_target(self) -> dict[int, int]:
        """Measured requests still under way, by the body they went to."""
        return self.open

    # -- answers --------------------------------------------------------------------------

    def finished(self, call: RootCall, outcome: int, cause: int, request: Request | None) -> None:
        """A root request has its outcome."""
        now = self.engine.env.now
        self.ended[outcome] += 1
        if call.measured:
            self.open[call.op.target] -= 1
        if call.traced and self.engine.tracer is not None:
            self.engine.tracer.root(call, now, outcome)
        if request is not None:
            wait = request.begin - request.arrive
            row = (
                self.index, call.op.target, call.number, call.arrival, now, outcome, cause, call.tries, wait,
                request.own, request.store, request.wire + request.net, call.backed + request.back,
            )
        else:
            row = (self.index, call.op.target, call.number, call.arrival, now, outcome, cause, call.tries, 0, 0, 0, 0,
                   call.backed)
        self.engine.roots += row
        frame = call.journey
        if frame is None:
            return
        failed = outcome > kernel.DEGRADED and not call.op.keep_going
        if call.starting:
            call.result = kernel.FAILED if failed else DONE
            frame.outcome, frame.cause = outcome, cause
        elif failed:
            kernel.fail_later(frame, outcome, cause)
        else:
            kernel.resume(frame)


LATE_USERS = 1 << 40  # numbers of users that a live change added lie apart


class Arrival:
    """The appointment of a source's next arrival; a new plan makes a new one."""

    __slots__ = ("callbacks", "client")
    _ok = True

    def __init__(self, client: Client) -> None:
        self.client = client
        self.callbacks: Any = ARRIVE


def _arrive(event: Arrival) -> None:
    event.client.arrive(event)


ARRIVE = (_arrive,)


class _Maker:
    """What operations of a journey are made with."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.engine = client.engine
        self.system = client.system

    def block(self, block: tuple[int, ...]) -> tuple[Any, ...]:
        return self.client.block(block)
