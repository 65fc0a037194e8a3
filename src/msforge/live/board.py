"""The faults that are on in a running system: who set them, whom they hit, when they end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from msforge.errors import UsageError
from msforge.live.changes import Changes
from msforge.live.faults import CLIENTS_NAME, Plain, changes_of, chosen, runtime_fault
from msforge.live.fleet import READY, Fleet, Place
from msforge.live.rollout import Rollouts


@dataclass(slots=True)
class Active:
    """A fault that is on. `until` is in seconds of the monotonic clock, None for as long as nobody clears it."""

    number: str
    fault: Plain
    hit: list[Place]
    until: float | None
    ending: asyncio.Task[None] | None = None

    def plain(self) -> Plain:
        """As the control API shows it. `left` is in seconds."""
        left = None if self.until is None else max(0.0, self.until - time.monotonic())
        return {
            "id": self.number, "label": self.fault["label"], "kind": self.fault["kind"], "left": left,
            "replicas": [place.name for place in self.hit], "fault": self.fault,
        }


class Board:
    """Switches faults on and off, and gives a replica that comes back those it must have."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.active: dict[str, Active] = {}
        self.changes = Changes(fleet)
        self.rollouts = Rollouts(fleet, self.changes)
        self.server_of: Callable[[str], str] = lambda name: ""
        """The server that a store or channel is on, "" for an embedded one: faults of parts reach only those."""
        self._count = 0
        fleet.faults_of = self._of

    async def set(self, fault: Plain) -> str:
        """Switch a fault on and return its id. Raises UsageError when it doesn't fit the system."""
        hit = self._hit(fault)
        self._refuse_on_servers(fault)
        if fault["kind"] == "change":
            await self.changes.apply(changes_of(fault))
        if fault["kind"] == "deploy":
            self.rollouts.begin(fault)
        self._count += 1
        number = f"f{self._count}"
        duration = fault.get("for")
        seconds = None if duration is None else self.fleet.seconds(int(duration))
        active = Active(number, fault, hit, None if seconds is None else time.monotonic() + seconds)
        self.active[number] = active
        self.fleet.tell(f"fault {number}: {fault['label']}")
        if fault["kind"] == "deploy":
            self.fleet.spawn(self._deploy(number, fault))
            return number
        await self._strike(active)
        if seconds is not None:
            active.ending = asyncio.get_running_loop().create_task(self._end(number, seconds))
        return number

    def _refuse_on_servers(self, fault: Plain) -> None:
        """Raises UsageError for a fault of a part that stands on a server: nothing here reaches that."""
        active = Active("", fault, [], None)
        out_of_reach = {
            name: server for told in (*self._parts_faults(active), *self._broker_faults(active))
            if (name := told.get("store") or told["channel"]) and (server := self.server_of(name))
        }
        if out_of_reach and fault["kind"] == "zone":  # its replicas die all the same
            self.fleet.tell(f"{', '.join(out_of_reach)}: on a server of its own, which stays up")
        elif out_of_reach:
            [(name, server)] = out_of_reach.items()
            raise UsageError(
                f"{name} is on {server}: `{fault['label']}` does not reach it there",
                hint=f"stop {server} itself (`msforge ps` shows its process), or bring the system up without it",
            )

    async def _end(self, number: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        active = self.active.get(number)
        if active is not None:
            active.ending = None
            await self.clear(number)

    async def _deploy(self, number: str, fault: Plain) -> None:
        await self.rollouts.run(fault)
        del self.active[number]
        self.fleet.tell(f"fault {number} is over: {fault['label']}")

    async def clear(self, number: str) -> None:
        """Switch one off. Raises UsageError when it isn't on, or can't be."""
        if number in self.active and self.active[number].fault["kind"] == "deploy":
            raise UsageError(f"{number} is a deployment: it goes on to its end", hint="deploy again to change it back")
        active = self.active.pop(number, None)
        if active is None:
            on = ", ".join(self.active) or "none"
            raise UsageError(f"there is no fault {number}", hint=f"on are: {on}; `msforge fault list` shows them")
        if active.ending is not None:
            active.ending.cancel()
        self.fleet.tell(f"fault {number} is over: {active.fault['label']}")
        await self._undo(active)

    async def clear_all(self) -> list[str]:
        """Switch all off that can be; their ids."""
        numbers = []
        for number in list(self.active):
            with contextlib.suppress(UsageError):
                await self.clear(number)
                numbers.append(number)
        return numbers

    # -- whom -------------------------------------------------------------------------------------

    def _hit(self, fault: Plain) -> list[Place]:
        kind = fault["kind"]
        self._known(fault)
        if kind in ("change", "deploy"):
            return []
        if kind == "zone":
            zone = self.fleet.system.zones.index(fault["zone"])
            return [place for place in self.fleet.all() if place.zone == zone]
        if kind in ("cut", "delay", "drop"):
            return self._at_link(fault)
        if fault["store"] is not None:
            return self.fleet.all() if kind != "pause" else []
        standing = self.fleet.places[fault["service"]]
        if fault.get("drawn") is not None:
            return chosen(standing, fault["drawn"])
        places = {place.ordinal: place for place in standing}
        ordinals = places if fault["replicas"] is None else fault["replicas"]
        return [places[ordinal] for ordinal in ordinals if ordinal in places]  # in the order they were drawn

    def _at_link(self, fault: Plain) -> list[Place]:
        """A link's fault stands at the caller; what clients do is `msforge load`'s affair."""
        if fault["caller"] == CLIENTS_NAME or fault["caller"] is None:
            return []
        return list(self.fleet.places[fault["caller"]])

    def _known(self, fault: Plain) -> None:
        system = self.fleet.system
        known = {
            "service": {s.name for s in system.services}, "callee": {s.name for s in system.services},
            "caller": {CLIENTS_NAME, *(s.name for s in system.services)}, "store": {s.name for s in system.stores},
            "callee_store": {s.name for s in system.stores}, "channel": {c.name for c in system.channels},
            "zone": set(system.zones),
        }
        for key, names in known.items():
            if fault.get(key) is not None and fault[key] not in names:
                raise UsageError(
                    f"fault `{fault['label']}`: no {key.removeprefix('callee_')} {fault[key]} runs here",
                    hint=f"there are: {', '.join(sorted(names)) or 'none'}",
                )

    # -- what -------------------------------------------------------------------------------------

    async def _strike(self, active: Active) -> None:
        fault = active.fault
        for told in self._broker_faults(active):  # one that is out of order gives nothing to those that die with it
            await self.fleet.backend.part_fault(told)
        if fault["kind"] in ("crash", "zone"):
            for place in active.hit:
                self.fleet.crash(place)
        for told in self._parts_faults(active):
            await self.fleet.backend.part_fault(told)
        if _at_replicas(fault):
            told = runtime_fault(fault, active.number)
            await asyncio.gather(*(p.unit.set_fault(told) for p in active.hit if p.state == READY))

    async def _undo(self, active: Active) -> None:
        fault = active.fault
        if fault["kind"] == "change":
            await self.changes.withdraw(changes_of(fault))
        if fault["kind"] in ("crash", "zone"):
            for place in active.hit:
                self.fleet.come_back(place)
        for told in (*self._parts_faults(active), *self._broker_faults(active)):
            await self.fleet.backend.part_clear(told["id"])
        if _at_replicas(fault):
            await asyncio.gather(*(p.unit.clear_fault(active.number) for p in active.hit if p.state == READY))

    def _broker_faults(self, active: Active) -> list[Plain]:
        """Which channels' brokers are out of order."""
        if active.fault["kind"] != "zone":
            return []
        zone = self.fleet.system.zones.index(active.fault["zone"])
        return [
            {"id": f"{active.number}/channel/{channel.name}", "kind": "crash", "channel": channel.name}
            for channel in self.fleet.system.channels if channel.zone == zone
        ]

    def _parts_faults(self, active: Active) -> list[Plain]:
        """What stores and brokers are told."""
        fault, number = active.fault, active.number
        system = self.fleet.system
        if fault["kind"] == "zone":
            zone = system.zones.index(fault["zone"])
            return [
                {"id": f"{number}/store/{store.name}", "kind": "crash", "store": store.name}
                for store in system.stores if store.zone == zone
            ]
        if fault["kind"] == "pause" and fault["store"] is not None:
            return [{"id": number, "kind": "pause", "store": fault["store"]}]
        if fault["kind"] == "cut" and fault["caller"] is None:
            return [{"id": number, "kind": "cut", "channel": fault["channel"], "service": fault["callee"]}]
        return []

    def _of(self, place: Place) -> list[Mapping[str, Any]]:
        for active in self.active.values():  # one that came later is slow and cut off as the others are
            if _for_all(active.fault) and place not in active.hit and place in self._hit(active.fault):
                active.hit.append(place)
        return [
            runtime_fault(active.fault, number) for number, active in self.active.items()
            if place in active.hit and _at_replicas(active.fault)
        ]


def _for_all(fault: Plain) -> bool:
    """Whether it holds for replicas that come while it is on."""
    return fault["kind"] in LASTING and fault["replicas"] is None and fault.get("drawn") is None


LASTING: Final = ("slow", "fail", "cut", "delay", "drop")
"""Faults that are a service's, or a link's, and no replica's."""


def _at_replicas(fault: Plain) -> bool:
    """Whether it is switched on in replicas."""
    return fault["kind"] not in ("crash", "zone", "change")
