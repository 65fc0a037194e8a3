"""A service's database on PostgreSQL: made when it is not there, migrations all or nothing, clear errors."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from msforge.runtime.saga_log import SagaLog
from tests.servers.serving import Serving, serving

pytest.importorskip("asyncpg", reason="asyncpg is not installed")

from msforge.runtime import postgres_store
from msforge.runtime.migrations import StoreError
from msforge.runtime.postgres_store import PostgresStore, numbered, statements

NUMBERS = itertools.count()


@pytest.fixture
def server() -> Serving:
    return serving("postgres")


@pytest.fixture
def url(server: Serving) -> str:
    """A database that is not there yet."""
    return server.url(f"store{next(NUMBERS)}")


def migrations(folder: Path, **files: str) -> Path:
    """A folder of migrations, by name without `.sql`."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name[1:]}.sql").write_text(text, encoding="utf-8")
    return folder


def used(url: str, folder: Path | None, act: Callable[[PostgresStore], Coroutine[Any, Any, Any]]) -> Any:
    """Start a store, act, stop it."""

    async def run() -> Any:
        store = PostgresStore(url, folder)
        await store.start()
        try:
            return await act(store)
        finally:
            await store.stop()

    return asyncio.run(run())


async def rows(store: PostgresStore, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    async with store.transaction() as db:
        return await store.execute(db, sql, parameters)


async def tables(store: PostgresStore) -> set[str]:
    """The tables that are not the runtime's."""
    found = await rows(store, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in found if not name.startswith("msforge_")}


def test_migrations_run_once_in_order_of_their_numbers(url: str, tmp_path: Path) -> None:
    folder = migrations(
        tmp_path / "m", _0002_rows="INSERT INTO orders VALUES (1);", _0001_orders="CREATE TABLE orders (id BIGINT);")
    for _ in range(2):
        assert used(url, folder, lambda store: rows(store, "SELECT count(*) FROM orders")) == [(1,)]
    migrations(folder, _0003_more="INSERT INTO orders VALUES (2);")
    assert used(url, folder, lambda store: rows(store, "SELECT count(*) FROM orders")) == [(2,)]


def test_replicas_that_start_at_once_migrate_once(url: str, tmp_path: Path) -> None:
    folder = migrations(tmp_path / "m", _0001_orders="CREATE TABLE orders (id BIGINT);\nINSERT INTO orders VALUES (1);")

    async def run() -> list[tuple[Any, ...]]:
        stores = [PostgresStore(url, folder) for _ in range(4)]
        await asyncio.gather(*(store.start() for store in stores))
        try:
            return await rows(stores[0], "SELECT count(*) FROM orders")
        finally:
            await asyncio.gather(*(store.stop() for store in stores))

    assert asyncio.run(run()) == [(1,)]


def test_half_failed_migration_leaves_nothing_and_says_where(url: str, tmp_path: Path) -> None:
    folder = migrations(
        tmp_path / "m", _0001_orders="CREATE TABLE orders (id BIGINT);",
        _0002_broken="-- two tables; really\nCREATE TABLE lines (id BIGINT);\n\nINSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(StoreError) as told:
        used(url, folder, tables)
    assert '0002_broken.sql, line 4: relation "nowhere" does not exist' in str(told.value)
    assert "INSERT INTO nowhere" in str(told.value)
    assert "Nothing of 0002_broken.sql was kept." in str(told.value)
    (folder / "0002_broken.sql").unlink()
    assert used(url, folder, tables) == {"orders"}


@pytest.mark.parametrize("text", ["COMMIT;", "insert into t values (1); -- and so on\n  Rollback ;", "begin;"])
def test_migration_cannot_leave_its_transaction(url: str, tmp_path: Path, text: str) -> None:
    folder = migrations(tmp_path / "m", _0001_t=f"CREATE TABLE t (id BIGINT);\n{text}\n")
    with pytest.raises(StoreError, match="a transaction of its own; take this out"):
        used(url, folder, tables)
    assert used(url, None, tables) == set()


def test_migration_that_was_changed_or_is_unknown_is_refused(url: str, tmp_path: Path) -> None:
    folder = migrations(tmp_path / "m", _0001_orders="CREATE TABLE orders (id BIGINT);")
    used(url, folder, tables)
    migrations(folder, _0001_orders="CREATE TABLE orders (id TEXT);")
    with pytest.raises(StoreError, match=r"0001_orders\.sql was changed"):
        used(url, folder, tables)
    (folder / "0001_orders.sql").unlink()
    with pytest.raises(StoreError, match="has migration 1, which is not in"):
        used(url, folder, tables)


def test_statements_end_where_they_end() -> None:
    text = "a 'x;y';\n-- b;\nc /* ;\n */ d;\nDO $body$ begin; end $body$;\n\n\ne \"f;g\" E'it\\';s'"
    assert [line for line, _ in statements(text)] == [1, 3, 5, 8]
    assert [statement.split()[0] for _, statement in statements(text)] == ["a", "c", "DO", "e"]


def test_parameters_are_numbered() -> None:
    assert numbered("INSERT INTO t VALUES (?, ?) RETURNING id") == "INSERT INTO t VALUES ($1, $2) RETURNING id"


def test_transaction_that_fails_keeps_nothing(url: str) -> None:
    async def act(store: PostgresStore) -> list[tuple[Any, ...]]:
        with pytest.raises(ValueError, match="enough"):
            async with store.transaction() as db:
                await store.execute(
                    db, "INSERT INTO msforge_writes (store, step, number, at) VALUES (?, ?, ?, ?)", ("s", "w", 1, 2))
                raise ValueError("enough")
        return await rows(store, "SELECT count(*) FROM msforge_writes")

    assert used(url, None, act) == [(0,)]


def test_saga_log_survives_its_replica(url: str) -> None:
    async def before(store: PostgresStore) -> None:
        log = SagaLog(store, 0)
        await log.begin("saga#0", 7, 3)
        done = await log.begin("saga#0", 8, 3)
        await log.end(done)

    async def after(store: PostgresStore) -> list[dict[str, Any]]:
        log = SagaLog(store, 0)
        await log.recover()
        return await log.pending()

    used(url, None, before)
    (left,) = used(url, None, after)
    assert (left["number"], left["state"]) == (7, "interrupted")


def test_wrong_password_is_said_in_a_line_that_does_not_show_it(url: str) -> None:
    parts = urlsplit(url)
    wrong = urlunsplit(parts._replace(netloc=f"msforge:not-the-password@{parts.hostname}:{parts.port}"))
    with pytest.raises(StoreError) as told:
        used(wrong, None, tables)
    assert "the server refuses the user or the password" in str(told.value)
    assert "not-the-password" not in str(told.value) and "\n" not in str(told.value)


def test_nobody_there_is_said() -> None:
    with pytest.raises(StoreError, match="no PostgreSQL answers there") as told:
        used("postgresql://a:secret@127.0.0.1:9/x", None, tables)
    assert told.value.out_of_reach and "secret" not in str(told.value)


def test_server_that_is_too_old_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_store, "OLDEST", 99)
    with pytest.raises(StoreError, match=r"is PostgreSQL \d+\.\d+; 99 or newer is needed"):
        used(url, None, tables)


def test_database_of_a_newer_version_of_the_service_is_refused(url: str) -> None:
    used(url, None, lambda store: rows(store, "UPDATE msforge_version SET version = 99"))
    with pytest.raises(StoreError, match="a newer version of this service"):
        used(url, None, tables)


def test_server_that_restarts_is_used_again(server: Serving, url: str) -> None:
    async def act(store: PostgresStore) -> list[tuple[Any, ...]]:
        await rows(store, "INSERT INTO msforge_writes (store, step, number, at) VALUES ('s', 'w', 1, 2)")
        await asyncio.to_thread(server.stop)
        with pytest.raises(StoreError, match="out of reach"):
            await rows(store, "SELECT 1")
        await asyncio.to_thread(server.start)
        return await rows(store, "SELECT number FROM msforge_writes")

    assert used(url, None, act) == [(1,)]


FAREWELL = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
"""What a server says as it ends a connection: severity, code, message."""


def test_connection_on_which_the_server_has_said_farewell_is_out_of_reach(url: str) -> None:
    """Its end may come later than its last words: nothing else than StoreError is to come of using it in between."""

    async def run() -> list[tuple[Any, ...]]:
        parts = urlsplit(url)
        clients: list[asyncio.StreamWriter] = []

        async def pass_on(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
            server, to_server = await asyncio.open_connection(parts.hostname, parts.port)
            clients.append(to_client)

            async def one_way(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
                while data := await source.read(65536):
                    target.write(data)
                target.close()

            await asyncio.gather(one_way(client, to_server), one_way(server, to_client), return_exceptions=True)

        between = await asyncio.start_server(pass_on, "127.0.0.1")
        address = parts.netloc.replace(f":{parts.port}", f":{between.sockets[0].getsockname()[1]}")
        store = PostgresStore(urlunsplit(parts._replace(netloc=address)))
        await store.start()
        try:
            await rows(store, "SELECT 1")
            clients[-1].write(b"E" + (len(FAREWELL) + 4).to_bytes(4) + FAREWELL)
            await asyncio.sleep(0.2)
            with pytest.raises(StoreError, match="out of reach"):
                await rows(store, "SELECT 2")
            return await rows(store, "SELECT 3")
        finally:
            await store.stop()
            between.close()

    used(url, None, tables)
    assert asyncio.run(run()) == [(3,)]
