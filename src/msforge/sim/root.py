"""A root request: a call whose caller is a client outside the system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.sim.calls import Call

if TYPE_CHECKING:
    from msforge.sim.client import Client, ClientCallOp
    from msforge.sim.request import Request
    from msforge.sim.streams import Site


class RootCall(Call):
    """A request of a traffic source, and the root of all that follows from it."""

    __slots__ = ("arrival", "backed", "client", "journey", "last", "measured", "number", "source", "traced")
    op: ClientCallOp

    def __init__(self, client: Client, op: ClientCallOp, number: int, arrival: int, site: Site, journey: Any) -> None:
        super().__init__(op, None, self, site, 0)
        self.client = client
        self.source = client.index
        self.number = number
        self.arrival = arrival
        self.journey = journey
        self.measured = client.warmup <= arrival < client.measured_to
        self.traced = client.traced is not None and number in client.traced
        self.backed = 0
        self.last: Request | None = None

    def waited(self, delay: int) -> None:
        """Count a backoff as the client's."""
        self.backed += delay

    def answered_ahead(self, request: Request, back: int) -> bool:
        """An answer that nothing can stop on its way back needs no event. False: it does."""
        if self.journey is not None or self.op.timer is not None or self.op.guarded:
            return False
        request.call = None
        if request.balancer is not None:
            request.balancer.settled(request)
        self.client.answered_ahead(self, request, back)
        return True

    def failed_with(self, request: Request) -> None:
        """Keep it: it says where the time went."""
        self.last = request

    def finish(self, result: int, outcome: int, cause: int, request: Request | None) -> None:
        """The client has its answer, or gave up."""
        self.client.finished(self, outcome, cause, request or self.last)
