"""A service's own database: migrations that are all or nothing, transactions, and files that are not ours."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from msforge.runtime.saga_log import SagaLog
from msforge.runtime.sqlite_store import SqliteStore, StoreError, statements


def migrations(folder: Path, **files: str) -> Path:
    """A folder of migrations, by name without `.sql`."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name[1:]}.sql").write_text(text, encoding="utf-8")
    return folder


def tables(path: Path) -> set[str]:
    """The tables of a file that are not the runtime's."""
    connection = sqlite3.connect(path)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return {name for name in names if not name.startswith(("msforge_", "sqlite_"))}


def opened(path: Path | None, folder: Path | None = None) -> SqliteStore:
    """An open store."""
    store = SqliteStore(path, folder)
    store.open()
    return store


def test_migrations_run_once_in_order_of_their_numbers(tmp_path: Path) -> None:
    folder = migrations(
        tmp_path / "m", _0002_rows="INSERT INTO orders VALUES (1);", _0001_orders="CREATE TABLE orders (id INTEGER);")
    for _ in range(2):
        store = opened(tmp_path / "data" / "shop.sqlite3", folder)
        assert store.connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)
        store.close()
    migrations(folder, _0003_more="INSERT INTO orders VALUES (2);")
    store = opened(tmp_path / "data" / "shop.sqlite3", folder)
    assert store.connection.execute("SELECT count(*) FROM orders").fetchone() == (2,)
    store.close()


def test_half_failed_migration_leaves_nothing_and_says_where(tmp_path: Path) -> None:
    folder = migrations(
        tmp_path / "m", _0001_orders="CREATE TABLE orders (id INTEGER);",
        _0002_broken="-- two tables\nCREATE TABLE lines (id INTEGER);\n\nINSERT INTO nowhere VALUES (1);\n")
    path = tmp_path / "shop.sqlite3"
    with pytest.raises(StoreError) as told:
        opened(path, folder)
    assert "0002_broken.sql, line 4: no such table: nowhere" in str(told.value)
    assert "INSERT INTO nowhere" in str(told.value)
    assert tables(path) == {"orders"}
    migrations(folder, _0002_broken="CREATE TABLE lines (id INTEGER);")  # mended: it was never applied
    opened(path, folder).close()
    assert tables(path) == {"orders", "lines"}


@pytest.mark.parametrize("text", ["CREATE TABLE t (id); COMMIT; CREATE TABLE u (id);", "ROLLBACK;"])
def test_migration_that_ends_its_transaction_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(StoreError, match="transaction of its own"):
        opened(tmp_path / "shop.sqlite3", migrations(tmp_path / "m", _0001_bad=text))


def test_changed_missing_and_late_migrations_are_told(tmp_path: Path) -> None:
    folder = migrations(tmp_path / "m", _0002_orders="CREATE TABLE orders (id INTEGER);")
    path = tmp_path / "shop.sqlite3"
    opened(path, folder).close()
    migrations(folder, _0001_late="CREATE TABLE late (id INTEGER);")
    with pytest.raises(StoreError, match=r"0001_late\.sql is new, but number 2"):
        opened(path, folder)
    (folder / "0001_late.sql").unlink()
    migrations(folder, _0002_orders="CREATE TABLE orders (id TEXT);")
    with pytest.raises(StoreError, match="changed after it had been applied"):
        opened(path, folder)
    (folder / "0002_orders.sql").unlink()
    with pytest.raises(StoreError, match="newer version"):
        opened(path, folder)


@pytest.mark.parametrize("name", ["orders", "1-orders", "0001"])
def test_names_of_migrations_are_checked(tmp_path: Path, name: str) -> None:
    folder = migrations(tmp_path / "m", **{f"_{name}": "SELECT 1;"})
    with pytest.raises(StoreError, match=r"named like 0001_orders\.sql"):
        opened(None, folder)


def test_two_migrations_of_one_number_and_bad_bytes_are_told(tmp_path: Path) -> None:
    folder = migrations(tmp_path / "m", _0001_a="SELECT 1;", _01_b="SELECT 1;")
    with pytest.raises(StoreError, match="the same number"):
        opened(None, folder)
    (folder / "01_b.sql").unlink()
    (folder / "0001_a.sql").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(StoreError, match="can't be read"):
        opened(None, folder)


