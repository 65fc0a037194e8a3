"""A circuit breaker with resilience4j's states, windows and thresholds."""

from __future__ import annotations

from typing import Final

from msforge.policies.window import CountWindow, TimedWindow

CLOSED: Final = 0
OPEN: Final = 1
HALF_OPEN: Final = 2
STATES: Final = ("closed", "open", "half-open")
PARTS: Final = 1_000_000_000
"""Rates are compared in integers, in parts of this: 3 of 30 calls are exactly 10 %."""


class CircuitBreaker:
    """Refuses calls to a callee that fails or is slow too often.

    Closed: calls pass and their results fill a window of the last `window` calls, or of `window`
    ns when `timed`. With at least `minimum_calls` in it (never more than a count window holds),
    it opens when the share of failures is `failure_rate` or more, or the share of calls longer than
    `slow_duration` (ns) is `slow_rate` or more; a rate above 1 never opens, one of 0 needs one such
    call. `consecutive` > 0 instead opens after so many failures in a row (Envoy's and Polly's way)
    and ignores `failure_rate`.

    Open: calls are refused. Once `open_for` ns have passed since the reply that opened it, the next
    call makes it half-open.

    Half-open: exactly `trial_calls` are admitted, others refused. When all their results are in, it
    opens again by the same thresholds over the trials (with `consecutive`: when any of them failed),
    else closes with an empty window.

    A call's ticket names the period it was admitted in; a result from an earlier period counts for nothing.
    `log` has every change of state as (time, from, to).
    """

    __slots__ = (
        "_admitted", "_consecutive", "_failure_parts", "_minimum", "_open_for", "_period", "_reopens", "_row",
        "_slow_duration", "_slow_parts", "_trial_calls", "_trial_failed", "_trial_slow", "_trials", "_window",
        "log", "state",
    )  # fmt: skip

    def __init__(
        self,
        failure_rate: float,
        consecutive: int,
        slow_rate: float,
        slow_duration: int,
        window: int,
        timed: bool,
        minimum_calls: int,
        open_for: int,
        trial_calls: int,
    ) -> None:
        self._consecutive = consecutive
        self._failure_parts = PARTS + 1 if consecutive else max(1, round(min(failure_rate, 2.0) * PARTS))
        self._slow_parts = max(1, round(min(slow_rate, 2.0) * PARTS))
        self._slow_duration = slow_duration
        self._window: CountWindow | TimedWindow = TimedWindow(window) if timed else CountWindow(window)
        self._minimum = max(1, minimum_calls if timed else min(minimum_calls, window))
        self._open_for = open_for
        self._trial_calls = max(1, trial_calls)
        self.state = CLOSED
        self.log: list[tuple[int, int, int]] = []
        self._period = 0    # counts changes of state; the ticket of calls admitted now
        self._row = 0       # failures in a row
        self._reopens = 0   # ns, from when an open breaker lets a trial through
        self._admitted = self._trials = self._trial_failed = self._trial_slow = 0

    def allow(self, now: int) -> int:
        """Admits a call at `now` (ns): its ticket, or -1 to refuse it."""
        state = self.state
        if state == CLOSED:
            return self._period
        if state == OPEN:
            if now < self._reopens:
                return -1
            self._change(now, HALF_OPEN)
        elif self._admitted >= self._trial_calls:
            return -1
        self._admitted += 1
        return self._period

    def record(self, ticket: int, now: int, failed: bool, duration: int) -> None:
        """A call admitted with `ticket` ended at `now` (ns) after `duration` ns."""
        if ticket != self._period:
            return
        slow = duration > self._slow_duration
        if self.state == CLOSED:
            self._row = self._row + 1 if failed else 0
            window = self._window
            window.add(now, 1, int(failed), int(slow))
            if (window.a or window.b) and (
                0 < self._consecutive <= self._row
                or (window.n >= self._minimum and self._exceeded(window.n, window.a, window.b))
            ):
                self._open(now)
            return
        self._trials += 1
        self._trial_failed += failed
        self._trial_slow += slow
        if self._trials < self._trial_calls:
            return
        if (self._consecutive and self._trial_failed) or self._exceeded(
            self._trials, self._trial_failed, self._trial_slow
        ):
            self._open(now)
        else:
            self._change(now, CLOSED)

    def cancel(self, ticket: int, now: int) -> None:
        """A call admitted with `ticket` came to nothing: its place is free again and nothing is counted."""
        if ticket == self._period and self.state == HALF_OPEN:
            self._admitted -= 1

    def flat(self) -> tuple[int, ...]:
        """The state as integers, for comparing engines: state, period, row, reopens, trials, window's counts."""
        w = self._window
        return (
            self.state, self._period, self._row, self._reopens, self._admitted, self._trials, self._trial_failed,
            self._trial_slow, w.n, w.a, w.b,
        )  # fmt: skip

    def _exceeded(self, n: int, failed: int, slow: int) -> bool:
        return failed * PARTS >= self._failure_parts * n or slow * PARTS >= self._slow_parts * n

    def _open(self, now: int) -> None:
        self._change(now, OPEN)
        self._reopens = now + self._open_for

    def _change(self, now: int, state: int) -> None:
        """To another state: its window and trials start empty."""
        self.log.append((now, self.state, state))
        self.state = state
        self._period += 1
        self._row = self._admitted = self._trials = self._trial_failed = self._trial_slow = 0
        self._window.clear()
