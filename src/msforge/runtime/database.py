"""A service's own database: one seam, whether it is a file of SQLite's or on a server.

The SQL of the runtime's own tables is what all of them understand, with `?` for a parameter. A handler's own code gets
the driver's connection and speaks its dialect.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from msforge.runtime.migrations import StoreError
from msforge.runtime.sqlite_store import SqliteStore


class Database(Protocol):
    """A database with transactions, whose own tables and the service's migrations are there once it has started."""

    async def start(self) -> None:
        """Open it, and run the migrations that are new. Raises StoreError, and then nothing is half-done."""

    async def stop(self) -> None:
        """Close it."""

    def crash(self) -> None:
        """What was not committed is lost."""

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        """All that is done inside is kept, or, when it raises, nothing is. Gives the driver's connection."""

    async def execute(self, db: Any, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """One statement inside a transaction; its rows."""


def database_of(path: Path | None, migrations: Path | None, url: str = "") -> Database:
    """The database at `url` (postgresql://...), or a file. `path` None keeps it in memory.

    Raises StoreError when what `url` needs is not installed.
    """
    if not url:
        return SqliteStore(path, migrations)
    try:
        from msforge.runtime.postgres_store import PostgresStore
    except ImportError as problem:
        raise StoreError("PostgreSQL needs the package asyncpg: pip install asyncpg") from problem
    return PostgresStore(url, migrations)
