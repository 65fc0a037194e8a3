"""Which replica the next request goes to, by the rules of the simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

KINDS: Final = ("round_robin", "random", "least_connections", "power_of_two")


class Balancer:
    """Picks among the `urls` that are believed ready. One for a service, or one in each of its callers' replicas.

    `turn` is where a round robin begins: a caller's number among the run's replicas, 0 when shared.
    """

    __slots__ = ("counting", "counts", "kind", "turn", "urls")

    def __init__(self, kind: str = "round_robin", urls: Sequence[str] = (), turn: int = 0) -> None:
        self.turn_to(kind)
        self.urls = list(urls)
        self.turn = turn
        self.counts: dict[str, int] = {}

    def turn_to(self, kind: str) -> None:
        """Pick by this rule from now on. Raises ValueError when there is none such."""
        if kind not in KINDS:
            raise ValueError(f"unknown balance {kind!r}; there are {', '.join(KINDS)}")
        self.kind = kind
        self.counting = kind in ("least_connections", "power_of_two")

    def believe(self, urls: Sequence[str]) -> None:
        """Take these replicas for ready, in the order of their ordinals."""
        self.urls = list(urls)

    def pick(self, u: Callable[[], float]) -> str | None:
        """The replica for the next try, None when none is believed ready; `u` makes the uniform draw it may need."""
        urls = self.urls
        count = len(urls)
        if count < 2:
            return urls[0] if count else None
        if self.kind == "round_robin":
            turn = self.turn
            self.turn = turn + 1
            return urls[turn % count]
        draw = u()
        if self.kind == "random":
            return urls[int(draw * count)]
        counts = self.counts
        if self.kind == "power_of_two":
            first, second = divmod(int(draw * count * (count - 1)), count - 1)  # an ordered pair of distinct replicas
            second += second >= first
            one, other = urls[first], urls[second]
            return one if counts.get(one, 0) <= counts.get(other, 0) else other
        least = min(counts.get(url, 0) for url in urls)
        best = [url for url in urls if counts.get(url, 0) == least]
        return best[int(draw * len(best))]

    def sent(self, url: str) -> None:
        """A request is on its way."""
        if self.counting:
            self.counts[url] = self.counts.get(url, 0) + 1

    def settled(self, url: str) -> None:
        """Its caller has the answer, or gave up."""
        if self.counting:
            self.counts[url] = max(0, self.counts.get(url, 0) - 1)
