"""Where in a call path the code at hand runs: what draws are keyed by, and where its time is counted.

A place is a block of steps as reached through its ancestors: a 64-bit `key` made of their names, and a `context` made
of their occurrences and tries. With the request's number and a purpose it names a draw, the same one that the simulator
makes. The current place follows the code through `await` and into tasks.
"""

from __future__ import annotations

import re
from contextvars import ContextVar, Token
from typing import Any, Final

from msforge.policies.distributions import Dist
from msforge.policies.keys import child_key, stream_key, uniform
from msforge.policies.sampling import duration


class Place:
    """A place, and the time (ns) its steps took on the critical path: own work, stores, network, backoff."""

    __slots__ = ("back", "context", "flow", "key", "net", "number", "own", "store")

    def __init__(self, key: int, context: int, number: int, flow: Any = None) -> None:
        self.key = key
        self.context = context
        self.number = number
        self.flow = flow
        self.own = 0
        self.store = 0
        self.net = 0
        self.back = 0

    def uniform(self, word: str, purpose: str) -> float:
        """The draw in (0, 1) of the step `word` for a purpose."""
        return uniform(purpose_key(self.key, word, purpose), self.number, self.context)

    def duration(self, word: str, purpose: str, dist: Dist) -> int:
        """The draw of `dist`, rounded, of the step `word` for a purpose."""
        return duration(dist, purpose_key(self.key, word, purpose), self.number, self.context)

    def inside(self, word: str, context: int | None = None) -> Place:
        """The place of a block inside the step `word`."""
        return Place(child_key(self.key, word), self.context if context is None else context, self.number, self.flow)

    def add(self, block: Place) -> None:
        """Count the time of a block inside."""
        self.own += block.own
        self.store += block.store
        self.net += block.net
        self.back += block.back


WRITTEN: Final = re.compile(r"([0-9a-f]{1,16})-([0-9]{1,20})-([0-9a-f]{1,16})")
"""A place in a header: key, number, context."""
HERE: Final[ContextVar[Place]] = ContextVar("place")


def current() -> Place:
    """The place of the code at hand. Raises LookupError outside of a request."""
    return HERE.get()


def purpose_key(key: int, word: str, purpose: str) -> int:
    """The key of a step's draws for a purpose: "@" keeps purposes apart from words."""
    return child_key(child_key(key, word), "@" + purpose)


def root_key(seed: int, replication: int, *words: str) -> int:
    """The key of where requests begin, e.g. `source shoppers`."""
    return stream_key(seed, "replication", replication, *words)


class enter:
    """Run a block at `place`; its time counts for the place around it too."""

    __slots__ = ("_token", "around", "place")

    def __init__(self, place: Place) -> None:
        self.around = HERE.get()
        self.place = place

    def __enter__(self) -> Place:
        self._token: Token[Place] = HERE.set(self.place)
        return self.place

    def __exit__(self, *problem: object) -> None:
        HERE.reset(self._token)
        self.around.add(self.place)


def draw_uniform(word: str, purpose: str) -> float:
    """The current place's draw in (0, 1) of the step `word` for a purpose."""
    return HERE.get().uniform(word, purpose)


def draw_duration(word: str, purpose: str, dist: Dist) -> int:
    """The current place's draw of `dist` for the step `word`, rounded to whole ns (or counts)."""
    return HERE.get().duration(word, purpose, dist)


def encode(key: int, number: int, context: int) -> str:
    """A place and a request's number as a header carries them."""
    return f"{key:x}-{number}-{context:x}"


def decode(text: str) -> tuple[int, int, int] | None:
    """(key, number, context) of such a header; None for anything else."""
    found = WRITTEN.fullmatch(text)
    if found is None:
        return None
    key, number, context = int(found[1], 16), int(found[2]), int(found[3], 16)
    return (key, number, context) if number < 1 << 64 else None


def once(flow: Any, effect: int) -> str:
    """What names an effect of an idempotent consumer, the same whenever its message comes again; "" for others."""
    message = flow.message
    return f"{message.id}:{effect}" if message is not None and message.idempotent else ""
