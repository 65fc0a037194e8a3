"""A service's own database: one SQLite file, its migrations, and transactions.

The file is the service's alone; its replicas share it. Tables whose names begin with `msforge_` belong to the runtime,
the others come from the service's numbered migrations (`0001_orders.sql`, ...). Each migration runs in a transaction of
its own: one that fails leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from msforge.runtime.migrations import (
    Migration,
    StoreError,
    ends_transaction,
    failed,
    is_new,
    migrations_in,
    refuse_strange,
)

APPLICATION: Final = 0x6D73666F
"""What marks a file as one of these ("msfo")."""
PATIENCE: Final = 5.0
"""Real seconds to wait for another process's transaction."""

OWN: Final = (
    """
    CREATE TABLE msforge_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL);
    CREATE TABLE msforge_writes (
        id INTEGER PRIMARY KEY, store TEXT NOT NULL, step TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL);
    CREATE TABLE msforge_outbox (
        id INTEGER PRIMARY KEY, replica INTEGER NOT NULL, channel TEXT NOT NULL, message TEXT NOT NULL,
        due INTEGER NOT NULL, takes INTEGER NOT NULL, relay INTEGER NOT NULL);
    CREATE TABLE msforge_sagas (
        id INTEGER PRIMARY KEY, replica INTEGER NOT NULL, saga TEXT NOT NULL, number INTEGER NOT NULL,
        parts INTEGER NOT NULL, reached INTEGER NOT NULL, state TEXT NOT NULL, cause TEXT NOT NULL);
    """,
    "CREATE TABLE msforge_applied (id INTEGER PRIMARY KEY, effect TEXT NOT NULL UNIQUE);",
)
"""The runtime's own tables, a script for each version of them."""


class SqliteStore:
    """The database. `path` None keeps it in memory. `migrations` is a folder, which need not exist."""

    def __init__(self, path: Path | None = None, migrations: Path | None = None) -> None:
        self.path = path
        self.migrations = migrations
        self._connection: sqlite3.Connection | None = None
        self._lock = asyncio.Lock()

    def open(self) -> None:
        """Open the file, or make it, and run the migrations that are new. Raises StoreError."""
        files = migrations_in(self.migrations)
        try:
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path if self.path is not None else ":memory:", timeout=PATIENCE, isolation_level=None)
        except (OSError, sqlite3.Error) as problem:
            raise StoreError(f"{self._name()}: can't be opened: {problem}") from problem
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._check(connection)
            self._own_tables(connection)
            self._migrate(connection, files)
        except sqlite3.DatabaseError as problem:
            connection.close()
            raise StoreError(f"{self._name()}: {problem}; move the file away to start afresh") from problem
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _name(self) -> str:
        return str(self.path) if self.path is not None else "the database in memory"

    def _check(self, connection: sqlite3.Connection) -> None:
        mark = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if mark != APPLICATION and (mark or tables):
            raise StoreError(f"{self._name()} is another program's database; move it away, or set another data_dir")
        if version > len(OWN):
            raise StoreError(f"{self._name()} was made by a newer version of this service; update the service, or move "
                             "the file away to start afresh")

    def _own_tables(self, connection: sqlite3.Connection) -> None:
        with _transaction(connection):
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            for script in OWN[version:]:
                for _, statement in statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(OWN)}")

    def _migrate(self, connection: sqlite3.Connection, files: list[Migration]) -> None:
        refuse_strange(_applied(connection), files, self.migrations, self._name())
        for migration in files:
            with _transaction(connection):
                if is_new(migration, _applied(connection), self._name()):
                    _apply(connection, migration)

    def close(self) -> None:
        """Close it; a transaction under way is rolled back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def start(self) -> None:
        """`open` it."""
        self.open()

    async def stop(self) -> None:
        """`close` it."""
        self.close()

    def crash(self) -> None:
        """What was not committed is lost."""
        self.close()

    async def execute(self, db: sqlite3.Connection, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """One statement inside a transaction; its rows."""
        return db.execute(sql, tuple(parameters)).fetchall()

    @property
    def connection(self) -> sqlite3.Connection:
        """For reading. Raises StoreError when it is not open."""
        if self._connection is None:
            raise StoreError(f"{self._name()} is not open")
        return self._connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[sqlite3.Connection]:
        """All that is done inside is kept, or, when it raises, nothing is. One at a time."""
        async with self._lock:
            connection = self.connection
            await _begin(connection)
            try:
                yield connection
            except BaseException:
                if self._connection is not None and connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            if self._connection is None:
                raise StoreError(f"{self._name()} was closed before the transaction was over")
            connection.execute("COMMIT")


async def _begin(connection: sqlite3.Connection) -> None:
    """Begin to write; while another process does, other requests of this one go on."""
    waited = 0.0
    connection.execute("PRAGMA busy_timeout = 0")
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as problem:
            if "locked" not in str(problem) or waited > PATIENCE:
                raise
        await asyncio.sleep(0.002)
        waited += 0.002


class _transaction:
    """A transaction of the start, which may wait."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, problem: object, trace: object) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK" if kind is not None else "COMMIT")


def _applied(connection: sqlite3.Connection) -> dict[int, str]:
    """The migrations that have been applied: number -> digest."""
    return dict(connection.execute("SELECT number, digest FROM msforge_migrations"))


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    for line, statement in statements(migration.text):
        try:
            connection.execute(statement)
        except (sqlite3.Error, sqlite3.Warning) as problem:
            raise failed(migration, line, statement, problem) from problem
        if not connection.in_transaction:
            raise ends_transaction(migration, line, statement)
    connection.execute(
        "INSERT INTO msforge_migrations VALUES (?, ?, ?)", (migration.number, migration.path.name, migration.digest))


def statements(text: str) -> Iterator[tuple[int, str]]:
    """The statements of a script, each with the line it begins at. A `;` in a text or a trigger ends none."""
    statement = ""
    line = 1
    for piece in re.split(r"(?<=;)", text):
        statement += piece
        if sqlite3.complete_statement(statement):
            body = statement.lstrip()
            if body.strip("; \t\r\n"):
                yield line + statement[: len(statement) - len(body)].count("\n"), body
            line += statement.count("\n")
            statement = ""
    rest = statement.strip()
    if rest and not all(not part or part.startswith("--") for part in map(str.strip, rest.splitlines())):
        yield line + statement[: len(statement) - len(statement.lstrip())].count("\n"), rest
