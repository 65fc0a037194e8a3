"""Records written down by hand, and every figure that must follow from them."""

from __future__ import annotations

import math

import pytest

from msforge.errors import UsageError
from msforge.recording.records import Happening
from msforge.records import SECOND, Outcome
from msforge.results import Result, read_window, summarise
from msforge.results.figures import Traffic
from tests.results.handmade import MS, Book, objective, shop


def even(book: Book, rate: int = 10, *, seconds: int = 100, latency: int = 20 * MS) -> Book:
    """`rate` requests a second, evenly spaced; web works 2 ms, pay holds a connection for the rest."""
    for n in range(rate * seconds):
        at = n * SECOND // rate
        book.serve(1, at, at + 2 * MS, at + latency, store=latency - 2 * MS)
        book.serve(0, at, at, at + latency, own=2 * MS)
        book.root(at, at + latency, own=2 * MS)
    return book


def entry(result: Result) -> Traffic:
    (found,) = result.entries
    return found


def test_counts_rates_and_outcomes() -> None:
    book = even(Book(shop(), 130), seconds=90)
    for n in range(100):
        at = 90 * SECOND + n * SECOND // 10
        book.root(at, at + 250 * MS, Outcome.TIMEOUT)
    book.in_flight = 25
    counts = entry(summarise(book.system, [book.records()])).counts
    assert (counts.arrivals, counts.finished, counts.in_flight, counts.answered) == (1025, 1000, 25, 900)
    assert counts.outcomes == {"ok": 900, "timeout": 100}
    assert counts.rates == {"ok": pytest.approx(9.0), "timeout": pytest.approx(1.0)}
    assert counts.rate.value == pytest.approx(10.25)
    assert counts.throughput.value == pytest.approx(9.0)
    assert counts.success.value == pytest.approx(900 / 1025), "those in flight are part of all"


