"""The block form gives the scalar form's values to the bit, for every distribution."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.policies import draws
from msforge.policies.distributions import KINDS, Dist
from msforge.sim import blocks
from tests.policies.kinds import EXAMPLES

WORD = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize(("first", "count", "context"), [(0, 1, 0), (1, 63, 0), (4000, 701, 99), (10**9, 17, 2**63)])
def test_a_block_equals_its_single_draws(name: str, first: int, count: int, context: int) -> None:
    dist, key = EXAMPLES[name], draws.stream_key(1, name)
    single = [draws.sample(dist, key, n, context) for n in range(first, first + count)]
    assert blocks.block(dist, key, first, count, context).tolist() == single
    whole = blocks.durations(dist, key, first, count, context)
    assert whole == [draws.duration(dist, key, n, context) for n in range(first, first + count)]
    assert all(type(ns) is int for ns in whole)


@pytest.mark.parametrize("name", EXAMPLES)
def test_chunks_have_no_seam(name: str) -> None:
    dist, key = EXAMPLES[name], draws.stream_key(2, name)
    long = blocks.block(dist, key, 3, 2 * blocks.CHUNK + 5)
    assert long[blocks.CHUNK - 2 : blocks.CHUNK + 2].tolist() == [
        draws.sample(dist, key, n + 3) for n in range(blocks.CHUNK - 2, blocks.CHUNK + 2)
    ]
    assert long[-7:].tolist() == blocks.block(dist, key, 3 + 2 * blocks.CHUNK - 2, 7).tolist()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_empty_block_is_empty(name: str) -> None:
    assert blocks.block(EXAMPLES[name], 1, 0, 0).shape == (0,)
    assert blocks.durations(EXAMPLES[name], 1, 0, 0) == []


def _dists() -> st.SearchStrategy[Dist]:
    scale = st.floats(1e-3, 1e12)
    shape = st.floats(0.05, 60)
    plain = st.one_of(
        st.builds(lambda v: Dist("constant", (v,)), scale),
        st.builds(lambda v: Dist("exponential", (v,)), scale),
        st.builds(lambda a, b: Dist("uniform", (min(a, b), max(a, b))), scale, scale),
        st.builds(lambda m, s: Dist("normal", (m, m * s)), scale, st.floats(0, 5)),
        st.builds(lambda m, s: Dist("lognormal", (m, s)), st.floats(-5, 40), st.floats(0, 100)),
        st.builds(lambda a, b: Dist("gamma", (a, b)), shape, scale),
        st.builds(lambda k, m: Dist("erlang", (float(k), m)), st.integers(1, 50), scale),
        st.builds(lambda s, a: Dist("pareto", (s, a)), scale, st.floats(0.01, 60)),
        st.builds(lambda s, k: Dist("weibull", (s, k)), scale, st.floats(0.01, 60)),
        st.builds(
            lambda pairs: Dist("hyperexponential", tuple(x for pair in pairs for x in pair)),
            st.lists(st.tuples(st.floats(0.01, 1), scale), min_size=1, max_size=4),
        ),
        st.builds(lambda v: Dist("empirical", tuple(sorted(v))), st.lists(scale, min_size=1, max_size=9)),
        st.builds(lambda n, s: Dist("zipf", (float(n), s)), st.integers(1, 60), st.floats(0, 4)),
    )
    return st.recursive(
        plain,
        lambda inner: st.builds(
            lambda parts: Dist("mixture", tuple(w for w, _ in parts), tuple(p for _, p in parts)),
            st.lists(st.tuples(st.floats(0.01, 1), inner), min_size=1, max_size=3),
        ),
        max_leaves=4,
    )


@given(_dists(), WORD, st.integers(0, 2**40), st.integers(1, 60), WORD)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_distribution_draws_the_same_bits_in_both_forms(
    dist: Dist, key: int, first: int, count: int, context: int
) -> None:
    numbers = range(first, first + count)
    values = blocks.block(dist, key, first, count, context).tolist()
    assert values == [draws.sample(dist, key, n, context) for n in numbers]
    whole = blocks.durations(dist, key, first, count, context)
    assert whole == [draws.duration(dist, key, n, context) for n in numbers]
    assert all(0 <= ns <= 2**62 for ns in whole)


def test_rare_paths_draw_the_same_bits_too() -> None:
    """Enough draws to meet the far tail of AS 241 and many rejections in a row."""
    for dist in (Dist("normal", (0.0, 1e6)), Dist("normal", (-2.9e7, 1e6)), Dist("gamma", (0.06, 1e6))):
        assert blocks.block(dist, 11, 0, 20_000).tolist() == [draws.sample(dist, 11, n) for n in range(20_000)]


def test_durations_are_cut_at_two_to_the_62() -> None:
    endless = Dist("pareto", (1e6, 0.02))
    whole = blocks.durations(endless, 5, 0, 500)
    assert max(whole) == 2**62
    assert whole == [draws.duration(endless, 5, n) for n in range(500)]


def test_durations_round_half_to_even() -> None:
    halves = Dist("empirical", (0.5, 1.5, 2.5, 3.5))
    assert set(blocks.durations(halves, 1, 0, 400)) == {0, 2, 4}


def test_distributions_that_come_and_go_keep_their_own_draws() -> None:
    """Compiled forms are kept by identity; a freed distribution's identity must not be taken for another's."""
    for n in range(2000):
        dist = Dist("constant", (float(n),))
        assert draws.sample(dist, 1, 0) == n
        assert blocks.block(dist, 1, 0, 1)[0] == n
        del dist


@pytest.mark.parametrize("name", ["exponential", "lognormal", "gamma", "mixture", "zipf", "normal"])
def test_the_first_draws_are_pinned(name: str) -> None:
    key = draws.stream_key(42, "golden", name)
    assert [draws.duration(EXAMPLES[name], key, n) for n in range(4)] == GOLDEN[name]


def test_every_kind_has_both_forms() -> None:
    assert {EXAMPLES[name].kind for name in EXAMPLES} == set(KINDS)


GOLDEN: dict[str, list[int]] = {
    "exponential": [139053, 3741494, 7085895, 596461],
    "lognormal": [21350327, 3602644, 6758170, 10398604],
    "gamma": [4023520, 5197666, 2943842, 4146168],
    "mixture": [37588704, 544334, 20000740, 1373245],
    "zipf": [518, 2, 107, 148],
    "normal": [3326679, 4621825, 5727656, 6023626],
}
