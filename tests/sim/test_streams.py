"""Streams give the draws of `policies.draws`, in whatever order they are asked for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.policies import draws
from msforge.policies.distributions import Dist
from msforge.sim import streams
from msforge.sim.streams import LARGEST_BLOCK, SMALLEST_BLOCK, Pool, Site, Stream, context_of

KEY = 0x1234_5678_9ABC_DEF0
KINDS = (
    None, Dist("exponential", (1e6,)), Dist("lognormal", (13.0, 1.5)), Dist("constant", (2.5e6,)),
    Dist("zipf", (50, 1.1)),
)
CONTEXTS = st.integers(0, 2**64 - 1)


def drawn(dist: Dist | None, key: int, number: int, context: int = 0) -> float:
    """What the stream should give."""
    return draws.uniform(key, number, context) if dist is None else draws.duration(dist, key, number, context)


@st.composite
def requests(draw: st.DrawFn) -> list[int]:
    """Numbers as a system asks for them: runs in order, with gaps, repetitions and steps back."""
    numbers: list[int] = []
    for _ in range(draw(st.integers(1, 5))):
        start, count = draw(st.integers(0, 6000)), draw(st.integers(1, 120))
        stride = draw(st.sampled_from((1, 1, 2, 17)))
        numbers += range(start, start + count * stride, stride)
    late = draw(st.lists(st.integers(0, 8), max_size=10))
    return numbers + [numbers[-1 - k] for k in late if k < len(numbers)]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KINDS), requests(), st.just(0) | CONTEXTS)
def test_any_order_gives_the_same_draws(dist: Dist | None, numbers: list[int], context: int) -> None:
    stream = Stream(Pool(), KEY, dist)
    stream = stream.at(context) if context else stream
    assert [stream.get(n) for n in numbers] == [drawn(dist, KEY, n, context) for n in numbers]


@pytest.mark.parametrize("dist", KINDS, ids=lambda d: d.kind if d else "uniform")
def test_a_long_run_in_order_crosses_every_size_of_block(dist: Dist | None) -> None:
    stream = Stream(Pool(), KEY, dist)
    sizes = set()
    for number in range(2 * LARGEST_BLOCK):
        assert stream.get(number) == drawn(dist, KEY, number)
        sizes.add(stream.size)
    assert sizes == {1, SMALLEST_BLOCK, 64, 256, 1024, LARGEST_BLOCK}


def test_a_rarely_visited_place_draws_one_at_a_time() -> None:
    stream = Stream(Pool(), KEY, None)
    for number in range(0, 100_000, 1000):
        stream.get(number)
        assert stream.size == 1


def test_a_step_back_leaves_the_block_where_it_is() -> None:
    stream = Stream(Pool(), KEY, None)
    for number in range(2000):
        stream.get(number)
    block = stream.first, stream.size
    assert stream.get(3) == draws.uniform(KEY, 3)
    assert (stream.first, stream.size) == block


def test_contexts_are_apart_and_forgetting_them_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CONTEXTS_HELD", 3)
    stream = Stream(Pool(), KEY, None)
    for _ in range(2):
        seen = [stream.at(context).get(5) for context in range(1, 12)]
        assert seen == [draws.uniform(KEY, 5, context) for context in range(1, 12)]
        assert len({*seen, stream.get(5)}) == 12
        assert stream.subs is not None and len(stream.subs) <= 3


def test_many_streams_hold_smaller_blocks() -> None:
    pool = Pool()
    assert pool.cap() == LARGEST_BLOCK
    pool.streams = 1000
    assert SMALLEST_BLOCK < pool.cap() < LARGEST_BLOCK
    pool.streams = 10**9
    assert pool.cap() == SMALLEST_BLOCK


# -- sites --------------------------------------------------------------------------------------------


def test_a_site_draws_by_its_words_not_its_slots() -> None:
    def value(slot: int) -> float:
        inner = Site(Pool(), KEY).sub(slot, "call a.b").sub(slot + 1, "parallel")
        found: float = inner.draw(slot + 2, "work", "time", KINDS[1], 9, 0)
        return found

    key = KEY
    for word in ("call a.b", "parallel", "work", "@time"):
        key = draws.child_key(key, word)
    assert value(1) == value(40) == draws.duration(KINDS[1], key, 9)


@settings(deadline=None)
@given(st.integers(0, 10**6), CONTEXTS)
def test_a_site_passes_the_context_on(number: int, context: int) -> None:
    key = draws.child_key(draws.child_key(KEY, "work"), "@u")
    assert Site(Pool(), KEY).draw(1, "work", "u", None, number, context) == draws.uniform(key, number, context)


def test_words_purposes_and_places_have_dice_of_their_own() -> None:
    site = Site(Pool(), KEY)
    seen = {
        site.draw(1, "work", "time", None, 0, 0), site.draw(2, "work", "fail", None, 0, 0),
        site.draw(3, "wait", "time", None, 0, 0), site.sub(4, "work").draw(5, "work", "time", None, 0, 0),
        site.sub(6, "time").draw(7, "x", "time", None, 0, 0),
    }
    assert len(seen) == 5


def test_a_site_is_made_once() -> None:
    site = Site(Pool(), KEY)
    assert site.sub(1, "call") is site.sub(1, "call") is not site.sub(2, "other")


def test_the_way_there_and_the_way_back_are_drawn_apart() -> None:
    latency = Dist("exponential", (1e6,))
    site = Site(Pool(), KEY).sub(1, "call a.b", latency)
    assert site.there is not None and site.back is not None
    key = draws.child_key(KEY, "call a.b")
    assert site.there.get(3) == draws.duration(latency, draws.child_key(key, "@there"), 3)
    assert site.back.get(3) == draws.duration(latency, draws.child_key(key, "@back"), 3)
    plain = Site(Pool(), KEY)
    assert plain.there is None and plain.back is None


@settings(deadline=None)
@given(CONTEXTS, st.integers(0, 50), st.integers(0, 50))
def test_only_first_occurrences_and_tries_have_no_context(context: int, index: int, attempt: int) -> None:
    found = context_of(context, index, attempt)
    assert (found == 0) == (context == index == attempt == 0)
    assert found == draws.occurrence(context, index, attempt)
