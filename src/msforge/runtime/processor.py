"""How a replica's work takes time: plain timers, limited cores, pauses.

Without a CPU limit all work passes at full speed. With cores and time slicing (processor sharing), n jobs on c cores
each run at min(1, c / n); first come, first served runs c jobs at a time. A pause stops work where it is.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Final

from msforge.runtime.burn import burn
from msforge.runtime.clock import Clock
from msforge.runtime.level import Level
from msforge.runtime.plan import Cpu

TINY: Final = 1e-3  # ns; below this a job is done


class Job:
    """Work under way. `left` is what remains (ns) of what was asked for."""

    __slots__ = ("done", "due", "left", "timer")

    def __init__(self, amount: int) -> None:
        self.left = float(amount)
        self.due = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.timer: asyncio.TimerHandle | None = None

    def finish(self) -> None:
        """Let its request go on."""
        if not self.done.done():
            self.done.set_result(None)

    def stop(self) -> None:
        """Forget its appointment."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Processor(ABC):
    """Takes the time of work. `paused` counts the pauses that are on."""

    def __init__(self, clock: Clock, cpu: Cpu | None = None) -> None:
        self.clock = clock
        self.cpu = cpu
        self.paused = 0

    async def work(self, amount: int, in_progress: Callable[[], int] = lambda: 1) -> None:
        """Work for `amount` ns; `in_progress` counts the requests in progress on the replica, this one included."""
        cpu = self.cpu
        if cpu is not None and (cpu.contention or cpu.coherency):
            n = max(1, in_progress())
            amount = round(amount * (1.0 + cpu.contention * (n - 1) + cpu.coherency * n * (n - 1)))
        job = Job(amount)
        self.add(job)
        try:
            await job.done
        except asyncio.CancelledError:
            self.drop(job)
            raise

    def pause(self) -> None:
        """Stop the work where it is."""
        self.paused += 1
        if self.paused == 1:
            self.halt()

    def resume(self) -> None:
        """Go on from where the pause stopped it."""
        if self.paused:
            self.paused -= 1
            if not self.paused:
                self.go()

    def area(self) -> float:
        """Core-ns used so far."""
        return 0.0

    @abstractmethod
    def add(self, job: Job) -> None:
        """A job wants the CPU."""

    @abstractmethod
    def drop(self, job: Job) -> None:
        """A job's request is gone: it leaves at once."""

    @abstractmethod
    def halt(self) -> None:
        """A pause begins."""

    @abstractmethod
    def go(self) -> None:
        """The last pause is over."""


