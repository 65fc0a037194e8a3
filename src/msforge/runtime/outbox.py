"""The transactional outbox: data and message are committed together, and a relay hands the message over later.

A message is never lost between the two. It may come twice, with the same id, when the relay dies between handing it
over and crossing it out.
"""

from __future__ import annotations

import asyncio
import json
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from msforge.runtime.failures import ERROR, OK, RESET, StepFailed, cause_of
from msforge.runtime.migrations import StoreError
from msforge.runtime.place import HERE

if TYPE_CHECKING:
    from msforge.runtime.flow import Flow
    from msforge.runtime.plan import Channel
    from msforge.runtime.replica import Replica


TRY_AGAIN: Final = 250_000_000
"""ns between two tries to reach a database that is out of reach."""


class Outbox:
    """The outbox of a replica, in the service's database. The relay looks at the multiples of `relay` ns."""

    def __init__(self, replica: Replica, parts: Any) -> None:
        self.replica = replica
        self.parts = parts
        self.tasks: set[asyncio.Task[None]] = set()
        self.known: dict[int, str] = {}  # rows that have a relay, and the id of their message
        self.hurry = asyncio.Event()
        self._search: asyncio.Task[None] | None = None
        self._doubts = 0  # commits that may have been made though nobody heard of it
        self._crossed: set[str] = set()  # ids of messages crossed out since the search began

    async def start(self) -> None:
        """Go on with what was left before. The process before may have died while a commit of its was under way."""
        self._search_later(TRY_AGAIN)
        await self._look()

    async def _look(self) -> None:
        """Relay the rows that have no relay."""
        rows = await self._do(
            "SELECT id, channel, message, due, takes, relay FROM msforge_outbox WHERE replica = ? ORDER BY id",
            self.replica.ordinal)
        now = self.replica.clock.now()
        for row, channel, message, due, takes, relay in rows:
            content = json.loads(message)
            if content["id"] not in self._crossed:  # the row was still there as the look began
                due = min(due, now + relay)  # the clock of another run may have been ahead
                self._relay_later(row, channel, content, due, takes, relay)

    async def _do(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        database = self.replica.stores.database
        async with database.transaction() as db:
            found: list[tuple[Any, ...]] = await database.execute(db, sql, parameters)
        return found

    async def stop(self) -> None:
        """Hand over what is left, without waiting for the relay's next look."""
        self.hurry.set()
        self._stop_searching()
        while self.tasks:
            await asyncio.gather(*self.tasks, return_exceptions=True)

    def crash(self) -> None:
        """The relay dies; what it had not handed over stays in the database."""
        self._stop_searching()
        for task in self.tasks:
            task.cancel()
        self.tasks.clear()
        self.known.clear()

    def _stop_searching(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None

    async def put(self, flow: Flow, channel: Channel, message: dict[str, Any], takes: int) -> None:
        """Commit a message together with what its flow has written. `takes`: ns until the broker will have it."""
        stores = self.replica.stores
        now, relay = self.replica.clock.now(), channel.relay
        due = now + (relay - now % relay if relay > 0 else 0)
        try:
            async with stores.database.transaction() as db:
                await stores.insert(db, stores.units.get(flow, []))
                ((row,),) = await stores.database.execute(
                    db, "INSERT INTO msforge_outbox (replica, channel, message, due, takes, relay) "
                    "VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
                    (self.replica.ordinal, channel.name, json.dumps(message), due, takes, relay))
        except StoreError as problem:
            self._search_later(relay)
            self.replica.log.warning("write failed", problem=str(problem))
            raise StepFailed(ERROR, cause_of(self.replica.name, RESET)) from problem
        except BaseException:  # stopped, maybe in the middle of the commit
            self._search_later(relay)
            raise
        finally:
            stores.units.pop(flow, None)
        self._relay_later(row, channel.name, message, due, takes, relay)

    def _search_later(self, relay: int) -> None:
        """A commit may have been made that nobody heard of: look for what may be there without a relay."""
        self._doubts += 1
        if self._search is None and self.replica.up and not self.hurry.is_set():
            self._search = asyncio.get_running_loop().create_task(self._search_rows(relay), context=Context())

    async def _search_rows(self, relay: int) -> None:
        """Look until two looks in a row have succeeded after the last doubt: a commit may end in between."""
        looks = 0
        while looks < 2:
            await self._wait(max(relay, TRY_AGAIN) * (1 + 3 * looks))
            doubts = self._doubts
            try:
                await self._look()
            except Exception as problem:
                self.replica.log.warning("outbox not read", problem=str(problem))
                looks = 0
                await asyncio.sleep(0.05)
            else:
                looks = looks + 1 if doubts == self._doubts else 0
        self._search = None
        self._crossed.clear()

    def _relay_later(
        self, row: int, channel: str, message: dict[str, Any], due: int, takes: int, relay: int
    ) -> None:
        """Have a relay for a row, once: a look may find it before its own request goes on."""
        if self.known.get(row) == message["id"] or message["id"] in self._crossed:
            return
        self.known[row] = message["id"]
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
        while not self._passes(channel, looks, here is not None) or not await self._handed_over(channel, message):
            if self.hurry.is_set():
                return  # it stays for the next start
            looks += 1
            await self._wait(max(relay, 1))
        await self._cross_out(row, message["id"])

    async def _handed_over(self, channel: str, message: dict[str, Any]) -> bool:
        """Whether the broker has it. Whatever goes wrong, the relay lives on."""
        try:
            return bool(await self.parts.publish(channel, message) == OK)
        except Exception as problem:
            self.replica.log.warning("message not relayed", channel=channel, problem=repr(problem))
            return False

    async def _cross_out(self, row: int, message: str) -> None:
        while True:
            try:
                await self._do("DELETE FROM msforge_outbox WHERE id = ?", row)
            except Exception as problem:
                if self.hurry.is_set():
                    return  # it comes twice
                if not isinstance(problem, StoreError):
                    self.replica.log.warning("message not crossed out", problem=repr(problem))
                await self._wait(TRY_AGAIN)
            else:
                break
        if self._search is not None:
            self._crossed.add(message)
        if self.known.get(row) == message:  # the row's number may be another's already
            del self.known[row]

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
