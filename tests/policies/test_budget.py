"""Retry budgets: Finagle's by ratio, gRPC's by outcome."""

from __future__ import annotations

import pytest

from msforge.policies.budget import RetryBudget

S = 1_000_000_000


def ratio(share: float, burst: int, minimum: float = 0.0) -> RetryBudget:
    return RetryBudget("ratio", share, burst, minimum, 0, 0.0)


def grpc(most: int, share: float) -> RetryBudget:
    return RetryBudget("grpc", 0.0, 0, 0.0, most, share)


@pytest.mark.parametrize("burst", [0, 1, 10])
def test_it_starts_with_its_burst_and_a_retry_takes_one(burst: int) -> None:
    budget = ratio(0.2, burst)
    assert [budget.retry(0) for _ in range(burst + 1)] == [True] * burst + [False]


@pytest.mark.parametrize(("share", "tries"), [(0.2, 5), (0.1, 10), (0.5, 2), (0.01, 100)])
def test_first_tries_earn_their_ratio_exactly(share: float, tries: int) -> None:
    budget = ratio(share, 1)
    assert budget.retry(0)
    for _ in range(20):
        for _ in range(tries - 1):
            budget.first_try(0)
        assert not budget.retry(0)
        budget.first_try(0)
        assert budget.retry(0)


def test_it_keeps_at_most_its_burst_and_nothing_expires() -> None:
    budget = ratio(0.5, 3)
    for _ in range(1000):
        budget.first_try(0)
    assert [budget.retry(10**18) for _ in range(4)] == [True, True, True, False]


def test_results_do_not_touch_the_ratio_kind() -> None:
    budget = ratio(0.2, 1)
    for ok in (True, False) * 20:
        budget.result(0, ok)
    assert [budget.retry(0), budget.retry(0)] == [True, False]


@pytest.mark.parametrize(("minimum", "at_once", "gap"), [(10.0, 10, S // 10), (1.0, 1, S), (0.5, 1, 2 * S)])
def test_a_floor_of_retries_a_second_is_always_allowed(minimum: float, at_once: int, gap: int) -> None:
    budget = ratio(0.0, 0, minimum)
    assert [budget.retry(0) for _ in range(at_once + 1)] == [True] * at_once + [False]
    assert not budget.retry(gap - 1)
    assert budget.retry(gap)
    assert not budget.retry(gap)


def test_the_floor_is_used_only_when_no_token_is_left() -> None:
    budget = ratio(0.0, 2, 1.0)
    assert [budget.retry(0) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(("most", "failures"), [(10, 5), (3, 2), (100, 50)])
def test_grpc_retries_while_tokens_exceed_half(most: int, failures: int) -> None:
    budget = grpc(most, 0.1)
    for _ in range(failures):
        assert budget.retry(0)
        budget.result(0, False)
    assert not budget.retry(0)


def test_grpc_successes_give_tokens_back() -> None:
    budget = grpc(10, 0.1)
    for _ in range(5):
        budget.result(0, False)
    assert not budget.retry(0)  # exactly half
    budget.result(0, True)
    assert budget.retry(0)      # 5.1


@pytest.mark.parametrize("share", [0.001, 0.1, 1.0])
def test_grpc_tokens_stay_between_0_and_the_most(share: float) -> None:
    budget = grpc(10, share)
    for _ in range(50):
        budget.result(0, False)
    assert budget.level == 0
    budget.result(0, True)
    assert budget.level == round(share * 1000)
    for _ in range(20_000):
        budget.result(0, True)
    assert budget.level == 10_000


def test_grpc_first_tries_and_allowed_retries_cost_nothing() -> None:
    budget = grpc(10, 0.1)
    for _ in range(100):
        budget.first_try(0)
        assert budget.retry(0)
    assert budget.level == 10_000


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="there are ratio, grpc"):
        RetryBudget("hystrix", 0.0, 0, 0.0, 0, 0.0)
