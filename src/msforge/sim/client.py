"""Traffic: a source's clients, when they send, and what they do with the answers."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Source, Step, System, Verb
from msforge.policies import draws
from msforge.records import OUTCOMES
from msforge.sim import kernel
from msforge.sim.arrivals import Arrivals
from msforge.sim.entry import InnerEntry, LeafEntry, entry_of
from msforge.sim.kernel import DONE, PENDING, REQUEST, RESUME, Frame
from msforge.sim.ledger import root_row
from msforge.sim.operations import CallOp, ChooseOp, GroupOp, Operation, RepeatOp, TimeOp
from msforge.sim.root import RootCall
from msforge.sim.streams import Site, Stream

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.request import Request


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
        site = frame.site.sub(self.slot, self.word, self.engine.client_latency)
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
    """One client's way through a journey. It is its own root for the draws on the way.

    `fresh` until its first request is sent: that one arrives when the journey was meant to begin.
    `user` is the number of a closed loop's user, -1 in an open loop.
    """

    __slots__ = ("arrival", "client", "fresh", "number", "user")
    traced = False  # its requests are, each by itself

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

    def ended(self, result: int) -> None:
        """The journey is over: in a closed loop the user thinks and begins anew."""
        if self.user >= 0:
            self.client.user_again(self.user, self.number)


class Client:
    """One traffic source while it runs."""

    def __init__(self, engine: Engine, plan: Source, system: System) -> None:
        self.engine = engine
        self.index = plan.index
        self.name = plan.name
        self.guards: dict[int, Any] = {}
        self.machines: dict[Any, Any] = {}
        self.warmup = engine.warmup
        self.measured_to = engine.duration
        self.end = min(engine.duration, plan.end) if plan.end >= 0 else engine.duration
        self.traced: frozenset[int] | None = engine.traced_of(plan.index)
        self.key = draws.stream_key(engine.seed, "replication", engine.replication, "source", plan.name)
        self.site = Site(engine.pool, self.key)
        self.thinks: Stream | None = None
        self.arrived = 0
        self.ended = [0] * OUTCOMES
        self.open: dict[int, int] = {}  # measured requests still under way, by the body they went to
        self.times: list[int] = []
        self.cursor = 0
        self.arrivals: Arrivals | None = None
        self.pending: Arrival | None = None
        self.requests = 0
        self.users = 0
        self.stride = 1 << max(0, plan.users - 1).bit_length()
        self.adopt(plan, system, first=True)

    def adopt(self, plan: Source, system: System, *, first: bool = False) -> None:
        """Take a (changed) plan; the dice stay the same."""
        engine = self.engine
        self.plan = plan
        self.system = system
        self.ops = self.block(plan.journey)
        self.single = plan.single and plan.arrivals != "closed"
        self.quiet: LeafEntry | InnerEntry | None = None
        if self.single:
            op = self.ops[0]
            self.op = op
            self.entry = self.site.sub(op.slot, op.word, engine.client_latency)
            self.quiet = entry_of(self, system, op.step)
        if plan.think is not None:
            self.thinks = Stream(engine.pool, draws.child_key(self.key, "think"), plan.think)
        else:
            self.thinks = None
        if plan.turns:
            for turn in plan.turns if first else ():
                engine.after(turn[1], self._turn_again, turn)
        elif plan.arrivals == "closed":
            self._more_users()
        elif plan.arrivals == "given":
            if first:
                self.times = [plan.start + time for time in plan.times]
                self._appoint()
        else:
            self._open_loop(plan, first)

    def block(self, block: tuple[int, ...]) -> tuple[Any, ...]:
        """The operations of a journey's block."""
        maker = _Maker(self)
        return tuple(
            JOURNEY_VERBS[self.system.steps[i].verb](maker, self.system.steps[i]) for i in block  # type: ignore[arg-type]
        )

    # -- open loop ------------------------------------------------------------------------

    def _open_loop(self, plan: Source, first: bool) -> None:
        """Plan the arrivals; after a change go on from the level reached, with the same dice."""
        engine = self.engine
        if first or self.arrivals is None:
            self.arrivals = Arrivals(plan, engine.pool, self.key)
        else:
            self.arrivals = self.arrivals.changed(plan, engine.pool, self.key, engine.env.now, self.arrived)
            self.pending = None
        self.times = self.arrivals.block()
        self.cursor = 0
        self._appoint()

    def _appoint(self) -> None:
        """Put the next arrival on the queue."""
        if self.cursor == len(self.times):
            if self.arrivals is None:
                return
            self.times = self.arrivals.block()
            self.cursor = 0
            if not self.times:
                return
        at = self.times[self.cursor]
        if at >= self.end or 0 <= self.plan.count <= self.arrived:
            return
        self.pending = event = Arrival(self)
        self.engine.schedule(event, REQUEST, max(0, at - self.engine.env.now))

    def arrive(self, event: Arrival) -> None:
        """An arrival: send, and plan the next."""
        if event is not self.pending:
            return
        if self.quiet is not None and self.quiet.ahead and self.plan.count < 0:
            self._send_ahead(self.quiet)
            return
        cursor = self.cursor
        times = self.times
        at = times[cursor]
        self.cursor = cursor = cursor + 1
        self.begin(self.arrived, at)
        if cursor < len(times) and times is self.times and self.plan.count < 0:
            following = times[cursor]
            if following < self.end:
                event.callbacks = ARRIVE
                self.engine.schedule(event, REQUEST, following - at)
            return
        self._appoint()

    def _send_ahead(self, quiet: LeafEntry | InnerEntry) -> None:
        """Send all requests of the next window at once: nothing between them can change what happens to them."""
        times, first = self.times, self.cursor
        limit = min(self.end, times[first] + self.engine.observer.window)
        last = bisect_left(times, limit, first)
        quiet.send_all(self.arrived, times[first:last])
        self.cursor = last
        self.arrived += last - first
        self.requests += last - first
        measured = bisect_left(times, self.measured_to, first, last) - bisect_left(times, self.warmup, first, last)
        self.open[quiet.body] = self.open.get(quiet.body, 0) + measured
        self._appoint()

    def begin(self, number: int, at: int, user: int = -1) -> None:
        """One arrival: a request, or a journey."""
        self.arrived += 1
        quiet = self.quiet
        if quiet is not None:
            self.requests += 1
            if self.warmup <= at < self.measured_to:
                self.open[quiet.body] = self.open.get(quiet.body, 0) + 1
            quiet.send(number, at)
            return
        if self.single:
            call = RootCall(self, self.op, number, at, self.entry, None)
            self.sent(call)
            call.start()
            return
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
        self.begin(number, now, user)

    def _turn_again(self, turn: tuple[int, int]) -> None:
        """A turn of a run that is repeated: it begins when it began, whatever came of the user's last one."""
        number, at = turn
        if at < self.end:
            self.begin(number, at)

    def forget(self, target: int, arrivals: list[int]) -> None:
        """Requests that were sent ahead of a run that ended before them."""
        self.requests -= len(arrivals)
        if target in self.open:
            self.open[target] -= sum(self.warmup <= at < self.measured_to for at in arrivals)

    # -- answers --------------------------------------------------------------------------

    def answered_ahead(self, call: RootCall, request: Request, back: int) -> None:
        """The row of a request whose answer is on its way; it is counted when it is there."""
        self.engine.ledger.roots += root_row(
            self.index, call.op.target, call.number, call.arrival, self.engine.env.now + back, request.outcome, -1,
            call.tries, request.begin - request.arrive, request.own, request.store, request.wire + request.net,
            call.backed + request.back,
        )

    def step_failed(self, frame: Frame) -> None:
        """A step of a traced request failed, `frame` says how: its span ends here, unless its call has ended it."""
        if self.engine.tracer is not None:
            self.engine.tracer.close(frame, frame.outcome)

    def finished(self, call: RootCall, outcome: int, cause: int, request: Request | None) -> None:
        """A root request has its outcome."""
        now = self.engine.env.now
        self.ended[outcome] += 1
        if call.measured:
            self.open[call.op.target] -= 1
        if call.traced and self.engine.tracer is not None:
            self.engine.tracer.root(call, now, outcome)
        if request is not None:
            wait = request.begin - request.arrive if request.begin >= 0 else 0
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
        """The operations of a block inside the journey."""
        return self.client.block(block)
