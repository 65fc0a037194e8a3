"""Sagas of a replica whose database is out of reach for a while: steps are undone as without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from replicas import replica_of, request

from msforge.runtime.embedded import EmbeddedParts
from msforge.runtime.failures import ERROR, OK, StepFailed
from msforge.runtime.migrations import StoreError
from tests.virtual_time import VirtualLoop


def played(broken: str, fails: bool) -> tuple[int, list[str], list[str]]:
    """A saga of three parts, the last of which fails or not, while statements with `broken` in them fail.

    Its outcome, what was done and undone in order, and the state of each row that is left.
    """
    loop = VirtualLoop()
    clock = loop.clock()
    parts = EmbeddedParts([], [], clock, [])
    replica = replica_of(loop, parts)
    happened: list[str] = []

    def step(word: str, problem: bool = False) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            if problem:
                raise StepFailed(ERROR, "a:error")
            happened.append(word)

        return act

    async def book(do: Any) -> None:
        await do.saga("saga#0", (step("a"), step("undo a")), (step("b"), step("undo b")), (step("c", fails), None))

    async def main() -> tuple[int, list[str], list[str]]:
        await replica.start()
        database = replica.stores.database
        execute = database.execute

        async def failing(db: Any, sql: str, parameters: Any = ()) -> Any:
            if broken and sql.startswith(broken):
                raise StoreError("out of reach")
            return await execute(db, sql, parameters)

        database.execute = failing
        flow = await request(replica, 0, book)
        database.execute = execute
        left = [row["state"] for row in await replica.stores.sagas.pending()]
        await replica.stop()
        await parts.stop()
        return flow.outcome, happened, left

    found: tuple[int, list[str], list[str]] = loop.play(main())
    return found


@pytest.mark.parametrize("broken", ["", "UPDATE msforge_sagas", "DELETE FROM msforge_sagas"])
def test_saga_that_has_begun_goes_on_without_its_row(broken: str) -> None:
    left = ["running"] if broken.startswith("DELETE") else []
    assert played(broken, fails=False) == (OK, ["a", "b", "c"], left)
    left = ["undoing"] if broken.startswith("DELETE") else []
    assert played(broken, fails=True) == (ERROR, ["a", "b", "undo b", "undo a"], left)


def test_no_saga_begins_without_its_row() -> None:
    assert played("INSERT INTO msforge_sagas", fails=False) == (ERROR, [], [])