def test_foreign_newer_and_broken_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.sqlite3"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.close()
    with pytest.raises(StoreError, match="another program's database"):
        opened(foreign)
    assert tables(foreign) == {"theirs"}
    newer = tmp_path / "newer.sqlite3"
    store = opened(newer)
    store.connection.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(StoreError, match="newer version"):
        opened(newer)
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"this is a text, not a database at all" * 100)
    with pytest.raises(StoreError, match="not a database"):
        opened(broken)
    with pytest.raises(StoreError, match="can't be opened"):
        opened(tmp_path)


def test_transaction_is_all_or_nothing_and_one_at_a_time() -> None:
    async def main() -> None:
        store = opened(None)
        store.connection.execute("CREATE TABLE t (id INTEGER)")

        async def slow() -> None:
            async with store.transaction() as db:
                db.execute("INSERT INTO t VALUES (1)")
                await asyncio.sleep(0.02)
                raise KeyError("no")

        async def quick() -> None:
            async with store.transaction() as db:
                db.execute("INSERT INTO t VALUES (2)")

        ended = await asyncio.gather(slow(), quick(), return_exceptions=True)
        assert isinstance(ended[0], KeyError)
        assert store.connection.execute("SELECT id FROM t").fetchall() == [(2,)]
        store.close()

    asyncio.run(main())


def test_replicas_share_the_file_and_wait_for_each_other(tmp_path: Path) -> None:
    async def main() -> None:
        stores = [opened(tmp_path / "shop.sqlite3") for _ in range(3)]
        stores[0].connection.execute("CREATE TABLE t (id INTEGER)")

        async def write(store: SqliteStore, id: int) -> None:
            async with store.transaction() as db:
                db.execute("INSERT INTO t VALUES (?)", (id,))
                await asyncio.sleep(0.001)

        await asyncio.gather(*(write(stores[k % 3], k) for k in range(30)))
        assert stores[1].connection.execute("SELECT count(*) FROM t").fetchone() == (30,)
        for store in stores:
            store.close()

    asyncio.run(main())


def test_crash_in_a_transaction_keeps_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        store = opened(tmp_path / "shop.sqlite3")
        store.connection.execute("CREATE TABLE t (id INTEGER)")

        async def dying() -> None:
            async with store.transaction() as db:
                db.execute("INSERT INTO t VALUES (1)")
                await asyncio.sleep(60)

        task = asyncio.ensure_future(dying())
        await asyncio.sleep(0.01)
        store.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        again = opened(tmp_path / "shop.sqlite3")
        assert again.connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
        again.close()

    asyncio.run(main())


def test_statements_end_at_their_own_semicolon() -> None:
    text = "-- a; b\nCREATE TABLE t (a TEXT DEFAULT ';');\n\nCREATE TRIGGER r AFTER INSERT ON t BEGIN\n" \
           "  DELETE FROM t; DELETE FROM t;\nEND;\nSELECT 1; SELECT 2\n-- the end\n"
    found = list(statements(text))
    assert [line for line, _ in found] == [1, 4, 7, 7]
    assert found[1][1].count("DELETE") == 2
    assert list(statements("-- nothing\n\n-- at all")) == []


def test_saga_log_keeps_those_under_way_and_stuck(tmp_path: Path) -> None:
    async def main() -> None:
        store = opened(tmp_path / "shop.sqlite3")
        log = SagaLog(store, 3)
        done = await log.begin("order", 1, 2)
        await log.reached(done, 0)
        await log.reached(done, 1)
        await log.end(done)
        stuck = await log.begin("order", 2, 3)
        await log.reached(stuck, 0)
        await log.undoing(stuck, "payment:error")
        await log.stuck(stuck, 0, "stock:timeout")
        await log.end(stuck)
        open_ = await log.begin("order", 3, 3)
        await log.reached(open_, 1)
        store.close()
        store.open()
        await log.recover()
        found = await log.pending()
        assert [(s["number"], s["state"], s["reached"], s["cause"]) for s in found] == [
            (2, "stuck", 0, "stock:timeout"), (3, "interrupted", 2, "")]
        store.close()

    asyncio.run(main())
