"""Requests at quiet services that call quiet services: an event only where they send.

When all that a request has called will have answered is known as soon as the last of it has
sent on; so its own end is known before it comes, and its caller is told at once *when* the
answer will be there. No event for an arrival, a thread that comes free (unless somebody waits),
an answer, or the joining of parallel calls. Only what goes wrong (a refusal, a timeout, a retry)
goes by events, as it does elsewhere.
"""

from __future__ import annotations

from heapq import heappush, heapreplace
from typing import TYPE_CHECKING, Any

from msforge.sim.kernel import DONE, ERROR, REQUEST, Frame
from msforge.sim.leaf import LATE, REFUSED, LeafCallOp
from msforge.sim.ledger import inner_row, leaf_row
from msforge.sim.streams import context_of

if TYPE_CHECKING:
    from msforge.sim.hall import Hall
    from msforge.sim.sheet import Row
    from msforge.sim.tree import Stage

OVER, NEVER = 1 << 59, 1 << 60  # a request that has failed waits for so many answers that they never all come


class Odd:
    """What few requests have: a context of draws, and times of tries that went by events.

    `net` and `back` (ns) come on top of what calls that succeed at once take; `slow` is the last
    branch of the present stage that went by events.
    """

    __slots__ = ("back", "context", "net", "slow")

    def __init__(self, context: int) -> None:
        self.context = context
        self.net = self.back = 0
        self.slow: Frame | None = None


class Visit:
    """A request at an inner service. It is itself the event of its next sending.

    `up` is who waits for the answer, `begin` when it has a thread (-1: not known). Of the present
    `stage`: how many answers it is `waiting` for whose time is not known, and the time (ns) of the
    `latest` of the others. `told` is what the ledger knows of it.
    """

    __slots__ = (
        "arrive", "begin", "callbacks", "draws", "latest", "odd", "root", "stage", "station", "told", "up", "waiting",
    )
    _ok = True
    host = None
    callbacks: Any
    latest: int
    waiting: int

    def __init__(self, stage: Stage, root: Any, draws: Row, up: Any, station: Hall, arrive: int) -> None:
        self.stage = stage
        self.root = root
        self.draws = draws
        self.up = up
        self.station = station
        self.arrive = arrive
        self.begin = -1
        self.odd: Odd | None = None
        self.told = 0

    def go(self, at: int) -> None:
        """The present stage begins at `at` (ns, now or later)."""
        stage = self.stage
        if stage.column >= 0:
            at += self.draws[stage.column]
        if stage.branches is None:
            finish(self, at)
            return
        node = stage.node
        now = node.env.now
        if at > now:
            self.callbacks = stage.event
            node.schedule(self, REQUEST, at - now)
        else:
            stage.event[0](self)

    def joined(self) -> None:
        """All the branches of the present stage are answered at `latest`."""
        if self.odd is not None:
            self._count_slow(self.odd)
        following = self.stage.following
        assert following is not None
        self.stage = following
        self.go(self.latest)

    def _count_slow(self, odd: Odd) -> None:
        """If a branch that went by events was the last to be answered, its times are those of the stage."""
        branch, odd.slow = odd.slow, None
        if branch is not None and branch.due == self.latest:
            odd.net += branch.net - 2 * self.stage.node.there
            odd.back += branch.back

    # -- what goes wrong ------------------------------------------------------------------

    def oddity(self) -> Odd:
        """Where to keep what few requests have."""
        if self.odd is None:
            self.odd = Odd(0)
        return self.odd

    def by_events(self, op: LeafCallOp, context: int, how: int) -> None:
        """A call to a leaf whose first try fails goes on as a frame of its own."""
        self.waiting += 1
        op.count_failing(self.root)
        branch = Frame((op,), self.stage.site, context, self, self)  # type: ignore[arg-type]
        op.later(branch, None, how)

    def child_ended(self, branch: Frame, result: int) -> None:
        """A branch that went by events is through."""
        if self.waiting > OVER:
            return
        if result != DONE:
            self.fail(branch.cause, branch)
            return
        now = self.stage.node.env.now
        if now >= self.latest:
            self.latest = branch.due = now
            self.oddity().slow = branch
        self.waiting -= 1
        if not self.waiting:
            self.joined()

    def fail(self, cause: int, branch: Frame | None) -> None:
        """A branch failed, and so does the request."""
        stage, odd = self.stage, self.oddity()
        node = stage.node
        now = node.env.now
        self.waiting = NEVER
        odd.net += 2 * node.there * stage.index - node.net + (branch.net if branch is not None else 2 * node.there)
        odd.back += branch.back if branch is not None else 0
        record(self, now, ERROR, self.own_time())
        self.station.leave(now)
        self.up.failing(self, cause)

    def own_time(self) -> int:
        """Own time (ns) up to the present stage."""
        stages = self.stage.node.stages[: self.stage.index + 1]
        return sum(self.draws[s.column] for s in stages if s.column >= 0)

    def failing(self, child: Visit, cause: int) -> None:
        """The answer of a branch that failed just now is on its way."""
        tell_failure(self, child, cause)

    def failed(self, child: Visit, cause: int) -> None:
        """A branch's failure is here."""
        count_failure(child)
        if self.waiting < OVER:
            self.fail(cause, None)


