"""What sagas are under way, and which are stuck: somebody has to look at those."""

from __future__ import annotations

from typing import Any

from msforge.runtime.database import Database

COLUMNS = ("id", "replica", "saga", "number", "parts", "reached", "state", "cause")


class SagaLog:
    """A durable record in the service's database. A saga that ended, done or undone, leaves no row; a stuck one does.

    `reached` is how many parts are done; of a stuck one, the part whose undo failed, counted from 0. `state` is
    running, undoing, stuck, or interrupted (its replica died in the middle of it).
    """

    def __init__(self, database: Database, replica: int) -> None:
        self.database = database
        self.replica = replica

    async def recover(self) -> None:
        """Mark what this replica left in the middle when it died."""
        await self._do("UPDATE msforge_sagas SET state = 'interrupted' WHERE replica = ? AND state IN "
                       "('running', 'undoing')", self.replica)

    async def begin(self, saga: str, number: int, parts: int) -> int:
        """A saga of so many parts begins; its id."""
        ((id,),) = await self._do(
            "INSERT INTO msforge_sagas (replica, saga, number, parts, reached, state, cause) "
            "VALUES (?, ?, ?, ?, 0, 'running', '') RETURNING id", self.replica, saga, number, parts)
        return int(id)

    async def reached(self, id: int, part: int) -> None:
        """A part, counted from 0, is done."""
        await self._do("UPDATE msforge_sagas SET reached = ? WHERE id = ?", part + 1, id)

    async def undoing(self, id: int, cause: str) -> None:
        """A part failed: what was done is being undone."""
        await self._do("UPDATE msforge_sagas SET state = 'undoing', cause = ? WHERE id = ?", cause, id)

    async def stuck(self, id: int, part: int, cause: str) -> None:
        """The undo of a part failed for good."""
        await self._do("UPDATE msforge_sagas SET state = 'stuck', reached = ?, cause = ? WHERE id = ?", part, cause, id)

    async def end(self, id: int) -> None:
        """It is done, or undone as far as that went."""
        await self._do("DELETE FROM msforge_sagas WHERE id = ? AND state <> 'stuck'", id)

    async def pending(self) -> list[dict[str, Any]]:
        """All that have not ended well, the oldest first."""
        rows = await self._do(f"SELECT {', '.join(COLUMNS)} FROM msforge_sagas ORDER BY id")
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    async def _do(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        async with self.database.transaction() as db:
            return await self.database.execute(db, sql, parameters)
