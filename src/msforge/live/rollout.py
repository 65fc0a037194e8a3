"""Deployments of a running system: its replicas are replaced as the simulation does it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from msforge.errors import UsageError
from msforge.live.changes import Changes
from msforge.live.faults import changes_of
from msforge.live.fleet import Fleet, Place
from msforge.policies.rollout import GRACE, batches


class Rollouts:
    """The deployments under way, one a service at most."""

    def __init__(self, fleet: Fleet, changes: Changes) -> None:
        self.fleet = fleet
        self.changes = changes
        self.versions: dict[str, int] = {}

    def begin(self, fault: Mapping[str, Any]) -> None:
        """Have a version on its way. Raises UsageError or InvalidFileError when it cannot be: nothing has changed."""
        name = fault["service"]
        if name in self.changes.deploying:
            raise UsageError(f"a deployment of {name} is under way", hint="`msforge ps` shows when it is done")
        self.changes.begin_deploy(name, changes_of(fault))
        self.versions[name] = self.versions.get(name, 1) + 1

    async def run(self, fault: Mapping[str, Any]) -> None:
        """Replace the replicas of what has begun; returns once all are of the new version."""
        name, fleet = fault["service"], self.fleet
        version = self.versions[name]
        fleet.tell(f"{name}: version {version} begins")
        canary, rest = batches(fleet.staying(name), fault["max_unavailable"], fault["canary"])
        for batch in canary:
            await self._replace(name, batch)
        if canary:
            fleet.tell(f"{name}: the canary of version {version} runs")
            await asyncio.sleep(fleet.seconds(fault["canary_for"]))
        for batch in rest:
            await self._replace(name, batch)
        await self.changes.end_deploy(name)
        fleet.tell(f"{name}: version {version} is there")

    async def _replace(self, name: str, batch: list[Place]) -> None:
        """Take these out, each when it has finished what it has, and start as many of the new version."""
        fleet = self.fleet
        if fleet.service(name).function is not None:  # new instances are of the new version at once, old ones finish
            await fleet.join(name, ahead=True)
            for place in batch:
                fleet.leave(place)
            return
        await asyncio.gather(*(fleet.retire(place, fleet.seconds(GRACE)) for place in batch))
        await asyncio.gather(*(fleet.join(name, ahead=True) for _ in batch))
