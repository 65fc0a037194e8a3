"""Aggregates: sparse counts, tables that do not depend on how rows come, and the limit on kept rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.recording import aggregate
from msforge.recording.aggregate import Aggregates, SparseCounts
from msforge.recording.buckets import bucket_of
from msforge.recording.records import LEAST, MOST, SQUARES, SUM, Histogram, N
from msforge.records import ROOT_COLUMNS, SERVED_COLUMNS

WINDOW = 100


def counts_of(histogram: Histogram) -> dict[int, int]:
    return dict(zip(histogram.keys.tolist(), histogram.counts.tolist(), strict=True))


def aggregates() -> Aggregates:
    """Source 0 calls bodies 0 and 1; windows [0, 100), [100, 200) and the rest; measured are [50, 250)."""
    return Aggregates(((0, 0), (0, 1)), bodies=2, window=WINDOW, windows=3, warmup=50, end=250)


# -- sparse counts --------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(-5, 5) | st.integers(2**60, 2**60 + 3)), st.booleans())))
def test_sparse_counts_count_whenever_they_are_merged(batches: list[tuple[list[int], bool]]) -> None:
    sparse, expected = SparseCounts(), Counter[int]()
    for keys, merge in batches:
        sparse.add(np.array(keys, dtype=np.int64))
        expected.update(keys)
        if merge:
            assert counts_of(sparse.merge()) == expected
    merged = sparse.merge()
    assert counts_of(merged) == expected
    assert merged.keys.tolist() == sorted(expected)


def test_sparse_counts_merge_by_themselves() -> None:
    sparse = SparseCounts()
    keys = np.arange(300_000, dtype=np.int64)
    sparse.add(keys)
    assert not sparse.parts and len(sparse.keys) == len(keys)
    for _ in range(3):
        sparse.add(keys)
    assert sum(len(k) for k, _ in sparse.parts) <= 262_144 + len(sparse.keys)
    assert sparse.merge().counts.tolist() == [4] * len(keys)


# -- tables ---------------------------------------------------------------------------------------


def root(target: int, number: int, arrival: int, latency: int, outcome: int = 0, cause: int = -1) -> tuple[int, ...]:
    return (0, target, number, arrival, arrival + latency, outcome, cause, 1, 1, 2, 3, 4, 5)


def served(
    body: int, root: int, arrive: int, wait: int, latency: int, outcome: int = 0, gone: int = 0
) -> tuple[int, ...]:
    return (body, 7, 0, root, arrive, wait, arrive + latency, outcome, 10, 20, 30, 40, gone)


ROOTS = st.lists(
    st.builds(
        root, st.integers(0, 1), st.integers(0, 99), st.integers(0, 400), st.integers(0, 300), st.integers(0, 12),
        st.integers(-1, 40)),
    max_size=20,
)
SERVED = st.lists(
    st.builds(
        served, st.integers(0, 1), st.integers(0, 400), st.integers(0, 400), st.integers(-1, 50), st.integers(0, 300),
        st.integers(0, 12), st.integers(0, 1)),
    max_size=20,
)


def array(rows: list[tuple[int, ...]], columns: tuple[str, ...]) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, len(columns))


@settings(max_examples=50, deadline=None)
@given(ROOTS, SERVED, st.integers(1, 5))
def test_the_tables_do_not_depend_on_the_batches(
    roots: list[tuple[int, ...]], rows: list[tuple[int, ...]], size: int
) -> None:
    whole, pieces = aggregates(), aggregates()
    whole.add_roots(array(roots, ROOT_COLUMNS))
    whole.add_served(array(rows, SERVED_COLUMNS))
    for i in range(0, 20, size):
        pieces.add_served(array(rows[i : i + size], SERVED_COLUMNS))
        pieces.add_roots(array(roots[i : i + size], ROOT_COLUMNS))
    for table in ("moments", "arrivals", "outcomes", "answers", "parts", "bands", "gone"):
        np.testing.assert_array_equal(getattr(whole, table), getattr(pieces, table), err_msg=table)
    assert whole.causes == pieces.causes
    for name in ("latency", "wait"):
        assert counts_of(getattr(whole, name).merge()) == counts_of(getattr(pieces, name).merge())
    assert {k: v.tolist() for k, v in whole.root_rows().items()} == {
        k: v.tolist() for k, v in pieces.root_rows().items()}


def test_roots_count_in_the_window_of_their_arrival() -> None:
    tables = aggregates()
    tables.add_roots(array([
        root(1, 0, 10, 30), root(1, 1, 60, 50), root(1, 2, 90, 120, outcome=4, cause=20), root(1, 3, 260, 900),
    ], ROOT_COLUMNS))
    entry, answered, failed = 1, 0, 1
    assert tables.arrivals[entry].tolist() == [3, 0, 1]
    assert tables.outcomes[entry, 0, 0] == 2 and tables.outcomes[entry, 0, 4] == 1
    assert tables.answers[entry, :, 0].tolist() == [1, 1, 1] and tables.answers[entry, :, 4].tolist() == [0, 0, 1]
    moments = tables.moments[entry, answered, 0]
    assert [moments[i] for i in (N, SUM, SQUARES, LEAST, MOST)] == [2, 80, 900 + 2500, 30, 50]
    assert tables.moments[entry, failed, 0].tolist() == [1, 120, 14400, 120, 120]
    assert tables.parts[entry, answered, 0].tolist() == [2, 4, 6, 8, 10]
    assert tables.bands[entry, answered].sum(axis=0).tolist() == [1, 50, 1, 2, 3, 4, 5], "only the measured one"
    assert tables.causes == {(entry, 20): 1}
    assert counts_of(tables.latency.merge()) == {
        entry << 40 | kind << 38 | window << 16 | int(bucket_of(np.array([latency]))[0]): 1
        for kind, window, latency in ((0, 0, 30), (0, 0, 50), (1, 0, 120), (0, 2, 900))
    }


def test_served_rows_count_with_their_root() -> None:
    tables = aggregates()
    tables.add_served(array([
        served(0, root=60, arrive=110, wait=5, latency=45),
        served(0, root=60, arrive=120, wait=-1, latency=0, outcome=5),
        served(1, root=150, arrive=160, wait=0, latency=70, gone=1),
    ], SERVED_COLUMNS))
    first, second = 2, 3  # body groups follow the entries
    assert tables.arrivals[first].tolist() == [2, 0, 0] and tables.arrivals[second].tolist() == [0, 1, 0]
    assert tables.parts[first, 0, 0].tolist() == [5, 10, 20, 30, 40]
    assert tables.parts[first, 1, 0].tolist() == [0, 10, 20, 30, 40], "one that never got a thread waited for none"
    assert tables.gone.tolist() == [[0, 0, 0], [0, 0, 1]], "by the window of its end"
    assert counts_of(tables.wait.merge()) == {
        7 << 40 | window << 16 | int(bucket_of(np.array([wait]))[0]): 1 for window, wait in ((0, 5), (1, 0))}


# -- kept rows ------------------------------------------------------------------------------------


def test_rows_are_kept_in_the_order_of_arrival() -> None:
    tables = aggregates()
    tables.add_roots(array([root(0, 2, 70, 1), root(0, 0, 80, 1)], ROOT_COLUMNS))
    tables.add_roots(array([root(1, 1, 70, 1)], ROOT_COLUMNS))
    rows = tables.root_rows()
    assert tables.rows_complete
    assert list(rows) == list(ROOT_COLUMNS)
    assert rows["arrival"].tolist() == [70, 70, 80]
    assert rows["number"].tolist() == [1, 2, 0]


def test_above_the_limit_no_row_is_kept_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate, "ROW_LIMIT", 3)
    tables = aggregates()
    tables.add_roots(array([root(0, n, 60, 1) for n in range(3)], ROOT_COLUMNS))
    assert tables.rows_complete and len(tables.root_rows()["number"]) == 3
    tables.add_roots(array([root(0, 3, 61, 1)], ROOT_COLUMNS))
    tables.add_roots(array([root(0, 4, 62, 1)], ROOT_COLUMNS))
    assert not tables.rows_complete
    assert {name: column.size for name, column in tables.root_rows().items()} == dict.fromkeys(ROOT_COLUMNS, 0)
    assert tables.arrivals[0].tolist() == [5, 0, 0]


def test_a_batch_that_would_still_fit_is_not_kept_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate, "ROW_LIMIT", 3)
    tables = aggregates()
    for numbers in ((0, 1), (2, 3), (4,)):
        tables.add_roots(array([root(0, n, 60, 1) for n in numbers], ROOT_COLUMNS))
    assert not tables.rows_complete and not len(tables.root_rows()["number"])
