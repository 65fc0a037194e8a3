"""Counts over the recent past, in a ring of buckets."""

from __future__ import annotations

from typing import Final

SECOND: Final = 1_000_000_000
FEWEST_BUCKETS: Final = 10


class TimedWindow:
    """Three counts over the last `length` ns: `n`, `a`, `b`.

    Time is cut in buckets of `width`: one second each as in resilience4j, or a tenth of the
    window when it is shorter than ten seconds. The bucket under way counts, so the window reaches back
    between `length - width` and `length`. `now` must not go backwards.
    """

    __slots__ = ("_a", "_b", "_bucket", "_buckets", "_n", "a", "b", "n", "width")

    def __init__(self, length: int) -> None:
        self._buckets = max(FEWEST_BUCKETS, -(-length // SECOND))
        self.width = max(1, length // self._buckets)
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self.n = self.a = self.b = 0
        self._n = [0] * self._buckets
        self._a = [0] * self._buckets
        self._b = [0] * self._buckets
        self._bucket = 0

    def advance(self, now: int) -> int:
        """Drops what has grown too old by `now`; the place of the bucket under way."""
        bucket = now // self.width
        if bucket != self._bucket:
            stale = bucket - self._bucket
            if stale >= self._buckets:
                self.clear()
            else:
                for old in range(self._bucket + 1, bucket + 1):
                    place = old % self._buckets
                    self.n -= self._n[place]
                    self.a -= self._a[place]
                    self.b -= self._b[place]
                    self._n[place] = self._a[place] = self._b[place] = 0
            self._bucket = bucket
        return bucket % self._buckets

    def add(self, now: int, n: int, a: int, b: int) -> None:
        """Counts at `now` (ns)."""
        bucket = now // self.width
        place = bucket % self._buckets if bucket == self._bucket else self.advance(now)
        self._n[place] += n
        self._a[place] += a
        self._b[place] += b
        self.n += n
        self.a += a
        self.b += b


class CountWindow:
    """The same three counts over the last `length` calls, one added at a time: `n` <= `length`."""

    __slots__ = ("_length", "_next", "_ring", "a", "b", "n")

    def __init__(self, length: int) -> None:
        self._length = max(1, length)
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self.n = self.a = self.b = 0
        self._ring = bytearray(self._length)
        self._next = 0

    def add(self, now: int, n: int, a: int, b: int) -> None:
        """Counts one call (`n` is 1, a and b are 0 or 1); the oldest leaves a full window."""
        place = self._next
        if self.n == self._length:
            old = self._ring[place]
            self.a -= old & 1
            self.b -= old >> 1
        else:
            self.n += 1
        self._ring[place] = a | b << 1
        self.a += a
        self.b += b
        place += 1
        self._next = 0 if place == self._length else place
