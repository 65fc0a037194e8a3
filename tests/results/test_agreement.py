"""Predicted and measured side by side. Here a simulated run of a changed description stands for the measured one."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from msforge import sim
from msforge.model import compile_system
from msforge.model.plan import System
from msforge.recording.records import Records
from msforge.report.agreement import judged as verdict_of
from msforge.results import agreement
from msforge.results.agreement import AGREES, DISAGREES, INCONCLUSIVE, Agreement, Sides, compare, prediction, reading
from msforge.results.local import calls_in
from msforge.results.summarise import summarise
from msforge.spec.spec import load_text

TEXT = """\
msforge: 1
name: till
services:
  front:
    threads: 64
    endpoints:
      buy:
        http: POST /buy
        steps:
          - wait: 60ms
          - {call: back.pay, timeout: 2s, retry: {attempts: 2, backoff: 40ms}, fallback: {}}
          - {publish: sold}
  back:
    threads: 3
    queue: 2
    endpoints:
      pay: {http: POST /pay, idempotent: true, steps: [fail: 30%, wait: exponential(120ms)]}
  reader: {consumers: {take: {from: sold, threads: 4, steps: [wait: 5ms]}}}
channels: {sold: {kind: queue}}
traffic: {people: {target: front.buy, rate: 30/s}}
simulation: {duration: 40s, warmup: 2s, seed: 4}
"""


@cache
def plan(*changes: tuple[str, str]) -> System:
    text = TEXT
    for before, after in changes:
        assert text.count(before) == 1
        text = text.replace(before, after)
    return compile_system(load_text(text))


@cache
def predicted() -> tuple[Records, ...]:
    return tuple(sim.run_many(plan(), replications=13, processes=1))


def judged(measured: Records, system: System | None = None, reasons: tuple[str, ...] = ()) -> Agreement:
    twin, *further = predicted()
    measured = replace(measured, happenings=[])  # a measured run has none
    calls = calls_in(system or plan(), measured)
    return compare(Sides(plan(), measured, twin, further, calls), reasons=reasons)


def lying(*changes: tuple[str, str]) -> Agreement:
    system = plan(*changes)
    return judged(sim.run(system), system)


def blamed(found: Agreement) -> list[tuple[str, str, str]]:
    return [(f.service, f.endpoint, f.step) for f in found.findings]


def test_the_same_run_agrees_in_everything() -> None:
    found = judged(sim.run(plan()))
    assert found.verdict == AGREES
    assert all(r.measured == r.twin and not r.differs for r in found.readings)
    [pairs] = found.pairs
    assert (pairs.same_outcome, pairs.median) == (1.0, 0.0)
    assert pairs.correlation == pytest.approx(1.0)
    assert found.findings == []


def test_other_dice_agree_too() -> None:
    found = judged(sim.run(plan(), seed=99))
    assert found.verdict == AGREES
    inside, of = found.coverage
    assert of == 3 and inside >= 2
    assert {r.name.partition("/")[0] for r in found.readings} == {"entry", "endpoint", "consumer", "service", "channel"}


def test_every_section_of_a_description_is_read() -> None:
    names = {r.name for r in judged(sim.run(plan())).readings}
    for name in (
        "entry/people -> front.buy/p99", "entry/people -> front.buy/degraded", "entry/people -> front.buy/throughput",
        "endpoint/back.pay/own", "service/back/utilisation", "service/back/waiting", "service/front/tries per call",
        "channel/sold/backlog",
        "consumer/reader.take/mean",
    ):
        assert name in names


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (("- wait: 60ms", "- wait: 120ms"), ("front", "buy", "wait#0")),
        (("wait: 5ms", "wait: 15ms"), ("reader", "take", "wait#0")),
        (("queue: 2", "queue: 100"), ("back", "", "queue")),
        (("threads: 3", "threads: 9"), ("back", "", "threads")),
        (("attempts: 2", "attempts: 3"), ("front", "", "call back.pay")),
        (("attempts: 2", "attempts: 1"), ("front", "", "call back.pay")),
    ],
)
def test_a_lie_is_found_where_it_was_told(change: tuple[str, str], where: tuple[str, str, str]) -> None:
    found = lying(change)
    assert found.verdict == DISAGREES
    assert where in blamed(found)


def test_twice_the_work_is_said_in_figures_and_since_when() -> None:
    [first, *_] = lying(("- wait: 60ms", "- wait: 120ms")).findings
    assert first.text == "120 ms in work and waiting per request, where the description has 60 ms"
    assert first.at is not None and first.at <= 3_000_000_000


def test_what_no_service_explains_alone_is_said_to_be_so() -> None:
    found = lying(("  back:\n", "  back:\n    cpu: 8\n"), ("fail: 30%", "fail: 60%"))
    assert found.verdict == DISAGREES
    assert found.findings


def test_a_spoiled_run_is_neither() -> None:
    assert judged(sim.run(plan()), reasons=("it was busy",)).verdict == INCONCLUSIVE
    liar = plan(("- wait: 60ms", "- wait: 120ms"))
    assert judged(sim.run(liar), liar, ("it was busy",)).verdict == INCONCLUSIVE


def test_a_departure_in_the_middle_is_seen_over_time() -> None:
    changed = ("simulation:", "faults: [{slow: back, by: 4x, at: 20s, for: 8s}]\nsimulation:")
    found = lying(changed)
    [over] = found.over_time
    assert over.pieces == 10
    assert over.inside <= 8
    assert over.first is not None and over.first <= 25e9


def test_it_is_plain_data() -> None:
    found = lying(("- wait: 60ms", "- wait: 120ms"))
    plain = json.loads(found.to_json())
    assert plain["verdict"] == DISAGREES
    assert plain["format"] == agreement.FORMAT
    assert plain["readings"][0].keys() >= {"name", "measured", "twin", "low", "high", "inside", "differs"}


# -- one figure -------------------------------------------------------------------------------------


def test_a_prediction_holds_95_of_a_hundred() -> None:
    draws = np.random.default_rng(1).normal(10.0, 2.0, (4000, 21))
    inside = 0
    for row in draws:
        low, high = prediction(row[:20].tolist())
        assert low is not None and high is not None
        inside += low <= row[20] <= high
    assert inside / len(draws) == pytest.approx(0.95, abs=0.012)


def test_a_prediction_of_times_is_never_below_zero() -> None:
    low, high = prediction([1.0, 1.0, 2.0, 9.0, 1.0, 30.0], logarithmic=True)
    assert low is not None and high is not None and 0 < low < 1 < 30 < high
    assert prediction([1.0, 2.0, 3.0, 4.0]) == (None, None)
    assert prediction([0.0] * 9, least=0.01) == (-0.01, 0.01)


@pytest.mark.parametrize(
    ("measured", "inside", "differs"),
    [(100.0, True, False), (103.0, False, False), (110.0, False, True)],
)
def test_a_figure_differs_when_both_readings_say_so(measured: float, inside: bool, differs: bool) -> None:
    found = reading("entry/a/p50", "ratio", measured, 100.0, [99.0, 100.0, 101.0] * 5, 0.05, 0.0)
    assert (found.inside, found.differs) == (inside, differs)


def test_one_of_many_figures_may_be_outside_by_chance() -> None:
    values = [99.0, 100.0, 101.0] * 5
    alone, among = (reading("entry/a/p50", "ratio", 103.0, 100.0, values, 0.02, 0.0, judged=n) for n in (1, 50))
    assert alone.differs and not among.differs
    assert (alone.inside, alone.low, alone.high) == (False, among.low, among.high) and among.inside is False
    assert reading("entry/a/p50", "ratio", 105.0, 100.0, values, 0.02, 0.0, judged=50).differs


def test_all_figures_of_a_run_fall_together_95_of_a_hundred() -> None:
    draws = np.random.default_rng(2).normal(10.0, 2.0, (1000, 20, 31))

    def differs(values: list[float]) -> bool:
        return reading("entry/a/p50", "ratio", values[30], 10.0, values[:30], 0.0, 0.0, judged=20).differs

    together = sum(not any(differs(row) for row in run) for run in draws.tolist())
    assert together / len(draws) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("unit", "scale", "tolerance"), [("ns", 1.0, 8e6), ("ns", 4.0, 2e6), ("ratio", 4.0, 8e6)])
def test_in_slow_motion_a_millisecond_on_the_clock_is_less(unit: str, scale: float, tolerance: float) -> None:
    assert reading("endpoint/a/mean", unit, 0.0, 1e6, [], 0.1, 8e6, scale=scale).tolerance == tolerance


def test_what_few_requests_decide_is_shown_and_not_judged() -> None:
    values = [99.0, 100.0, 101.0] * 5
    known, few = (reading("entry/a/p95", "ratio", 150.0, 100.0, values, 0.05, 0.0, judged=n) for n in (1, 0))
    assert known.differs and known.inside is False
    assert (few.differs, few.inside, few.low) == (False, None, known.low)
    assert (verdict_of(few).plain, verdict_of(known).plain) == ("few requests", "✗ differs")
    assert verdict_of(reading("entry/a/p95", "ratio", 100.0, 100.0, [], 0.05, 0.0)).plain == "no interval"


def test_a_percentile_takes_five_requests_beyond_it() -> None:
    twin, *further = (sim.run(plan(("rate: 30/s", "rate: 6/s")), replication=n) for n in range(7))  # some 230 requests
    found = compare(Sides(plan(("rate: 30/s", "rate: 6/s")), twin, twin, further, {}))
    inside = {r.name.rpartition("/")[2]: r.inside for r in found.readings if r.name.startswith("entry/")}
    assert (inside["p50"], inside["p95"], inside["p99"]) == (True, True, None)


def test_a_wide_interval_excuses_a_path_that_parted() -> None:
    found = reading("entry/a/p50", "ratio", 130.0, 100.0, [60.0, 100.0, 150.0] * 5, 0.05, 0.0)
    assert found.inside and not found.differs


def test_a_run_without_requests_is_no_evidence() -> None:
    twin, *further = predicted()
    empty = sim.run(plan(("rate: 30/s", "rate: 30/s, for: 1s")))  # all in the warm-up
    found = compare(Sides(plan(), empty, empty, further, calls_in(plan(), twin)))
    assert found.verdict == INCONCLUSIVE
    assert "no request was measured" in found.reasons[0]


BUFFERED = """\
msforge: 1
name: mail
services:
  desk: {threads: 64, endpoints: {take: {steps: [write: db, {publish: sold, outbox: true}]}}}
  reader: {consumers: {send: {from: sold, threads: 1, steps: [wait: 20ms]}}}
