"""The client-side throttle of the SRE book, and the bulkhead."""

from __future__ import annotations

import pytest

from msforge.policies.bulkhead import Bulkhead
from msforge.policies.throttle import AdaptiveThrottle

S = 1_000_000_000


def after(requests: int, accepts: int, k: float = 2.0) -> AdaptiveThrottle:
    throttle = AdaptiveThrottle(k, 120 * S)
    for i in range(requests):
        throttle.refuse(0, 1 - 1e-9)
        if i < accepts:
            throttle.accept(0)
    return throttle


@pytest.mark.parametrize(("requests", "accepts", "k"), [(0, 0, 2.0), (100, 50, 2.0), (100, 80, 2.0), (110, 100, 1.1)])
def test_nothing_is_refused_while_requests_stay_within_k_times_accepts(requests: int, accepts: int, k: float) -> None:
    assert not after(requests, accepts, k).refuse(0, 1e-12)


@pytest.mark.parametrize(("requests", "accepts", "k"), [(100, 0, 2.0), (100, 30, 2.0), (100, 60, 1.1), (3, 1, 1.0)])
def test_the_share_refused_is_the_books(requests: int, accepts: int, k: float) -> None:
    share = (requests - k * accepts) / (requests + 1)
    assert after(requests, accepts, k).refuse(0, share - 1e-9)
    assert not after(requests, accepts, k).refuse(0, share + 1e-9)


def test_a_refused_try_counts_as_a_request() -> None:
    throttle = after(10, 0)
    assert throttle.refuse(0, 0.5)
    assert throttle.requests == 11
    assert throttle.accepts == 0


def test_the_window_forgets() -> None:
    throttle = after(100, 0)
    assert throttle.refuse(119 * S, 0.5)
    assert not throttle.refuse(300 * S, 1e-12)
    assert throttle.requests == 1


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_a_bulkhead_has_so_many_places(limit: int) -> None:
    bulkhead = Bulkhead(limit)
    assert all(bulkhead.enter() for _ in range(limit))
    assert not bulkhead.enter()
    bulkhead.leave()
    assert bulkhead.enter()
    assert not bulkhead.enter()
    assert bulkhead.in_flight == limit


def test_a_bulkhead_of_none_admits_nobody() -> None:
    assert not Bulkhead(0).enter()


def test_leaving_without_having_entered_is_a_bug_and_says_so() -> None:
    bulkhead = Bulkhead(2)
    bulkhead.enter()
    bulkhead.leave()
    with pytest.raises(RuntimeError, match="had not entered"):
        bulkhead.leave()
