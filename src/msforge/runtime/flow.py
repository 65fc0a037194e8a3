"""One request being served: what its steps do, and how it ends.

Generated classes derive from `Flow` and have a method for each step of the description; a handler calls them. Each
step knows its word, so that its draws are those of the simulator.
"""

from __future__ import annotations

import asyncio
from bisect import bisect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from msforge.policies.distributions import Dist
from msforge.policies.keys import child_key, occurrence
from msforge.runtime.calls import execute
from msforge.runtime.failures import CANCELLED, DEGRADED, ERROR, OK, REJECTED, RESET, StepFailed, cause_of
from msforge.runtime.group import Group
from msforge.runtime.numbers import SAME
from msforge.runtime.place import HERE, Place, enter
from msforge.runtime.plan import Cache, Call, Channel, Store
from msforge.runtime.saga import run_saga
from msforge.runtime.wire import STATUS

if TYPE_CHECKING:
    from msforge.runtime.replica import Replica

Branch = Callable[[], Awaitable[Any]]
Handler = Callable[[Any, Any], Awaitable[Any]]


class Flow:
    """A request at a replica. `degraded` once a fallback helped; `deadline` in ns of the clock, -1 for none.

    `message` is set when this is the delivery of a message to a consumer, `parent` when it is a call in place.
    `cancel` says what it means when the caller closes the connection: none, queued or all. Whoever runs it in a task
    that may be stopped says so in `task`.
    """

    outbox = False
    """Whether its writes and messages are to be committed together: a class of steps that has an outbox says True."""

    def __init__(
        self, replica: Replica, endpoint: str, key: int, number: int, context: int, *, deadline: int = -1,
        message: Any = None, parent: Flow | None = None, cancel: str = "none", trace: str = "", root: str = "",
        arrive: int = -1,
    ) -> None:
        self.replica = replica
        self.endpoint = endpoint
        self.number = number
        self.deadline = deadline
        self.message = message
        self.parent = parent
        self.cancel = cancel
        self.trace = trace
        self.root = root
        self.caller = ""              # the `traceparent` of its caller, or of its message's publisher
        self.degraded = False
        self.place = Place(key, context, number, self)
        self.arrive = arrive if arrive >= 0 else replica.clock.now()
        self.begin = -1
        self.end = -1
        self.gone = False
        self.outcome = OK
        self.cause = ""
        self.status = 200
        self.detail = ""
        self.response: Any = None
        self.stopped = -1             # the outcome it was stopped with
        self.cancel_calls = False     # being stopped also cancels what it called
        self.numbers = replica.numbers  # those in force as it arrives hold to its end
        self.changed = None if self.numbers is None else self.numbers.at(endpoint, key)
        self.task: asyncio.Task[Any] | None = None  # None for a call in place that runs in its caller's task

    def continues(self, parent: str) -> None:
        """Who called, or published, said `parent` as its `traceparent`; nothing when that was no valid one."""
        if parent and self.trace[:36] == parent[:36]:
            self.caller = parent

    # -- life ------------------------------------------------------------------------------

    async def run(self, handler: Handler, request: Any) -> None:
        """Run the handler; afterwards `outcome`, `cause`, `status` and `response` say how it ended."""
        replica = self.replica
        token = HERE.set(self.place)
        if self.begin < 0:
            self.begin = replica.clock.now()
        replica.active[self] = None
        if self.parent is None:
            replica.busy.step(self.begin, 1)
        faults = replica.faults
        doom = faults.doomed(self.endpoint, self.place) if faults.dooms else None
        try:
            if faults.slowness:
                await self._slowed()
            self.response = await handler(request, self)
            self.outcome = DEGRADED if self.degraded else OK
            if doom is not None:
                await doom.strike(self)
        except StepFailed as failure:
            self.fail_with(failure)
        except asyncio.CancelledError:
            if not self._was_stopped():
                raise
        except Exception as problem:
            self.outcome, self.status = ERROR, 500
            self.cause = cause_of(replica.name, ERROR)
            replica.log.failure(self, problem)
        finally:
            if self.outbox and replica.up:
                await self._keep_written()
            HERE.reset(token)
            replica.active.pop(self, None)
            replica.ended(self)

    async def _keep_written(self) -> None:
        """Commit what it wrote without a message; it fails when that does."""
        try:
            await self.replica.stores.finish(self)
        except StepFailed as failure:
            if self.outcome <= DEGRADED:
                self.fail_with(failure)

    async def _slowed(self) -> None:
        """What a slow service adds, before the first step."""
        more = self.replica.faults.added(self)
        await self.replica.clock.sleep(more)
        self.place.own += more

    def fail_with(self, failure: StepFailed) -> None:
        """End as a step failed."""
        self.outcome = failure.outcome
        self.status = failure.status
        self.cause = failure.cause or cause_of(self.replica.name, failure.outcome)
        self.detail = str(failure)

    def refuse(self, outcome: int) -> None:
        """End before it began."""
        self.outcome = outcome
        self.status = STATUS[outcome]
        self.cause = cause_of(self.replica.name, outcome)
        self.replica.ended(self)

    def stop(self, outcome: int, cancel: bool = False) -> None:
        """Stop it where it is, waiting or running; with `cancel` what it called is cancelled too."""
        if self.stopped >= 0 or self.end >= 0 or self.task is None:
            return
        self.stopped = outcome
        self.cancel_calls = cancel
        self.task.cancel()

    def _was_stopped(self) -> bool:
        """Take the outcome it was stopped with. False: its task is being cancelled for another reason."""
        own = self.task is not None and self.stopped >= 0
        if own:
            self.outcome = self.stopped
        else:
            self.outcome = CANCELLED if self.parent is not None and self.parent.cancel_calls else RESET
        self.status = STATUS[self.outcome]
        self.cause = cause_of(self.replica.name, self.outcome)
        if own and self.task is not None:
            self.task.uncancel()
        return own

    @property
    def store(self) -> int:
        """The time (ns) in stores and brokers, of the block at hand."""
        return HERE.get().store

    @store.setter
    def store(self, ns: int) -> None:
        HERE.get().store = ns

    # -- steps -----------------------------------------------------------------------------

    async def work(self, word: str, dist: Dist) -> None:
        """Use a core of this replica for a drawn duration."""
        place = HERE.get()
        if self.changed:
            dist = self._now(word).get("dist", dist)
        amount = place.duration(word, "time", dist)
        if amount <= 0:
            return
        replica = self.replica
        if replica.faults.slowness:
            amount = replica.faults.slowed(self.endpoint, amount)
        since = replica.clock.now()
        await replica.processor.work(amount, replica.in_progress)
        place.own += replica.clock.now() - since

    async def wait(self, word: str, dist: Dist) -> None:
        """Take a drawn duration, but no core."""
        place = HERE.get()
        if self.changed:
            dist = self._now(word).get("dist", dist)
        amount = place.duration(word, "time", dist)
        replica = self.replica
        if replica.faults.slowness:
            amount = replica.faults.slowed(self.endpoint, amount)
        if amount <= 0:
            return
        since = replica.clock.now()
        await replica.clock.sleep(amount)
        place.own += replica.clock.now() - since

    async def call(
        self, call: Call, request: Mapping[str, Any] | None = None, *, fallback: Branch | None = None
    ) -> dict[str, Any]:
        """Call another endpoint, with the policies around it. Raises StepFailed when all of them failed."""
        if self.changed:
            call = self._now(call.word).get("call", call)
        return await execute(self, call, request, fallback)

    async def parallel(self, word: str, *branches: Branch, need: int = 0, copies: int = 1) -> list[Any]:
        """All branches at once, `copies` times when it is one alone; goes on at the `need`th success (0: all).

        What they returned, None for those that failed or still run; these run on by themselves.
        """
        here = HERE.get()
        if self.changed:
            now = self._now(word)
            need, copies = now.get("need", need), now.get("copies", copies)
        times = copies if len(branches) == 1 else 1
        group = Group(self, here, len(branches) * times, need)
        for branch in branches:
            for copy in range(times):
                group.start(branch, here.inside(word, occurrence(here.context, copy, 0)))
        return await group.decided()

    async def choose(self, word: str, weights: Sequence[float], *branches: Branch) -> Any:
        """One branch, drawn by weight (they sum to 1)."""
        here = HERE.get()
        if self.changed:
            weights = self._now(word).get("weights", weights)
        i = bisect(list(accumulate(weights))[:-1], here.uniform(word, "choose"))
        with enter(here.inside(f"{word}/{i}")):
            return await branches[i]()

    async def repeat(self, word: str, count: Dist, branch: Branch) -> None:
        """The branch as often in a row as is drawn."""
        here = HERE.get()
        if self.changed:
            count = self._now(word).get("count", count)
        for index in range(here.duration(word, "count", count)):
            with enter(here.inside(word, occurrence(here.context, index, 0))):
                await branch()

    async def group(self, word: str, branch: Branch) -> Any:
        """A block of its own."""
        with enter(HERE.get().inside(word)):
            return await branch()

    async def read(self, word: str, store: Store, *, timeout: int = -1, cache: Cache | None = None) -> Any:
        """Read from a store, through a cache when there is one."""
        if self.numbers is not None:
            now = self._now(word)
            timeout, cache = now.get("timeout", timeout), now.get("cache", cache)
            store = self._store(store)
            if cache is not None:
                cache = replace(cache, store=self._store(cache.store))
        return await self.replica.stores.read(self, word, store, timeout=timeout, cache=cache)

    async def write(self, word: str, store: Store, *, timeout: int = -1) -> Any:
        """Write to a store."""
        if self.numbers is not None:
            timeout, store = self._now(word).get("timeout", timeout), self._store(store)
        return await self.replica.stores.write(self, word, store, timeout=timeout)

    async def publish(
        self, word: str, channel: Channel, body: Mapping[str, Any] | None = None, *, key: Dist | None = None,
        outbox: bool = False, timeout: int = -1,
    ) -> None:
        """Hand a message over; goes on once the broker has it, with an outbox at once."""
        if self.numbers is not None:
            now = self._now(word)
            key, timeout = now.get("key", key), now.get("timeout", timeout)
            channel = self.numbers.channels.get(channel.name, channel)
        await self.replica.events.publish(self, word, channel, body, key=key, outbox=outbox, timeout=timeout)

    async def saga(self, word: str, *pairs: tuple[Branch, Branch | None]) -> None:
        """Run each `do`; when one fails, the `undo` of those done, last first, and then fail as it did."""
        await run_saga(self, word, pairs)

    async def fail(self, word: str, rate: float, status: int = 500, crash: bool = False) -> None:
        """Fail by chance: with an error, or by killing the whole replica."""
        if self.changed:
            now = self._now(word)
            rate, status = now.get("rate", rate), now.get("status", status)
            crash = now.get("crash", crash)
        if HERE.get().uniform(word, "fail") >= rate:
            return
        if crash:
            await self.replica.die()
        outcome = REJECTED if 400 <= status < 500 else ERROR
        raise StepFailed(outcome, cause_of(self.replica.name, outcome), status)

    # -- numbers that have changed since the code was generated ------------------------------------

    def _now(self, word: str) -> Mapping[str, Any]:
        """The arguments of a step at the current place that are others now."""
        return self.changed.get(child_key(HERE.get().key, word), SAME) if self.changed else SAME

    def _store(self, store: Store) -> Store:
        found: Store = self.numbers.stores.get(store.name, store) if self.numbers is not None else store
        return found
