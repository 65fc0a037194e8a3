"""The sources of a description while they run: when they send, and what a turn of theirs is.

The times, the numbers and the dice are those of `sim.client`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, Final

from msforge.live.load.clients import Clients
from msforge.model.plan import Block, Source, Step, System, Verb
from msforge.policies import draws
from msforge.runtime.failures import DEGRADED
from msforge.runtime.flow import Flow
from msforge.runtime.place import HERE, root_key
from msforge.sim.arrivals import Arrivals
from msforge.sim.client import LATE_USERS
from msforge.sim.streams import Pool

TOGETHER: Final = 16
"""Requests sent in a row before others get their turn, when the generator is late."""


def _ring(waiting: asyncio.Future[bool]) -> None:
    if not waiting.done():
        waiting.set_result(False)


class TurnOver(Exception):
    """A turn ends here: a request of it failed, or the run's duration is over."""


class RunningSource:
    """One traffic source. `turns` are the tasks of its clients under way."""

    def __init__(self, clients: Clients, system: System, source: Source, *, seed: int, replication: int = 0) -> None:
        self.clients = clients
        self.system = system
        self.source = source
        self.clock = clients.clock
        self.key = root_key(seed, replication, "source", source.name)
        self.end = min(system.run.duration, source.end) if source.end >= 0 else system.run.duration
        self.begun = 0
        self.arrivals: Arrivals | None = None
        self._block: list[int] = []
        self._cursor = 0
        self._waiting: asyncio.Future[bool] | None = None
        self._users: list[asyncio.Task[None]] = []
        self.stride = 1 << max(0, source.users - 1).bit_length()
        self.busy: set[int] = set()
        self.turns: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send until the end. An open loop never waits for the system, however late it is."""
        if self.source.arrivals == "closed":
            self._more_users(self.source.start)
            while not all(task.done() for task in self._users):
                await asyncio.wait(self._users)
            return
        since = 0
        while (at := await self._next()) is not None:
            delay = at - self.clock.now()
            since += 1
            if delay > 0:
                if await self._changed_within(delay):
                    continue
                since = 0
            elif since >= TOGETHER:
                await asyncio.sleep(0)
                since = 0
            self._cursor += 1
            number = self.begun
            self.begun += 1
            task = asyncio.get_running_loop().create_task(self._turn(number, at))
            self.turns.add(task)
            task.add_done_callback(self.turns.discard)

    def times(self) -> Iterator[int]:
        """When an open loop's requests are to be sent, ns, as long as nothing changes."""
        count = 0
        while (at := self._coming()) is not None and at < self.end and not 0 <= self.source.count <= count:
            yield at
            count += 1
            self._cursor += 1

    def _coming(self) -> int | None:
        """The next arrival (ns), None when there is none."""
        if self._cursor == len(self._block):
            if self.source.arrivals == "given":
                self._block = [] if self._block else [self.source.start + time for time in self.source.times]
            else:
                self.arrivals = self.arrivals or Arrivals(self.source, Pool(), self.key)
                self._block = self.arrivals.block()
            self._cursor = 0
        return self._block[self._cursor] if self._block else None

    async def _next(self) -> int | None:
        """The next arrival (ns). With none to come it waits for a change as long as one may come: None is the end."""
        while True:
            at = self._coming()
            if at is not None and at < self.end and not 0 <= self.source.count <= self.begun:
                return at
            changes = any(fault.kind == "change" for fault in self.system.faults)
            if not changes or not await self._changed_within(self.end - self.clock.now()):
                return None

    async def _changed_within(self, delay: int) -> bool:
        """Wait so many ns. True: the plan changed meanwhile."""
        self._waiting = asyncio.get_running_loop().create_future()
        alarm = self.clock.later(max(0, delay), _ring, self._waiting)
        try:
            return bool(await self._waiting)
        finally:
            alarm.cancel()

    def adopt(self, source: Source, system: System) -> None:
        """A changed plan is in force; the dice stay the same."""
        if source.arrivals == "closed":
            self.source, self.system = source, system
            self._more_users(0)
            return
        if source != self.source and source.arrivals != "given":
            before = self.arrivals or Arrivals(self.source, Pool(), self.key)
            self.arrivals = before.changed(source, Pool(), self.key, max(0, self.clock.now()), self.begun)
            self._block, self._cursor = [], 0
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_result(True)
        self.source, self.system = source, system

    def _more_users(self, start: int) -> None:
        self._users = [task for task in self._users if not task.done()] if self._users else []
        for user in range(self.source.users):
            if user not in self.busy:
                self.busy.add(user)
                self._users.append(asyncio.get_running_loop().create_task(self._user(user, start)))

    async def _user(self, user: int, start: int) -> None:
        """One user of a closed loop: thinks, takes a turn, thinks again, until a change takes this user away."""
        think = draws.child_key(self.key, "think")
        await self.clock.sleep(start - self.clock.now())
        turn = 0
        while True:
            source = self.source
            if user >= source.users:
                self.busy.discard(user)
                return
            number = turn * (self.stride if user < self.stride else LATE_USERS) + user
            if source.think is not None:
                await self.clock.sleep(draws.duration(source.think, think, number))
            now = self.clock.now()
            if now >= self.end or 0 <= source.count <= self.begun:
                return
            self.begun += 1
            await self._turn(number, now)
            turn += 1

    # -- a turn -----------------------------------------------------------------------------------

    async def _turn(self, number: int, arrival: int) -> None:
        turn = Turn(self, self.clients.flow(self.source, self.key, number, arrival), arrival)
        with contextlib.suppress(TurnOver):
            await turn.block(self.source.journey)


class Turn:
    """One client's way through the source's journey, which may be a single request."""

    __slots__ = ("arrival", "flow", "of")

    def __init__(self, of: RunningSource, flow: Flow, arrival: int) -> None:
        self.of = of
        self.flow = flow
        self.arrival = arrival

    async def block(self, block: Block) -> None:
        """Steps in a row. Raises TurnOver."""
        for index in block:
            await self._step(self.of.system.steps[index])

    async def _step(self, step: Step) -> None:
        flow = self.flow
        match step.verb:
            case Verb.CALL:
                await self._call(step)
            case Verb.THINK | Verb.WAIT:
                assert step.dist is not None
                await self.of.clock.sleep(HERE.get().duration(step.word, "time", step.dist))
            case Verb.CHOOSE:
                await flow.choose(step.word, step.weights, *(self._branch(block) for block in step.blocks))
            case Verb.REPEAT:
                assert step.dist is not None
                await flow.repeat(step.word, step.dist, self._branch(step.blocks[0]))
            case _:
                await flow.group(step.word, self._branch(step.blocks[0]))

    def _branch(self, block: Block) -> Any:
        async def run() -> None:
            await self.block(block)

        return run

    async def _call(self, step: Step) -> None:
        now = self.of.clock.now()
        first = self.arrival >= 0
        if now >= self.of.end and not first:
            raise TurnOver  # after the run's duration nobody sends any more
        arrival = self.arrival if first else now
        self.arrival = -1
        outcome = await self.of.clients.send(self.of.source, step, self.flow, arrival)
        if outcome > DEGRADED and not step.keep_going:
            raise TurnOver
