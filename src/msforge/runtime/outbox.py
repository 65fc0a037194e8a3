"""The transactional outbox: data and message are committed together, and a relay hands the message over later.

A message is never lost between the two. It may come twice, with the same id, when the relay dies between handing it
over and crossing it out.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from msforge.runtime.failures import OK
from msforge.runtime.place import HERE

if TYPE_CHECKING:
    from msforge.runtime.flow import Flow
    from msforge.runtime.plan import Channel
    from msforge.runtime.replica import Replica


class Outbox:
    """The outbox of a replica, in the service's database. The relay looks at the multiples of `relay` ns."""

    def __init__(self, replica: Replica, parts: Any) -> None:
        self.replica = replica
        self.parts = parts
        self.tasks: set[asyncio.Task[None]] = set()
        self.hurry = asyncio.Event()

    async def start(self) -> None:
        """Go on with what was left before."""
        rows = self.replica.stores.database.connection.execute(
            "SELECT id, channel, message, due, takes, relay FROM msforge_outbox WHERE replica = ? ORDER BY id",
            (self.replica.ordinal,)).fetchall()
        now = self.replica.clock.now()
        for row, channel, message, due, takes, relay in rows:
            due = min(due, now + relay)  # the clock of another run may have been ahead
            self._relay_later(row, channel, json.loads(message), due, takes, relay)

    async def stop(self) -> None:
        """Hand over what is left, without waiting for the relay's next look."""
        self.hurry.set()
        while self.tasks:
            await asyncio.gather(*self.tasks, return_exceptions=True)

    def crash(self) -> None:
        """The relay dies; what it had not handed over stays in the database."""
        for task in self.tasks:
            task.cancel()
        self.tasks.clear()

    async def put(self, flow: Flow, channel: Channel, message: dict[str, Any], takes: int) -> None:
        """Commit a message together with what its flow has written. `takes`: ns until the broker will have it."""
        stores = self.replica.stores
        now, relay = self.replica.clock.now(), channel.relay
        due = now + (relay - now % relay if relay > 0 else 0)
        async with stores.database.transaction() as db:
            stores.insert(db, stores.units.get(flow, []))
            row = db.execute(
                "INSERT INTO msforge_outbox (replica, channel, message, due, takes, relay) VALUES (?, ?, ?, ?, ?, ?)",
                (self.replica.ordinal, channel.name, json.dumps(message), due, takes, relay)).lastrowid
        stores.units.pop(flow, None)
        self._relay_later(row or 0, channel.name, message, due, takes, relay)

    def _relay_later(
        self, row: int, channel: str, message: dict[str, Any], due: int, takes: int, relay: int
    ) -> None:
        task = asyncio.get_running_loop().create_task(self._relay(row, channel, message, due, takes, relay))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _relay(self, row: int, channel: str, message: dict[str, Any], due: int, takes: int, relay: int) -> None:
        """Hand a message over when it is due; a refusal is tried again at the relay's next look."""
        await self._wait(due - self.replica.clock.now())
        faults = self.replica.faults
        here = HERE.get(None)  # the publisher's place, unless an earlier run of this replica left the message
        extra = faults.extra("channel", channel) if faults.links and here is not None else 0
        await self.replica.clock.sleep(takes + extra)
        looks = 0
        while not self._passes(channel, looks, here is not None) or await self.parts.publish(channel, message) != OK:
            if self.hurry.is_set():
                return  # it stays for the next start
            looks += 1
            await self._wait(max(relay, 1))
        async with self.replica.stores.database.transaction() as db:
            db.execute("DELETE FROM msforge_outbox WHERE id = ?", (row,))

    def _passes(self, channel: str, looks: int, drawn: bool) -> bool:
        """Whether the relay reaches the broker; what is dropped once passes the next time."""
        faults = self.replica.faults
        if not faults.links:
            return True
        cut = any(fault.kind == "cut" and fault.link == ("channel", channel) for fault in faults.links)
        return not cut and (looks > 0 or not drawn or faults.reaches("channel", channel))

    async def _wait(self, ns: int) -> None:
        """Wait, unless the replica stops meanwhile."""
        if ns <= 0 or self.hurry.is_set():
            return
        hurry = asyncio.ensure_future(self.hurry.wait())
        try:
            await asyncio.wait((hurry,), timeout=self.replica.clock.seconds(ns))
        finally:
            hurry.cancel()