stores: {db: {kind: postgres, owner: desk, write: 1ms}}
channels: {sold: {kind: queue, relay: 1s}, unread: {kind: queue}}
traffic: {people: {target: desk.take, arrivals: constant, rate: 20/s}}
network: {latency: 0ms}
simulation: {duration: 30s, warmup: 5s, seed: 4}
"""


def backlog(text: str, channel: str = "sold") -> float:
    system = compile_system(load_text(text))
    run = sim.run(system)
    found = compare(Sides(system, run, run, (), calls_in(system, run)))
    [of_it] = [r.twin for r in found.readings if r.name == f"channel/{channel}/backlog"]
    return of_it


def test_a_backlog_that_comes_and_goes_between_two_looks_is_seen() -> None:
    # Twenty messages a second come all at once; the k-th waits for the k-1 before it, 20 ms each: 20 / 2 * 19 * 20 ms.
    assert backlog(BUFFERED) == pytest.approx(3.8, rel=0.02)
    assert backlog(BUFFERED, "unread") == 0.0


def test_a_backlog_is_the_mean_of_what_is_seen_where_looking_is_fair() -> None:
    text = BUFFERED.replace(", outbox: true", "").replace("constant, rate: 20/s", "poisson, rate: 40/s")
    text = text.replace("duration: 30s", "duration: 30m")
    system = compile_system(load_text(text))
    [seen] = [c.backlog_mean for c in summarise(system, [sim.run(system)]).channels if c.name == "sold"]
    # M/D/1 at 0.8: rho^2 / (2 (1 - rho)) = 1.6 wait.
    assert backlog(text) == pytest.approx(1.6, rel=0.1)
    assert seen.value == pytest.approx(backlog(text), rel=0.1)
