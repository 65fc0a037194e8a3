"""Draws by place: the same as the simulator's, for every purpose and distribution; and what headers carry."""

from __future__ import annotations

import pytest

from msforge.policies.distributions import Dist
from msforge.policies.keys import child_key, stream_key
from msforge.runtime.place import HERE, Place, current, decode, encode, enter, root_key
from msforge.sim.streams import Pool, Site, context_of

DISTS = (
    Dist("exponential", (3e6,)), Dist("lognormal", (14.0, 0.7)), Dist("gamma", (0.6, 2e6)), Dist("zipf", (50, 1.1)),
)


@pytest.mark.parametrize("context", [0, context_of(0, 2, 1), context_of(context_of(0, 1, 0), 0, 3)])
@pytest.mark.parametrize("purpose", ["time", "choose", "count", "fail", "u", "drop", "add"])
def test_a_place_draws_what_a_site_draws(purpose: str, context: int) -> None:
    key = root_key(7, 3, "source", "shoppers")
    assert key == stream_key(7, "replication", 3, "source", "shoppers")
    site, place = Site(Pool(), key), None
    for slot, word in enumerate(("call gate.go#0", "parallel#1", "saga#0/undo2", "call b.go#0 fallback")):
        site = site.sub(slot, word)
        place = Place(child_key(key, word) if place is None else place.inside(word).key, context, 41)
        assert place.key == site.key
        assert place.uniform("step#0", purpose) == site.draw(90 + slot, "step#0", purpose, None, 41, context)
        for i, dist in enumerate(DISTS):
            drawn = site.draw(100 + 10 * slot + i, f"step#{i}", purpose, dist, 41, context)
            assert place.duration(f"step#{i}", purpose, dist) == drawn


def test_the_time_of_a_block_counts_around_it() -> None:
    outer = Place(1, 0, 0)
    token = HERE.set(outer)
    with enter(outer.inside("group#0")) as inner:
        assert current() is inner
        inner.own += 5
        inner.net += 7
    assert current() is outer
    assert (outer.own, outer.net, outer.store, outer.back) == (5, 7, 0, 0)
    HERE.reset(token)


def test_headers_carry_places() -> None:
    for key, number, context in ((0, 0, 0), ((1 << 64) - 1, (1 << 63), 12345)):
        assert decode(encode(key, number, context)) == (key, number, context)


ODD = ["", "1-2", "1-2-3-4", "g-1-0", "1-x-0", "1" * 20 + "-1-0", "1--0", "-1-1-1", "\u0661-1-1", " 1-1-1", "+1-1_0-0"]


@pytest.mark.parametrize("text", ODD)
def test_other_headers_carry_none(text: str) -> None:
    assert decode(text) is None
