"""Keyed, counter-based random words: f(key, number, context, word).

A draw is a pure function of what it is for, never of the order of events. `key` stands for
the purpose (seed, replication, source, call path, ...), `number` for the request, `context`
for the occurrence and try of the draw and all its ancestors, `word` for the words one draw
may need. The mixing is SplitMix64's (G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable
Pseudorandom Number Generators", OOPSLA 2014; finaliser by D. Stafford, variant 13).
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

MASK: Final = (1 << 64) - 1
GAMMA: Final = 0x9E3779B97F4A7C15
"""Step from one request number to the next: 2**64 over the golden ratio, odd."""
WORD_STEP: Final = 0xD1B54A32D192ED03
"""Step from one word of a draw to the next: odd, far from a simple multiple of GAMMA."""
MIX_A: Final = 0xBF58476D1CE4E5B9
MIX_B: Final = 0x94D049BB133111EB
SPACING: Final = 2.0**-52


def mix64(x: int) -> int:
    """A bijection on 64-bit words whose output bits each depend on all input bits."""
    x = ((x ^ (x >> 30)) * MIX_A) & MASK
    x = ((x ^ (x >> 27)) * MIX_B) & MASK
    return x ^ (x >> 31)


def stream_key(seed: int, *words: str | int) -> int:
    """The 64-bit key of a purpose, from a seed and the words that name the purpose.

    Words are encoded with their type and length, so ("ab", "c"), ("a", "bc") and
    ("1",), (1,) all give different keys.
    """
    text = b"".join(_encoded(word) for word in (seed, *words))
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


@lru_cache(maxsize=1 << 16)
def child_key(key: int, word: str) -> int:
    """The key of a purpose one word below `key`'s, stream_key(key, word) at half the cost. 64 bits."""
    number, text = b"%d" % key, word.encode()
    encoded = b"i%d:%bs%d:%b" % (len(number), number, len(text), text)
    return int.from_bytes(blake2b(encoded, digest_size=8).digest(), "little")


def occurrence(context: int, index: int, attempt: int) -> int:
    """The context of a step's `index`-th occurrence and `attempt`-th try inside `context`.

    0 for the first of both at the root (index, attempt and context all 0), so that the plain
    draws of a request share one stream over request numbers; else a 64-bit mix that is never 0.
    """
    if not (context or index or attempt):
        return 0
    return mix64(mix64((context + index * GAMMA + 1) & MASK) + attempt * WORD_STEP & MASK) or 1


def base(key: int, context: int = 0) -> int:
    """Where the stream of a key and context starts; request n is `n * GAMMA` further."""
    return mix64(key ^ context)


def raw(key: int, n: int, context: int = 0, word: int = 0) -> int:
    """The 64 random bits of a key, request number, context and word (all >= 0)."""
    x = mix64((mix64(key ^ context) + n * GAMMA) & MASK)
    return mix64((x + word * WORD_STEP) & MASK) if word else x


def word_of(x: int, word: int) -> int:
    """Word `word` > 0 of the draw whose word 0 is x."""
    return mix64((x + word * WORD_STEP) & MASK)


def to_uniform(x: int) -> float:
    """64 random bits as a float in the open (0, 1): the odd multiples of 2**-53, equally likely.

    52 bits, not 53: with 53 the largest value would round up to 1.
    """
    return ((x >> 12) + 0.5) * SPACING


def uniform(key: int, n: int, context: int = 0, word: int = 0) -> float:
    """A uniform draw in the open (0, 1)."""
    return ((raw(key, n, context, word) >> 12) + 0.5) * SPACING


def _encoded(word: str | int) -> bytes:
    """A word with its type and length in front, so that no two lists of words run together."""
    text = word.encode() if isinstance(word, str) else str(word).encode()
    kind = b"s" if isinstance(word, str) else b"i"
    return kind + str(len(text)).encode() + b":" + text