def test_latency_of_answered_failed_and_all_apart() -> None:
    book = Book(shop(), 130)
    for n in range(1, 101):
        book.root(n * SECOND // 2, n * SECOND // 2 + n * MS)
    for n in range(10):
        book.root(n * SECOND + 1, n * SECOND + 1 + 500 * MS, Outcome.TIMEOUT)
    table = entry(summarise(book.system, [book.records()]))
    answered = table.answered
    assert answered.count == 100 and answered.exact
    assert answered.mean.value == pytest.approx(50.5 * MS)
    assert answered.deviation == pytest.approx(math.sqrt((100**2 - 1) / 12) * MS)
    assert (answered.least, answered.most) == (1 * MS, 100 * MS)
    found = [getattr(answered, word).value / MS for word in ("p50", "p75", "p90", "p95", "p99", "p999")]
    assert found == [50, 75, 90, 95, 99, 100]
    assert (table.failed.count, table.failed.mean.value, table.failed.p50.value) == (10, 500 * MS, 500 * MS)
    assert (table.all.count, table.all.most) == (110, 500 * MS)


def test_warm_up_is_left_out_by_the_arrival_of_the_root() -> None:
    book = Book(shop(warmup=10 * SECOND), 130)
    book.root(9 * SECOND, 12 * SECOND)
    book.root(10 * SECOND, 11 * SECOND)
    book.serve(0, 9 * SECOND, 11 * SECOND, 12 * SECOND)
    result = summarise(book.system, [book.records()])
    assert entry(result).counts.arrivals == 1
    assert result.endpoints[0].counts.arrivals == 0, "what a warm-up request causes later belongs to the warm-up"
    assert (result.span.begin, result.span.end) == (10 * SECOND, 100 * SECOND)


def test_utilisation_waiting_and_wait_of_a_service() -> None:
    book = Book(shop(), 130)
    for n in range(100):
        book.serve(1, n * SECOND, n * SECOND, n * SECOND + 500 * MS, wait=100 * MS if n % 4 == 0 else 0)
    service = summarise(book.system, [book.records()]).services[1]
    assert service.busy.value == pytest.approx((75 * 0.5 + 25 * 0.4) / 100)
    assert service.utilisation.value == pytest.approx((75 * 0.5 + 25 * 0.4) / 100 / 4)
    assert service.waiting.value == pytest.approx(25 * 0.1 / 100)
    assert service.in_system.value == pytest.approx(0.5)
    assert service.waited.value == pytest.approx(0.25)
    assert service.wait_mean.value == pytest.approx(25 * MS, rel=0.004)
    assert service.wait_p50.value == 0.0
    assert service.wait_p95.value == pytest.approx(100 * MS, rel=0.004)
    assert service.traffic.counts.rate.value == pytest.approx(1.0)
    (replica,) = service.replicas
    assert (replica.name, replica.arrivals, replica.finished, replica.failed, replica.up) == ("pay#1", 100, 100, 0, 1.0)
    assert replica.utilisation == pytest.approx(service.utilisation.value)


def test_refusals_are_counted_at_the_service() -> None:
    book = Book(shop(), 130)
    for n in range(50):
        outcome = Outcome.OVERLOADED if n % 5 == 0 else Outcome.OK
        book.serve(1, n * SECOND, n * SECOND, n * SECOND + MS, wait=-1 if n % 5 == 0 else 0, outcome=outcome)
    assert summarise(book.system, [book.records()]).services[1].refused == 10


def test_the_breakdown_by_latency_band_adds_up() -> None:
    book = Book(shop(), 130)
    for n in range(1, 1001):
        at = (n - 1) * SECOND // 10
        book.root(at, at + n * MS, queue=n * MS // 2, own=n * MS // 10)
    parts = {part.band: part for part in entry(summarise(book.system, [book.records()])).parts}
    counts = {band: part.count for band, part in parts.items()}
    assert counts == {"<=p50": 500, "p50-p90": 400, "p90-p99": 90, ">p99": 10}
    for part in parts.values():
        pieces = part.queue + part.own + part.store + part.network + part.backoff + part.other
        assert pieces == pytest.approx(part.total)
        assert part.queue == pytest.approx(part.total / 2, rel=1e-6)
    assert parts["<=p50"].total == pytest.approx(250.5 * MS, rel=0.08), "to within a quarter octave"


def test_attempts_and_causes() -> None:
    book = Book(shop(), 130)
    for n in range(40):
        book.root(n * SECOND, n * SECOND + MS, Outcome.ERROR if n < 10 else Outcome.OK, tries=3 if n < 10 else 1)
    book.causes = {(0, 1 * 16 + int(Outcome.TIMEOUT)): 7, (0, 1 * 16 + int(Outcome.ERROR)): 3}
    table = entry(summarise(book.system, [book.records()]))
    assert table.attempts.value == pytest.approx(60 / 40)
    assert list(table.causes.items()) == [("pay: timeout", 7), ("pay: error", 3)]


def test_replications_pool_their_rows_and_give_student_intervals() -> None:
    runs = []
    for replication, millis in enumerate((10, 20, 30)):
        book = Book(shop(), 130, replication=replication)
        for n in range(100):
            book.root(n * SECOND, n * SECOND + millis * MS)
        runs.append(book.records())
    result = summarise(shop(), runs)
    mean = entry(result).answered.mean
    assert mean.value == pytest.approx(20 * MS)
    assert mean.half_width == pytest.approx(4.302653 * 10 * MS / math.sqrt(3), rel=1e-5)
    assert entry(result).answered.p75.value == 30 * MS
    assert (result.intervals.method, result.intervals.n, result.replications) == ("replications", 3, 3)
    figure = next(f for f in result.figures if f.name == "entry/users -> web.buy/mean")
    assert figure.values == [10 * MS, 20 * MS, 30 * MS]
    assert summarise(shop(), runs[::-1]).to_json() == result.to_json(), "the order of replications does not matter"


def test_a_single_run_says_that_its_intervals_are_batch_means() -> None:
    result = summarise(shop(), [even(Book(shop(), 130)).records()])
    assert (result.intervals.method, result.intervals.n) == ("batches", 20)
    assert "batch means" in result.intervals.text
    assert entry(result).answered.mean.low is not None


def test_a_window_is_what_a_run_of_that_part_alone_would_say() -> None:
    book = even(Book(shop(), 130), seconds=50)
    for n in range(500):
        at = 50 * SECOND + n * SECOND // 10
        book.serve(0, at, at, at + 80 * MS, own=80 * MS)
        book.root(at, at + 80 * MS, Outcome.DEGRADED if n % 2 else Outcome.OK)
    whole = summarise(book.system, [book.records()])
    window = (60 * SECOND, 80 * SECOND)
    for part in (summarise(book.system, [book.records()], window), read_window(whole, window)):
        assert part.windowed and (part.span.begin, part.span.end) == window
        assert entry(part).counts.outcomes == {"ok": 100, "degraded": 100}
        assert entry(part).answered.mean.value == pytest.approx(80 * MS)
        assert entry(part).answered.p99.value == pytest.approx(80 * MS, rel=0.004)
        assert part.services[0].busy.value == pytest.approx(0.8)
        assert part.series.begin == 60 * SECOND and part.series.buckets == 20
    early = read_window(whole, (0, 50 * SECOND))
    assert entry(early).answered.p50.value == pytest.approx(20 * MS, rel=0.004)


@pytest.mark.parametrize("window", [(-1, 5), (5 * SECOND, 5 * SECOND), (200 * SECOND, 300 * SECOND), (9, 3)])
def test_a_window_outside_the_run_is_refused(window: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=r"not part of the run, which measured 0s\.\.100s"):
        summarise(shop(), [even(Book(shop(), 130)).records()], window)


def test_nothing_to_summarise_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no replication"):
        summarise(shop(), [])


def test_an_interrupted_run_uses_what_was_measured_and_says_so() -> None:
    records = even(Book(shop(), 130), seconds=40).records()
    records.interrupted, records.end = True, 40 * SECOND
    records.measured_in_flight[:] = 3
    result = summarise(shop(), [records])
    assert result.interrupted and result.span.end == 40 * SECOND
    assert result.notes[0].startswith("interrupted at 40 s of 100 s")
    assert entry(result).counts.rate.value == pytest.approx(10.0)
    assert entry(result).counts.success.value == 1.0


def test_an_empty_run_has_no_figures_and_no_errors() -> None:
    result = summarise(shop((objective("p99 < 1s", "p99", SECOND),)), [Book(shop(), 130).records()])
    assert entry(result).answered.mean.value is None
    assert entry(result).counts.success.value is None
    assert (result.objectives[0].met, result.objectives[0].verdict) == (False, "unsure")
    assert Result.from_json(result.to_json()) == result


def test_series_count_by_arrival_and_by_answer() -> None:
    book = Book(shop(warmup=5 * SECOND), 130)
    book.root(2 * SECOND, 4 * SECOND + 1)
    book.root(7 * SECOND, 7 * SECOND + 10 * MS)
    book.root(7 * SECOND, 7 * SECOND + 30 * MS)
    book.root(7 * SECOND, 7 * SECOND + 20 * MS, Outcome.OVERLOADED)
    series = summarise(book.system, [book.records()]).series
    (found,) = series.entries
    assert (series.begin, series.width, series.buckets) == (0, SECOND, 100)
    assert (found.arrivals[2], found.ok[2], found.answered_ok[2], found.answered_ok[4]) == (1, 1, 0, 1)
    assert (found.arrivals[7], found.ok[7], found.failed["overloaded"][7], found.answered_failed[7]) == (3, 2, 1, 1)
    assert found.p50[7] == pytest.approx(10 * MS, rel=0.004)
    assert found.p99[7] == pytest.approx(30 * MS, rel=0.004)
    assert found.mean[7] == pytest.approx(20 * MS)
    assert found.p50[3] is None


def test_costs_per_month_and_per_million() -> None:
    cost = summarise(shop(), [even(Book(shop(), 130)).records()]).cost
    assert cost.per_month == pytest.approx(0.1 * 730)
    assert cost.per_million == pytest.approx(0.1 * 730 / (10 * 730 * 3600) * 1e6)
    assert [(item.name, item.kind) for item in cost.items] == [("web", "service")]


def test_breakers_and_faults_with_their_times() -> None:
    book = even(Book(shop(), 130))
    book.happenings = [
        Happening(20 * SECOND, "fault_begin", "pay 10x slower", fault=-1),
        Happening(21 * SECOND, "breaker", "web#1 -> pay.charge", "closed -> open"),
        Happening(30 * SECOND, "fault_end", "pay 10x slower", fault=-1),
        Happening(50 * SECOND, "fault_begin", "pay down", fault=-1),
    ]
    result = summarise(book.system, [book.records()])
    (change,) = result.breakers
    assert (change.time, change.breaker, change.before, change.after) == (
        21 * SECOND, "web#1 -> pay.charge", "closed", "open",
    )
    assert [(fault.label, fault.begin, fault.end) for fault in result.faults] == [
        ("pay 10x slower", 20 * SECOND, 30 * SECOND), ("pay down", 50 * SECOND, None),
    ]
    assert len(result.happenings) == 4


def test_work_that_nobody_waits_for_any_more() -> None:
    book = Book(shop(), 130)
    for n in range(80):
        book.serve(1, n * SECOND, n * SECOND, n * SECOND + MS, gone=int(n % 4 == 0))
    result = summarise(book.system, [book.records()])
    assert result.endpoints[1].gone == 20
    assert result.storm.gone_share.value == pytest.approx(0.25)
