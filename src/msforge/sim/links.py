"""The network between callers and callees: zones, and links that are cut, slow or lossy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.model.plan import Fault
from msforge.policies.distributions import Dist

if TYPE_CHECKING:
    from msforge.sim.calls import Call
    from msforge.sim.engine import Engine
    from msforge.sim.kernel import Frame
    from msforge.sim.request import Request

CLIENTS = -2
LOST = -1
ZONE_THERE, ZONE_BACK = -8, -9  # slots of draws


class LinkFault:
    """An active cut, delay or drop."""

    __slots__ = ("add", "back_slot", "fault", "kind", "occurrence", "rate", "slot")

    def __init__(self, engine: Engine, fault: Fault, occurrence: int) -> None:
        self.fault = fault
        self.kind = fault.kind
        self.add = fault.add
        self.rate = fault.rate
        self.occurrence = occurrence
        self.slot = engine.next_slot()
        self.back_slot = engine.next_slot()


class Links:
    """`special` is true while a hop can cost more than the plain network latency."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.active: list[LinkFault] = []
        self.zones = False
        self.zone_latency: Dist | None = None
        self.bytes = 0
        self.special = False
        self.settle()

    def settle(self) -> None:
        """Decide anew whether hops are special."""
        system = self.engine.system
        self.zones = len(system.zones) > 1
        self.zone_latency = system.network.zone_latency
        self.special = bool(self.active) or self.zones

    def add(self, fault: LinkFault) -> None:
        """A link fault begins."""
        self.active.append(fault)
        self.settle()

    def remove(self, fault: LinkFault) -> None:
        """A link fault ends."""
        self.active.remove(fault)
        self.settle()
        if fault.fault.channel >= 0:
            self.engine.channels[fault.fault.channel].link_changed()

    def _matches(self, link: LinkFault, caller: int, callee: int) -> bool:
        fault = link.fault
        return fault.callee == callee and fault.caller == caller and fault.channel < 0

    def there(self, request: Request, call: Call, latency: int) -> int:
        """Latency (ns) of a request on its way; LOST when it never arrives."""
        frame = call.frame
        host = frame.host if frame is not None else None
        caller = host.replica.service.index if host is not None else CLIENTS
        if self.zones and host is not None:
            latency += self._zone(request, host.replica.zone, ZONE_THERE)
        for link in self.active:
            if not self._matches(link, caller, call.op.service.index):
                continue
            if link.kind == "cut":
                return LOST
            if link.kind == "drop" and self._draw(link, request, "drop", None) < link.rate:
                return LOST
            if link.kind == "delay" and link.add is not None:
                latency += self._draw(link, request, "delay", link.add)
        return latency

    def back(self, request: Request, latency: int) -> int:
        """Latency (ns) of an answer; LOST when it never arrives."""
        call = request.call
        frame = call.frame if call is not None else None
        host = frame.host if frame is not None else None
        caller = host.replica.service.index if host is not None else CLIENTS
        if self.zones and host is not None:
            latency += self._zone(request, host.replica.zone, ZONE_BACK)
        for link in self.active:
            if not self._matches(link, caller, request.replica.service.index):
                continue
            if link.kind == "cut" or (link.kind == "drop" and self._draw_back(link, request, "drop", None) < link.rate):
                return LOST
            if link.kind == "delay" and link.add is not None:
                latency += self._draw_back(link, request, "delay", link.add)
        return latency

    def _zone(self, request: Request, zone: int, slot: int) -> int:
        other = request.replica.zone
        if zone < 0 or other < 0 or zone == other:
            return 0
        self.bytes += self.engine.system.network.message_bytes
        if self.zone_latency is None:
            return 0
        word = "zone there" if slot == ZONE_THERE else "zone back"
        value: int = request.site.draw(slot, word, "time", self.zone_latency, request.root.number, request.context)
        return value

    def _draw(self, link: LinkFault, request: Request, purpose: str, dist: Dist | None) -> Any:
        word = f"fault {link.fault.word} {link.occurrence}"
        return request.site.draw(link.slot, word, purpose, dist, request.root.number, request.context)

    def _draw_back(self, link: LinkFault, request: Request, purpose: str, dist: Dist | None) -> Any:
        word = f"fault {link.fault.word} {link.occurrence} back"
        return request.site.draw(link.back_slot, word, purpose, dist, request.root.number, request.context)

    def reachable(self, frame: Frame, *, store: int = -1, channel: int = -1) -> bool:
        """Whether the frame's service reaches a store or a channel's broker now."""
        return not any(self._loses(link, frame) for link in self._towards(frame, store, channel))

    def cut(self, frame: Frame, channel: int) -> bool:
        """Whether nothing at all passes from the frame's service to a channel's broker."""
        return any(link.kind == "cut" for link in self._towards(frame, -1, channel))

    def _towards(self, frame: Frame, store: int, channel: int) -> list[LinkFault]:
        """The active faults between a frame's service and a store or a channel."""
        caller = frame.host.replica.service.index
        return [
            link for link in self.active
            if link.fault.caller == caller and (
                (store >= 0 and link.fault.callee_store == store)
                or (channel >= 0 and link.fault.channel == channel and link.fault.callee < 0)
            )
        ]

    def _loses(self, link: LinkFault, frame: Frame) -> bool:
        if link.kind != "drop":
            return link.kind == "cut"
        word = f"fault {link.fault.word} {link.occurrence}"
        u: float = frame.site.draw(link.slot, word, "drop", None, frame.root.number, frame.context)
        return u < link.rate

    def extra(self, frame: Frame, *, store: int = -1, channel: int = -1) -> int:
        """Additional latency (ns) from a frame's service to a store or a channel's broker."""
        extra = 0
        for link in self._towards(frame, store, channel):
            if link.kind == "delay" and link.add is not None:
                word = f"fault {link.fault.word} {link.occurrence}"
                extra += frame.site.draw(link.slot, word, "delay", link.add, frame.root.number, frame.context)
        return extra

    def delivers(self, channel: int, service: int) -> bool:
        """Whether a channel's broker reaches a consuming service now."""
        return not any(
            link.kind == "cut" and link.fault.channel == channel and link.fault.callee == service
            for link in self.active
        )
