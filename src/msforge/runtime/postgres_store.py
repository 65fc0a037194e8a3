"""A service's own database on a PostgreSQL server: made when it is not there, its migrations, and transactions.

All replicas of the service share it. Each migration runs in a transaction of its own, and one replica at a time runs
them; one that fails leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from msforge.runtime.migrations import (
    Migration,
    StoreError,
    ends_transaction,
    failed,
    is_new,
    migrations_in,
    refuse_strange,
)
from msforge.runtime.part_error import without_password

OLDEST: Final = 12
"""The major version of the oldest server that can be used."""
PATIENCE: Final = 5.0
"""Real seconds that a connection may take."""
AT_ONCE: Final = 8
"""Transactions of one replica at the same time."""
LOCK: Final = 0x6D73666F
"""The advisory lock that a replica holds while it migrates ("msfo")."""
LOST: Final = (
    OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError, asyncpg.exceptions.TooManyConnectionsError,
    asyncpg.InternalClientError,  # the server has said farewell on this connection, and its end is still to come
)
"""What a connection that breaks, or can't be had, comes to."""

OWN: Final = (
    """
    CREATE TABLE msforge_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL);
    CREATE TABLE msforge_writes (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, store TEXT NOT NULL, step TEXT NOT NULL,
        number BIGINT NOT NULL, at BIGINT NOT NULL);
    CREATE TABLE msforge_outbox (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, replica INTEGER NOT NULL, channel TEXT NOT NULL,
        message TEXT NOT NULL, due BIGINT NOT NULL, takes BIGINT NOT NULL, relay BIGINT NOT NULL);
    CREATE TABLE msforge_sagas (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, replica INTEGER NOT NULL, saga TEXT NOT NULL,
        number BIGINT NOT NULL, parts INTEGER NOT NULL, reached INTEGER NOT NULL, state TEXT NOT NULL,
        cause TEXT NOT NULL);
    CREATE TABLE msforge_applied (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, effect TEXT NOT NULL UNIQUE);
    """,
)
"""The runtime's own tables, a script for each version of them."""

HIDDEN: Final = re.compile(
    r"--[^\n]*|/\*.*?\*/|[eE]'(?:\\.|[^'\\])*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(\w*)\$.*?\$\1\$", re.DOTALL)
"""Where a `;` ends no statement."""
ENDS: Final = re.compile(r"\s*(?:begin|commit|end|rollback|abort|savepoint|release|prepare\s+transaction|start\s+"
                         r"transaction)\b", re.IGNORECASE)


