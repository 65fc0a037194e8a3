"""Changes of a running system: the file's `change`s in force, and what a version being deployed changes.

They are laid one after another over the description that was generated, as the simulation lays them (`model.variants`):
the later wins, and when one ends the rest are laid anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from msforge.live.faults import without
from msforge.live.fleet import READY, Fleet, Place
from msforge.live.parts import adopt_parts
from msforge.model.plan import System
from msforge.scaffold.numbers import check, guards_of, numbers_of

Change = tuple[str, Any]


class Changes:
    """What is changed now. A replica that comes up is given its numbers by `numbers`."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.base = fleet.system
        self.in_force: list[Change] = []
        self.deploying: dict[str, tuple[Change, ...]] = {}  # by service: what its coming version changes besides
        self.gone: list[Any] = []
        self._turn = asyncio.Lock()
        self._ever = False
        fleet.numbers_of = self.numbers

    async def apply(self, changes: Sequence[Change]) -> None:
        """They are in force from now on. Raises InvalidFileError or UsageError when they do not fit; nothing is
        changed then.
        """
        await self._adopt([*self.in_force, *changes])

    async def withdraw(self, changes: Sequence[Change]) -> None:
        """They are in force no more."""
        await self._adopt(without(self.in_force, changes))

    def begin_deploy(self, service: str, changes: tuple[Change, ...]) -> None:
        """A version of a service is on its way that changes this. Raises as `apply` does."""
        check(self.base, self._laid([*self.in_force, *changes]))
        for place in self.fleet.places[service]:
            place.ahead = False
        self.deploying[service] = changes
        self._ever = self._ever or bool(changes)

    async def end_deploy(self, service: str) -> None:
        """It is there: what it changes is the plan from now on."""
        changes = self.deploying.pop(service)
        if changes:
            await self._adopt([*self.in_force, *changes])

    def plan_of(self, place: Place) -> System:
        """The plan that a replica lives by: its version's."""
        coming = self.deploying.get(place.service.name, ())
        return self._laid([*self.in_force, *coming] if place.ahead else self.in_force)

    def numbers(self, place: Place) -> dict[str, Any]:
        """What a replica is told of that; empty while nothing has ever changed."""
        if not self._ever:
            return {}
        return numbers_of(self.base, self.plan_of(place), place.service.index, self.gone)

    def _laid(self, changes: Sequence[Change]) -> System:
        return self.base.variant(tuple(changes)) if changes else self.base

    async def _adopt(self, changes: list[Change]) -> None:
        now = self._laid(changes)
        check(self.base, now)
        async with self._turn:
            before = self.fleet.system
            self.in_force = changes
            self.gone = sorted(guards_of(before) - guards_of(now), key=repr)
            self._ever = True
            await self.fleet.adopt(now)
            backend = self.fleet.backend
            adopt_parts(backend.parts, now)
            for service in now.services:
                backend.shared[service.name].turn_to(service.balance)
            ready = [place for place in self.fleet.all() if place.state == READY]
            await asyncio.gather(*(place.unit.set_numbers(self.numbers(place)) for place in ready))
            for service in now.services:
                if service.replicas != before.services[service.index].replicas and service.function is None:
                    self.fleet.resize(service.name, service.replicas, "change")
