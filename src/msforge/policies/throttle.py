"""Adaptive throttling: a client that refuses its own requests when its callee answers few of them."""

from __future__ import annotations

from msforge.policies.window import TimedWindow


class AdaptiveThrottle:
    """The rule of *Site Reliability Engineering* (O'Reilly, 2016), chapter 21, "Client-Side Throttling".

    A request is refused with probability max(0, (requests - k * accepts) / (requests + 1)),
    over the last `window` ns; requests count every try, those refused here too. The window is
    a `TimedWindow`: at least ten buckets.
    """

    __slots__ = ("_seen", "k")

    def __init__(self, k: float, window: int) -> None:
        self.k = k
        self._seen = TimedWindow(window)

    @property
    def requests(self) -> int:
        """Tries in the window as last looked at."""
        return self._seen.n

    @property
    def accepts(self) -> int:
        """Accepted tries in the window as last looked at."""
        return self._seen.a

    def refuse(self, now: int, u: float) -> bool:
        """Counts a try at `now` (ns) and says whether to refuse it; `u` is a uniform draw in (0, 1)."""
        seen = self._seen
        seen.advance(now)
        excess = seen.n - self.k * seen.a
        refused = excess > 0 and u * (seen.n + 1) < excess
        seen.add(now, 1, 0, 0)
        return refused

    def accept(self, now: int) -> None:
        """Counts an answer of the callee at `now` (ns) that is no refusal."""
        self._seen.add(now, 0, 1, 0)