class Unlimited(Processor):
    """All jobs at full speed."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._jobs: dict[Job, None] = {}

    def add(self, job: Job) -> None:
        self._jobs[job] = None
        if not self.paused:
            self._start(job)

    def _start(self, job: Job) -> None:
        job.due = self.clock.now() + int(job.left)
        job.timer = self.clock.later(int(job.left), self._end, job)

    def _end(self, job: Job) -> None:
        self._jobs.pop(job, None)
        job.finish()

    def drop(self, job: Job) -> None:
        job.stop()
        self._jobs.pop(job, None)

    def halt(self) -> None:
        now = self.clock.now()
        for job in self._jobs:
            job.stop()
            job.left = float(max(0, job.due - now))

    def go(self) -> None:
        for job in self._jobs:
            self._start(job)


class Shared(Processor):
    """Time-sliced cores. `_passed` is the work (ns) that a job there since the start would have had."""

    def __init__(self, clock: Clock, cpu: Cpu) -> None:
        super().__init__(clock, cpu)
        self._cores = cpu.cores
        self._heap: list[tuple[float, int, Job]] = []
        self._passed = self._used = 0.0
        self._since = clock.now()
        self._timer: asyncio.TimerHandle | None = None
        self._tie = 0

    def _advance(self) -> None:
        now = self.clock.now()
        count = len(self._heap)
        if count and not self.paused:
            self._passed += (now - self._since) * min(1.0, self._cores / count)
            self._used += (now - self._since) * min(self._cores, count)
        self._since = now

    def area(self) -> float:
        self._advance()
        return self._used

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._heap or self.paused:
            return
        left = max(0.0, self._heap[0][0] - self._passed) / min(1.0, self._cores / len(self._heap))
        delay = int(left)
        if left - delay > TINY:
            delay += 1
        self._timer = self.clock.later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._advance()
        while self._heap and self._heap[0][0] <= self._passed + TINY:
            heappop(self._heap)[2].finish()
        self._arm()

    def add(self, job: Job) -> None:
        self._advance()
        self._tie += 1
        heappush(self._heap, (self._passed + job.left, self._tie, job))
        self._arm()

    def drop(self, job: Job) -> None:
        self._advance()
        self._heap = [entry for entry in self._heap if entry[2] is not job]
        heapify(self._heap)
        self._arm()

    def halt(self) -> None:
        self.paused = 0  # what has passed until now counts
        self._advance()
        self.paused = 1
        self._arm()

    def go(self) -> None:
        self._since = self.clock.now()
        self._arm()


class InTurn(Processor):
    """First come, first served on whole cores."""

    def __init__(self, clock: Clock, cpu: Cpu) -> None:
        super().__init__(clock, cpu)
        self._free = max(1, int(cpu.cores))
        self._queue: deque[Job] = deque()
        self._running: dict[Job, None] = {}
        self._busy = Level()

    def area(self) -> float:
        return float(self._busy.until(self.clock.now()))

    def add(self, job: Job) -> None:
        if self._free and not self.paused:
            self._start(job)
        else:
            self._queue.append(job)

    def _start(self, job: Job) -> None:
        self._free -= 1
        self._busy.step(self.clock.now(), 1)
        self._running[job] = None
        self._run(job)

    def _run(self, job: Job) -> None:
        job.due = self.clock.now() + int(job.left)
        job.timer = self.clock.later(int(job.left), self._end, job)

    def _end(self, job: Job) -> None:
        if self._running.pop(job, job) is None:
            self._free += 1
            self._busy.step(self.clock.now(), -1)
            self._next()
            job.finish()

    def _next(self) -> None:
        while self._queue and self._free and not self.paused:
            self._start(self._queue.popleft())

    def drop(self, job: Job) -> None:
        job.stop()
        if job in self._running:
            del self._running[job]
            self._free += 1
            self._busy.step(self.clock.now(), -1)
            self._next()
        elif job in self._queue:
            self._queue.remove(job)

    def halt(self) -> None:
        now = self.clock.now()
        for job in self._running:
            job.stop()
            job.left = float(max(0, job.due - now))

    def go(self) -> None:
        for job in self._running:
            self._run(job)
        self._next()


class Burning(Processor):
    """Work that really uses a core of the machine, in a thread of its own."""

    def __init__(self, clock: Clock, cpu: Cpu | None = None) -> None:
        super().__init__(clock, cpu)
        self._busy = Level()

    def area(self) -> float:
        return float(self._busy.until(self.clock.now()))

    def add(self, job: Job) -> None:
        self._busy.step(self.clock.now(), 1)
        job.done.add_done_callback(lambda _: self._busy.step(self.clock.now(), -1))
        seconds = self.clock.seconds(int(job.left))
        burning = asyncio.get_running_loop().run_in_executor(None, burn, seconds, lambda: job.done.done())
        burning.add_done_callback(lambda _: job.finish())

    def drop(self, job: Job) -> None:
        """It sees by itself that nobody waits."""

    def halt(self) -> None:
        """Work that burns is not stopped by a pause; what begins later isn't either."""

    def go(self) -> None:
        """Nothing was stopped."""


def processor_of(cpu: Cpu | None, clock: Clock, *, burning: bool = False) -> Processor:
    """What a replica with such a CPU works on."""
    if burning:
        return Burning(clock, cpu)
    if cpu is None:
        return Unlimited(clock)
    return Shared(clock, cpu) if cpu.sharing else InTurn(clock, cpu)
