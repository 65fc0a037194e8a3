"""The formulas against published tables and closed forms."""

from __future__ import annotations

import math

import pytest

from msforge.analysis import queueing as q


@pytest.mark.parametrize(
    ("servers", "offered", "blocked"),
    [  # Erlang B tables: offered traffic at 1 % and at 0.1 % and 5 % loss
        (1, 0.0101, 0.01), (2, 0.153, 0.01), (5, 1.36, 0.01), (10, 4.46, 0.01), (20, 12.03, 0.01), (50, 37.90, 0.01),
        (10, 3.09, 0.001), (10, 6.22, 0.05), (100, 84.06, 0.01),
    ],
)
def test_erlang_b_gives_the_tables(servers: int, offered: float, blocked: float) -> None:
    assert q.erlang_b(servers, offered) == pytest.approx(blocked, rel=0.02)


def test_erlang_b_by_its_sum() -> None:
    a, c = 7.5, 9
    terms = [a**n / math.factorial(n) for n in range(c + 1)]
    assert q.erlang_b(c, a) == pytest.approx(terms[-1] / sum(terms), rel=1e-12)


def test_erlang_b_of_thousands_of_servers_stays_finite() -> None:
    assert 0 < q.erlang_b(5000, 4900.0) < 0.05


@pytest.mark.parametrize(
    ("servers", "offered", "waits"),
    [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (2, 1.8, 0.8526), (4, 3.2, 0.5964), (10, 8.0, 0.4092)],
)
def test_erlang_c_gives_known_values(servers: int, offered: float, waits: float) -> None:
    assert q.erlang_c(servers, offered) == pytest.approx(waits, abs=1e-4)


def test_waits_without_end_at_full_load() -> None:
    assert q.erlang_c(4, 4.0) == 1.0
    assert q.mmc_wait(4.0, 1.0, 4) == math.inf
    assert q.mg1_wait(1.0, 1.0, 0.0) == math.inf


def test_mm1_and_pollaczek_khinchine() -> None:
    assert q.mmc_wait(8.0, 0.1, 1) == pytest.approx(0.4)                     # rho/(mu - lam)
    assert q.mg1_wait(8.0, 0.1, 1.0) == pytest.approx(q.mmc_wait(8.0, 0.1, 1))
    assert q.mg1_wait(8.0, 0.1, 0.0) == pytest.approx(0.2)                   # M/D/1 waits half as long
    assert q.mg1_wait(0.5, 1.0, 3.0) == pytest.approx(0.5 * 4.0 / (2 * 0.5))  # lam E[S2] / 2(1 - rho)


def test_allen_cunneen_is_exact_where_it_should_be() -> None:
    assert q.ggc_wait(8.0, 0.1, 1, 2.5) == pytest.approx(q.mg1_wait(8.0, 0.1, 2.5))
    assert q.ggc_wait(32.0, 0.1, 4, 1.0) == pytest.approx(q.mmc_wait(32.0, 0.1, 4))


def test_wait_quantiles_of_mmc() -> None:
    lam, mean, c = 3.2, 1.0, 4
    waits = q.erlang_c(c, 3.2)
    assert q.mmc_wait_quantile(lam, mean, c, 0.3) == 0.0
    x = q.mmc_wait_quantile(lam, mean, c, 0.95)
    assert 1 - waits * math.exp(-(c - 3.2) * x) == pytest.approx(0.95)


def test_mm1k_refuses_what_the_geometric_law_says() -> None:
    refused, time = q.mm1k(0.8, 1.0, 5)
    assert refused == pytest.approx(0.2 * 0.8**5 / (1 - 0.8**6))
    assert time == pytest.approx(
        sum(n * 0.2 * 0.8**n / (1 - 0.8**6) for n in range(6)) / (0.8 * (1 - refused))
    )
    assert q.mm1k(1.0, 1.0, 4)[0] == pytest.approx(1 / 5)
    assert q.mm1k(50.0, 1.0, 400)[0] == pytest.approx(0.98)


def test_mean_value_analysis_of_a_balanced_network() -> None:
    """With k equal stations and no think time, X = N / ((N + k - 1) D) (Lazowska et al., 5.4)."""
    found = q.mean_value_analysis([0.1, 0.1, 0.1], users=5, think=0.0)
    assert found.throughput == pytest.approx(5 / ((5 + 2) * 0.1))
    assert sum(found.lengths) == pytest.approx(5)


def test_mean_value_analysis_keeps_the_response_time_law() -> None:
    found = q.mean_value_analysis([0.605, 2.1, 1.35], users=3, think=15.0)
    assert found.throughput == pytest.approx(0.152, abs=0.001)  # Lazowska et al., 6.4.1, three users
    assert found.response == pytest.approx(3 / found.throughput - 15.0)


def test_max_of_exponentials_is_harmonic_when_equal() -> None:
    assert q.max_of_exponentials([2.0] * 4) == pytest.approx(2 * (1 + 1 / 2 + 1 / 3 + 1 / 4))
    assert q.max_of_exponentials([1.0, 3.0]) == pytest.approx(1 + 3 - 1 / (1 + 1 / 3))
    with pytest.raises(ValueError, match="16"):
        q.max_of_exponentials([1.0] * 17)


def test_fork_join_of_two_lies_between_one_queue_and_two_independent_ones() -> None:
    lam, mean = 0.8, 1.0
    one = mean / (1 - lam * mean)
    assert one < q.fork_join_two(lam, mean) < q.max_of_exponentials([one, one])
    assert q.fork_join_two(1e-9, 1.0) == pytest.approx(1.5)


def test_parallel_parts() -> None:
    assert q.k_of_n(1, 3, 0.9) == pytest.approx(1 - 0.1**3)
    assert q.k_of_n(2, 3, 0.9) == pytest.approx(3 * 0.81 * 0.1 + 0.729)
    assert q.at_least(2, [0.9, 0.9, 0.9]) == pytest.approx(q.k_of_n(2, 3, 0.9))
    assert q.at_least(1, [0.5, 0.25]) == pytest.approx(1 - 0.5 * 0.75)
    assert q.alternating_availability(99.0, 1.0) == pytest.approx(0.99)