class PostgresStore:
    """The database at a URL. `migrations` is a folder, which need not exist."""

    def __init__(self, url: str, migrations: Path | None = None) -> None:
        self.url = url
        self.migrations = migrations
        self._pool: asyncpg.Pool | None = None

    def _name(self) -> str:
        return without_password(self.url)

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect, make the database when it is not there, run the migrations that are new. Raises StoreError."""
        files = migrations_in(self.migrations)
        connection = await connected(self.url)
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
            await self._own_tables(connection)
            await self._migrate(connection, files)
        except LOST as problem:
            raise StoreError(f"{self._name()}: the connection broke: {problem}") from problem
        except asyncpg.PostgresError as problem:
            raise StoreError(f"{self._name()}: {problem}") from problem
        finally:
            with suppress(*LOST):
                await connection.close(timeout=PATIENCE)
        self._pool = asyncpg.create_pool(
            self.url, min_size=0, max_size=AT_ONCE, timeout=PATIENCE, max_inactive_connection_lifetime=0)
        await self._pool

    async def _own_tables(self, connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute("CREATE TABLE IF NOT EXISTS msforge_version (version INTEGER NOT NULL)")
            version = await connection.fetchval("SELECT max(version) FROM msforge_version") or 0
            if version > len(OWN):
                raise StoreError(f"{self._name()} was made by a newer version of this service; update the service, or "
                                 "begin with a new database")
            for script in OWN[version:]:
                await connection.execute(script)
            await connection.execute("DELETE FROM msforge_version")
            await connection.execute("INSERT INTO msforge_version VALUES ($1)", len(OWN))

    async def _migrate(self, connection: asyncpg.Connection, files: list[Migration]) -> None:
        applied = dict(await connection.fetch("SELECT number, digest FROM msforge_migrations"))
        refuse_strange(applied, files, self.migrations, self._name())
        for migration in files:
            if is_new(migration, applied, self._name()):
                async with connection.transaction():
                    await _apply(connection, migration)
                applied[migration.number] = migration.digest

    async def stop(self) -> None:
        """Close it."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(PATIENCE):
                    await pool.close()
            except LOST:
                pool.terminate()

    def crash(self) -> None:
        """Transactions under way are rolled back."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    # -- use -------------------------------------------------------------------------------------

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """All that is done inside is kept, or, when it raises, nothing is.

        Raises StoreError when the server is out of reach; when the connection breaks at the very end, what was done may
        have been kept all the same.
        """
        if self._pool is None:
            raise StoreError(f"{self._name()} is not open")
        try:
            async with self._pool.acquire(timeout=PATIENCE) as connection, connection.transaction():
                yield connection
        except LOST as problem:
            raise StoreError(f"{self._name()} is out of reach: {problem or type(problem).__name__}") from problem

    async def execute(
        self, db: asyncpg.Connection, sql: str, parameters: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        """One statement inside a transaction, with `?` for a parameter; its rows."""
        return [tuple(row) for row in await db.fetch(numbered(sql), *parameters)]


def numbered(sql: str) -> str:
    """`?` as the server writes parameters: $1, $2, ..."""
    first, *rest = sql.split("?")
    return first + "".join(f"${n}{piece}" for n, piece in enumerate(rest, 1))


async def connected(url: str) -> asyncpg.Connection:
    """A connection; the database is made when it is not there. Raises StoreError that says why there is none."""
    name = without_password(url)
    try:
        try:
            connection = await asyncpg.connect(url, timeout=PATIENCE)
        except asyncpg.InvalidCatalogNameError:
            await _create(url)
            connection = await asyncpg.connect(url, timeout=PATIENCE)
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as problem:
        raise StoreError(f"{name}: the server refuses the user or the password") from problem
    except LOST as problem:
        told = f"{name}: no PostgreSQL answers there: {problem or type(problem).__name__}"
        raise StoreError(told, out_of_reach=True) from problem
    except asyncpg.PostgresError as problem:
        raise StoreError(f"{name}: {problem}") from problem
    except ValueError as problem:
        raise StoreError(f"{name} is no address of a PostgreSQL database: {problem}") from problem
    version = connection.get_server_version()
    if version.major < OLDEST:
        await connection.close()
        raise StoreError(f"{name} is PostgreSQL {version.major}.{version.minor}; {OLDEST} or newer is needed")
    return connection


async def look_in(url: str) -> None:
    """See that a server can be used. Raises StoreError that says why not."""
    connection = await connected(url)
    await connection.close()


async def _create(url: str) -> None:
    """Make the database that a URL names; another replica may just have done so."""
    parts = urlsplit(url)
    database = unquote(parts.path[1:])
    connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")), timeout=PATIENCE)
    try:
        with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            await connection.execute('CREATE DATABASE "{}"'.format(database.replace('"', '""')))
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    for line, statement in statements(migration.text):
        if ENDS.match(statement):
            raise ends_transaction(migration, line, statement)
        try:
            await connection.execute(statement)
        except asyncpg.PostgresError as problem:
            raise failed(migration, line, statement, problem) from problem
    await connection.execute(
        "INSERT INTO msforge_migrations VALUES ($1, $2, $3)", migration.number, migration.path.name, migration.digest)


def statements(text: str) -> Iterator[tuple[int, str]]:
    """The statements of a script, each with the line it begins at. A `;` in a text, a comment or a body ends none."""
    plain = HIDDEN.sub(_masked, text)
    begin = 0
    for end in [*(found.end() for found in re.finditer(";", plain)), len(plain)]:
        piece = plain[begin:end]
        if piece.strip("; \t\r\n"):
            start = begin + len(piece) - len(piece.lstrip())
            yield 1 + text[:start].count("\n"), text[start:end]
        begin = end


def _masked(found: re.Match[str]) -> str:
    """A comment as blanks, a text as anything else, as long as before."""
    return re.sub(r"[^\n]", " " if found[0].startswith(("--", "/*")) else "x", found[0])
