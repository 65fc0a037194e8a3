"""A request at a service: what it is, and how it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.sim.kernel import Frame

if TYPE_CHECKING:
    from msforge.sim.calls import Call
    from msforge.sim.replica import Replica
    from msforge.sim.root import RootCall
    from msforge.sim.streams import Site

SENT, QUEUED, RUNNING, ENDED = range(4)  # states of a request


class Request(Frame):
    """One try of a call, from the moment it is sent; also the frame of its steps at the callee.

    `call` is who waits for the answer, None once the answer is in or the caller gave up.
    `wire` is the time (ns) it spent on the network, `begin` when it got a thread (-1 before).
    `message` is set when this is the delivery of a message to a consumer.
    """

    __slots__ = (
        "arrive", "balancer", "begin", "body", "call", "deadline", "degraded", "doom", "local", "message", "priority",
        "replica", "state", "stopping", "wire",
    )

    arrive: int

    def __init__(
        self, ops: Any, site: Site, context: int, root: RootCall, call: Call | None, body: int, replica: Replica
    ) -> None:
        self.callbacks: Any = None
        self.ops = ops
        self.pc = 0
        self.site = site
        self.context = context
        self.root = root
        self.host = self
        self.child: Any = None
        self.own = 0
        self.store = 0
        self.net = 0
        self.back = 0
        self.outcome = 0
        self.cause = -1
        self.call = call
        self.body = body
        self.replica = replica
        self.begin = -1
        self.wire = 0
        self.state = SENT
        self.deadline = -1
        self.degraded = 0
        self.doom: Any = None
        self.local = False
        self.message: Any = None
        self.stopping = -1
        self.balancer: Any = None
        self.priority = 1

    def ended(self, result: int) -> None:
        """Its steps are over: the replica gives its thread to the next and answers."""
        self.replica.end(self, result)


def _arrived(request: Request) -> None:
    request.replica.arrive(request)


def _answered(request: Request) -> None:
    call = request.call
    if call is not None:
        call.answered(request)


ARRIVED = (_arrived,)
ANSWERED = (_answered,)
