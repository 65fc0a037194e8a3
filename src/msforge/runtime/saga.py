"""Sagas: a chain of steps, each with the step that undoes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from msforge.runtime.failures import ERROR, RESET, StepFailed, cause_of
from msforge.runtime.migrations import StoreError
from msforge.runtime.place import HERE, enter

if TYPE_CHECKING:
    from msforge.runtime.flow import Flow

Branch = Callable[[], Awaitable[Any]]
Pairs = Sequence[tuple[Branch, Branch | None]]


async def run_saga(flow: Flow, word: str, pairs: Pairs) -> None:
    """Run each `do`; when one fails, the `undo` of those done, last first, and then fail as it did.

    A service with a store keeps a row of where each saga stands, so that one that a crash cut short is known. Without
    that row no saga begins; one that has begun goes on though its row can't be brought up to date. Undos that a crash,
    a deadline or a cancellation leaves undone are counted as stuck.
    """
    counts = flow.replica.stats.sagas.setdefault(f"{flow.endpoint}: {word}", [0, 0])
    log = getattr(flow.replica.stores, "sagas", None)
    saga = await _begin(flow, log, word, len(pairs)) if log is not None else None
    done = 0
    try:
        for index, (do, _) in enumerate(pairs):
            with enter(HERE.get().inside(f"{word}/do{index}")):
                await do()
            done = index + 1
            if log is not None:
                await _note(flow, log.reached(saga, index))
    except asyncio.CancelledError:
        counts[1] += sum(undo is not None for _, undo in pairs[:done])
        raise
    except Exception as problem:
        await _undo(flow, word, pairs[:done], counts, log, saga, str(problem))
        raise
    if log is not None:
        await _note(flow, log.end(saga))


async def _begin(flow: Flow, log: Any, word: str, parts: int) -> int:
    """The id of a new row. Raises StepFailed when there is none."""
    try:
        return int(await log.begin(word, flow.number, parts))
    except StoreError as problem:
        flow.replica.log.warning("saga not begun", problem=str(problem))
        raise StepFailed(ERROR, cause_of(flow.replica.name, RESET)) from problem


async def _note(flow: Flow, note: Awaitable[None]) -> None:
    """Bring a row up to date; when that fails it stays as it was, and somebody will look at it."""
    try:
        await note
    except Exception as problem:
        flow.replica.log.warning("saga not noted", problem=str(problem))


async def _undo(flow: Flow, word: str, done: Pairs, counts: list[int], log: Any, saga: Any, cause: str) -> None:
    """Undo what was done. An undo that fails is counted as stuck: someone will have to look at it."""
    if done:
        counts[0] += 1
    if log is not None:
        await _note(flow, log.undoing(saga, cause))
    for index in reversed(range(len(done))):
        undo = done[index][1]
        if undo is None:
            continue
        try:
            with enter(HERE.get().inside(f"{word}/undo{index}")):
                await undo()
        except asyncio.CancelledError:
            counts[1] += sum(undo is not None for _, undo in done[: index + 1])
            raise
        except Exception as problem:
            counts[1] += 1
            flow.replica.log.warning("stuck undo", step=f"{word}/undo{index}", problem=str(problem))
            if log is not None:
                await _note(flow, log.stuck(saga, index, str(problem)))
    if log is not None:
        await _note(flow, log.end(saga))