def tell_failure(up: Any, child: Visit, cause: int) -> None:
    """A request failed just now: `up` hears of it one hop later."""
    node = child.stage.node
    node.engine.after(node.there, _failed, (up, child, cause))


def _failed(told: tuple[Any, Visit, int]) -> None:
    up, child, cause = told
    up.failed(child, cause)


def count_failure(visit: Visit) -> None:
    """A call to an inner service has failed: its edge took it for a success when it was sent."""
    edge, measured = visit.stage.node.edge, visit.root.measured
    edge.failed_tries += 1
    edge.failed_calls += 1
    edge.try_outcomes[ERROR] += measured
    edge.call_outcomes[ERROR] += measured
    edge.counted_late -= measured


# -- sending ------------------------------------------------------------------------------------


def send(visit: Visit) -> None:
    """The branches of the present stage are sent, now."""
    stage = visit.stage
    node = stage.node
    now = node.env.now
    there = node.there
    arrive = now + there
    root, draws, rows, visits = visit.root, visit.draws, node.leaf_rows, node.visits
    source, arrival = root.source, root.arrival
    context = stage.context(visit.odd.context) if visit.odd is not None else 0
    schedule = node.schedule
    latest = visit.latest = 0
    visit.waiting = stage.inner + 1  # one more, so that nothing joins before all are sent
    for child, column, pick, call, timeout, op in stage.branches:
        number, station = pick()
        if child is not None:
            visits[new := Visit(child, root, draws, visit, station, arrive)] = None
            if context:
                new.odd = Odd(context_of(context, 0, 0))
            if station.free:
                station.free -= 1
                new.begin = arrive
            elif not station.admit(new):
                continue
            at = arrive + draws[child.column] if child.column >= 0 else arrive
            if at > now and child.branches is not None:  # the common case of `go`, in place
                new.callbacks = child.event
                schedule(new, REQUEST, at - now)
            else:
                new.go(arrive)
            continue
        work = draws[column]
        free = station.free_at
        if free and free[0] <= arrive:  # the common case of `admit`, in place
            end = arrive + work
            heapreplace(free, end)
            rows += leaf_row(call, number, source, arrival, arrive, 0, work)
        else:
            start = station.admit(arrive, work)
            wait = start - arrive if start >= 0 else -1
            rows += leaf_row(call, number, source, arrival, arrive, wait, work)
            if start < 0:
                visit.by_events(op, context, REFUSED)
                continue
            end = start + work
        if end + there - now > timeout:
            visit.by_events(op, context, LATE)
        elif end > latest:
            latest = end
    if latest and latest + there > visit.latest:
        visit.latest = latest + there
    visit.waiting -= 1
    if not visit.waiting:
        visit.joined()


def send_one(visit: Visit) -> None:
    """As `send`, where the present stage is one call to a leaf."""
    stage = visit.stage
    node = stage.node
    now = node.env.now
    arrive = now + node.there
    root = visit.root
    _, column, pick, call, timeout, op = stage.branches[0]
    number, station = pick()
    work = visit.draws[column]
    start = station.admit(arrive, work)
    wait = start - arrive if start >= 0 else -1
    node.leaf_rows += leaf_row(call, number, root.source, root.arrival, arrive, wait, work)
    answer = start + work + node.there
    if start < 0 or answer - now > timeout:
        visit.waiting = visit.latest = 0
        context = visit.odd.context if visit.odd is not None else 0
        visit.by_events(op, context, REFUSED if start < 0 else LATE)
        return
    visit.stage = stage = stage.following
    if stage.column >= 0:
        answer += visit.draws[stage.column]
    if stage.branches is None:
        finish(visit, answer)
    elif answer > now:
        visit.callbacks = stage.event
        node.schedule(visit, REQUEST, answer - now)
    else:
        stage.event[0](visit)


SEND, SEND_ONE = (send,), (send_one,)


# -- ending ---------------------------------------------------------------------------------------


def finish(visit: Visit, end: int) -> None:
    """The end of a request is known, and with it perhaps that of its caller, and so on upwards."""
    while True:
        node = visit.stage.node
        record(visit, end, 0, visit.draws[node.own] if node.own >= 0 else 0)
        station = visit.station
        if station.limited:
            if station.queue:
                station.leave(end)
            else:
                heappush(station.ends, end)
        up = visit.up
        if up.__class__ is not Visit:
            up.answered(visit, end)
            return
        answer = end + node.there
        if answer > up.latest:
            up.latest = answer
        up.waiting -= 1
        if up.waiting:
            return
        following = up.stage.following
        if following.branches is not None or up.odd is not None:
            up.joined()
            return
        up.stage = following
        visit, end = up, up.latest
        if following.column >= 0:
            end += visit.draws[following.column]


def record(visit: Visit, end: int, outcome: int, own: int) -> None:
    """The row of a request whose end is known."""
    node, root, odd = visit.stage.node, visit.root, visit.odd
    del node.visits[visit]
    net, back = (node.net, 0) if odd is None else (node.net + odd.net, odd.back)
    node.inner_rows += inner_row(
        node.call, visit.station.number, root.source, root.arrival, root.number, visit.arrive,
        visit.begin - visit.arrive, end, outcome, own, net, back, visit.told,
    )
