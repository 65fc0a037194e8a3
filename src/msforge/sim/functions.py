"""Functions (serverless): one request per instance, cold when none is warm."""

from __future__ import annotations

from msforge.sim.kernel import OVERLOADED, PENDING, RATE_LIMITED, RESET, TIMEOUT, TIMER, Timer
from msforge.sim.replica import Replica
from msforge.sim.request import QUEUED, Request

COLD = -7  # slot of cold start draws
GIB = float(1 << 30)


class FunctionReplica(Replica):
    """All instances of a function. `warm` holds, for each idle one, when it is let go (ns)."""

    __slots__ = ("billed", "cold_starts", "invocations", "warm")

    warm: list[int]

    def configure(self) -> None:
        """As any replica, but without a limit of threads."""
        if not hasattr(self, "warm"):
            self.warm = []
            self.billed = 0.0
            self.cold_starts = 0
            self.invocations = 0
        super().configure()

    def arrive(self, request: Request) -> None:
        """Start on the instance that was used last, or on a cold one."""
        now = self.engine.env.now
        request.arrive = now
        self.arrived += 1
        self.service.arrived += 1
        if not self.up:
            return self.refuse(request, RESET)
        if request.stopping >= 0:
            return self.refuse(request, request.stopping)
        if self.bucket is not None and not self.bucket.take(now):
            return self.refuse(request, RATE_LIMITED)
        if 0 <= request.deadline <= now:
            return self.refuse(request, TIMEOUT)
        limit = self.plan.autoscale.maximum if self.plan.autoscale is not None else -1
        if 0 <= limit <= self.gauge_busy.value + self.waiting:
            return self.refuse(request, OVERLOADED)
        if request.deadline >= 0:
            self.schedule(Timer(self._deadline, request), TIMER, request.deadline - now)
        return self._place(request, now)

    def handle(self, request: Request, now: int) -> None:
        """A message is a request as any other: it gets an instance of its own."""
        self._place(request, now)

    def _place(self, request: Request, now: int) -> None:
        """On the instance that was used last, or on a cold one."""
        self.invocations += 1
        self.warm = [until for until in self.warm if until > now]
        if self.warm:
            self.warm.pop()
            return self._run(request)
        self.cold_starts += 1
        function = self.plan.function
        assert function is not None
        delay = request.site.draw(COLD, "cold", "start", function.cold_start, request.root.number, request.context)
        self.engine.cold_start(self, delay)
        self.gauge_wait.up(now)
        self.waiting += 1
        request.state = QUEUED
        self.queue.append(request)
        self.engine.after(delay, self._warmed, request)
        return None

    def _warmed(self, request: Request) -> None:
        if request.state != QUEUED:
            return
        self.queue.remove(request)
        self.waiting -= 1
        self.gauge_wait.down(self.engine.env.now)
        self._run(request)

    def _run(self, request: Request) -> None:
        now = self.engine.env.now
        self.gauge_busy.up(now)
        result = self.begin(request, now)
        if result != PENDING:
            self.end(request, result)

    def end(self, request: Request, result: int) -> None:
        """As for any replica, but the instance is kept warm."""
        if not self._finish(request, result):
            return
        if request.message is not None:
            self._keep_warm(self.engine.env.now)
            request.message.over(request)
        elif not request.local:
            self._release(self.engine.env.now)
        self.answer(request)

    def record(self, request: Request, now: int) -> None:
        """Bill what ran."""
        function = self.plan.function
        if request.begin >= 0 and function is not None and not request.local:
            self.billed += (now - request.begin) / 1e9 * function.memory / GIB
        super().record(request, now)

    def _release(self, now: int) -> None:
        """The instance stays warm for a while."""
        if not self.up:
            return
        self._keep_warm(now)
        self.gauge_busy.down(now)
        self.leave_if_empty()

    def _keep_warm(self, now: int) -> None:
        function = self.plan.function
        if self.up and function is not None:
            self.warm.append(now + function.keep_alive)

    def crash(self) -> None:
        """Warm instances are gone too."""
        self.warm = []
        super().crash()


