"""Random words: pinned values, keys that do not run together, and independence of neighbours."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.policies import draws, keys
from msforge.sim import blocks

WORD = st.integers(0, 2**64 - 1)


def test_the_first_words_of_a_key_are_pinned() -> None:
    key = draws.stream_key(42, 0, "shoppers", "gateway.checkout", "work")
    assert key == GOLDEN_KEY
    assert [draws.raw(key, n) for n in range(3)] == GOLDEN_RAW
    assert draws.raw(key, 0, 7) == GOLDEN_CONTEXT
    assert draws.raw(key, 0, 0, 1) == GOLDEN_WORD
    assert draws.occurrence(0, 1, 0) == GOLDEN_OCCURRENCE
    assert draws.child_key(key, "network") == GOLDEN_CHILD


def test_mix64_is_splitmix64s_finaliser() -> None:
    # The published first outputs of SplitMix64 seeded with 1234567.
    state, outputs = 1234567, []
    for _ in range(3):
        state = (state + keys.GAMMA) & keys.MASK
        outputs.append(keys.mix64(state))
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("ab",), ("a", "b")),
        ((1,), ("1",)),
        ((1, 23), (12, 3)),
        (("",), ()),
        (("s1:a",), ("a",)),
        (("a", "b"), ("b", "a")),
    ],
)
def test_words_never_run_together(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> None:
    assert draws.stream_key(1, *one) != draws.stream_key(1, *other)


def test_keys_are_64_bit_words_and_depend_on_the_seed() -> None:
    made = {draws.stream_key(seed, "a", n) for seed in range(50) for n in range(50)}
    assert len(made) == 2500
    assert all(0 <= key < 2**64 for key in made)


def test_a_child_key_depends_on_both_its_parent_and_its_word() -> None:
    made = {draws.child_key(key, word) for key in range(40) for word in ("work", "network", "there", "")}
    assert len(made) == 160


def test_occurrence_is_zero_only_for_the_first_of_the_first() -> None:
    contexts = {draws.occurrence(c, i, a) for c, i, a in product((0, 1, 2**63), range(30), range(30))}
    assert len(contexts) == 2700
    assert draws.occurrence(0, 0, 0) == 0
    assert all(0 <= context < 2**64 for context in contexts)


def test_occurrence_tells_index_from_attempt_and_nesting_apart() -> None:
    assert draws.occurrence(0, 1, 2) != draws.occurrence(0, 2, 1)
    assert draws.occurrence(draws.occurrence(0, 1, 0), 0, 1) != draws.occurrence(0, 1, 1)
    assert draws.occurrence(draws.occurrence(0, 1, 0), 0, 0) != draws.occurrence(0, 1, 0)


def test_uniform_is_open_at_both_ends() -> None:
    assert keys.to_uniform(0) == 2.0**-53
    assert keys.to_uniform(2**64 - 1) == 1.0 - 2.0**-53
    assert keys.to_uniform(2**63) == 0.5 + 2.0**-53


@given(WORD, st.integers(0, 2**40), WORD, st.integers(0, 2**34), st.integers(1, 70))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_blocks_of_words_equal_single_words(key: int, first: int, context: int, word: int, count: int) -> None:
    numbers = range(first, first + count)
    assert blocks.raw_block(key, first, count, context, word).tolist() == [
        draws.raw(key, n, context, word) for n in numbers
    ]
    assert blocks.uniform_block(key, first, count, context, word).tolist() == [
        draws.uniform(key, n, context, word) for n in numbers
    ]


@pytest.mark.parametrize("count", [0, 1, 4095, 4096, 4097, 10_000])
def test_long_blocks_are_cut_in_chunks_without_a_seam(count: int) -> None:
    whole = blocks.raw_block(9, 5, count)
    assert whole.shape == (count,)
    assert whole.tolist()[-3:] == [draws.raw(9, n) for n in range(5 + count - min(count, 3), 5 + count)]


# Independence. N draws beside N draws that differ in one thing: correlation of independent
# uniforms is normal with deviation 1 / sqrt(N); 5 deviations, with seeds that never change.
N = 40_000


def _uniforms(what: str, step: int) -> np.ndarray:
    key = draws.stream_key(7, "quality")
    if what == "key":
        return blocks.uniform_block(key + step, 0, N)
    if what == "named key":
        return blocks.uniform_block(draws.stream_key(7, "quality", step), 0, N)
    if what == "context":
        return blocks.uniform_block(key, 0, N, step)
    if what == "occurrence":
        return blocks.uniform_block(key, 0, N, draws.occurrence(0, step, 0))
    if what == "attempt":
        return blocks.uniform_block(key, 0, N, draws.occurrence(0, 0, step))
    if what == "word":
        return blocks.uniform_block(key, 0, N, 0, step)
    return blocks.uniform_block(key, step, N)


@pytest.mark.parametrize("what", ["key", "named key", "context", "occurrence", "attempt", "word", "number"])
@pytest.mark.parametrize("step", [1, 2, 3, 16, 255])
def test_neighbours_are_uncorrelated(what: str, step: int) -> None:
    here, there = _uniforms(what, 0), _uniforms(what, step)
    assert abs(float(np.corrcoef(here, there)[0, 1])) < 5 / math.sqrt(N)
    high = np.abs(here - 0.5), np.abs(there - 0.5)
    assert abs(float(np.corrcoef(*high)[0, 1])) < 5 / math.sqrt(N)


@pytest.mark.parametrize("what", ["key", "context", "word", "number"])
def test_each_input_bit_flips_half_of_the_output_bits(what: str) -> None:
    for bit in (0, 1, 7, 20, 31):
        flipped = 0
        for n in range(500):
            at = {"key": 3, "n": n, "context": 5, "word": 1}
            name = "n" if what == "number" else what
            other = dict(at, **{name: at[name] ^ (1 << bit)})
            flipped += (draws.raw(**at) ^ draws.raw(**other)).bit_count()
        assert abs(flipped / 500 - 32) < 5 * 4 / math.sqrt(500)


def test_uniforms_fill_cells_and_pairs_evenly() -> None:
    u = blocks.uniform_block(draws.stream_key(3, "cells"), 0, 1 << 17)
    cells = np.bincount((u * 1024).astype(int), minlength=1024)
    assert abs(_chi_square(cells) - 1023) < 5 * math.sqrt(2 * 1023)
    pairs = np.bincount((u[:-1:2] * 32).astype(int) * 32 + (u[1::2] * 32).astype(int), minlength=1024)
    assert abs(_chi_square(pairs) - 1023) < 5 * math.sqrt(2 * 1023)


def _chi_square(counts: np.ndarray) -> float:
    expected = counts.sum() / counts.size
    return float(((counts - expected) ** 2 / expected).sum())


GOLDEN_KEY = 14615798849037944670
GOLDEN_RAW = [17510949670181242553, 12062143787213599648, 12457787568252658192]
GOLDEN_CONTEXT = 17222964712143447043
GOLDEN_WORD = 4806394566661285832
GOLDEN_OCCURRENCE = 15916886550466581944
GOLDEN_CHILD = 3023667208965853563
