"""The summary: its order, its width, its silence about what did not happen, its deafness to hostile names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from rich.cells import cell_len

from msforge.report.notes import indistinct
from msforge.report.summary import summary
from msforge.results.figures import Counts, Latency, Level, Measured, Traffic
from msforge.results.result import (
    BreakerChange,
    ChannelResult,
    Check,
    Cost,
    Edge,
    Evidence,
    FaultWindow,
    Intervals,
    ObjectiveResult,
    Recovery,
    Result,
    Saga,
    Series,
    ServiceCost,
    ServiceResult,
    ServiceSeries,
    Span,
    StoreResult,
    Storm,
    Story,
    Suspect,
    TrafficSeries,
    Unstable,
)
from msforge.testing import blank, blank_result, fake_terminal

SECOND = 10**9


def shown(result: Result, width: int = 80) -> str:
    term, out, _ = fake_terminal(width)
    term.show(*summary(result, width))
    return out()


def traffic(name: str, n: int, **outcomes: int) -> Traffic:
    answered = outcomes.get("ok", 0)
    base = 6e7
    return blank(
        Traffic,
        name=name,
        counts=blank(
            Counts,
            arrivals=n,
            answered=answered,
            finished=n,
            outcomes=outcomes,
            rate=Measured(n / 150),
            success=Measured(answered / n),
        ),
        answered=blank(
            Latency,
            count=answered,
            mean=Measured(base),
            p50=Measured(base),
            p90=Measured(2 * base),
            p95=Measured(3 * base),
            p99=Measured(8 * base, 7 * base, 9 * base),
            p999=Measured(20 * base),
        ),
    )


def service(name: str, busy: float, waiting: float, **more: Any) -> ServiceResult:
    return blank(
        ServiceResult,
        name=name,
        utilisation=Measured(busy),
        waiting=Measured(waiting),
        wait_mean=Measured(waiting * 1e7),
        wait_p95=Measured(waiting * 4e7),
        waited=Measured(busy),
        replicas_mean=Measured(3.0),
        waiting_level=blank(Level, most=int(waiting * 7)),
        **more,
    )


def story() -> Story:
    evidence = Evidence("payment answered 10x slower between 60s and 80s: 650ms instead of 63ms", 60 * SECOND, None)
    spread = Evidence(
        "order's 48 threads all waited on it, so that 31% of its requests were refused at once", None, None
    )
    payment = Suspect(
        "payment", "service", "payment", "slow", 10.0, 60 * SECOND, 80 * SECOND, [evidence], [spread], ["add replicas"]
    )
    order = Suspect("order", "service", "order", "overloaded", 3.0, None, None, [], [], [])
    return Story(False, "payment answered 10x slower from 60s", True, [payment, order])


def series(buckets: int = 150) -> Series:
    def during(inside: float, outside: float) -> list[float]:
        return [inside if 60 <= i < 83 else outside for i in range(buckets)]

    entry = blank(
        TrafficSeries,
        name="shoppers -> gateway.checkout",
        arrivals=[50.0 + max(i - 30, 0) for i in range(buckets)],
        p99=during(2e9, 3e8),
        failed={"timeout": during(50, 0)},
    )
    payment = blank(
        ServiceSeries, name="payment", utilisation=during(1.0, 0.4), waiting=during(66, 0), replicas=[3.0] * buckets
    )
    return blank(Series, width=SECOND, buckets=buckets, entries=[entry], services=[payment])


def slow_payment() -> Result:
    objectives = [
        ObjectiveResult(
            "p99 < 800ms", "gateway.checkout", "p99", True, 8e8, "ns", Measured(1.92e9, 1.8e9, 2.04e9), False, "no"
        ),
        ObjectiveResult(
            "success > 99%",
            "gateway.checkout",
            "success",
            False,
            0.99,
            "ratio",
            Measured(0.994, 0.988, 1.0),
            True,
            "unsure",
        ),
    ]
    return blank_result(
        system="shop",
        scenario="payment-slow",
        seed=42,
        replications=5,
        warmup=10 * SECOND,
        duration=150 * SECOND,
        span=Span(10 * SECOND, 150 * SECOND),
        percentiles="Percentiles are exact.",
        intervals=Intervals("replications", 5, 0.95, "Intervals are Student-t over 5 replications."),
        objectives=objectives,
        story=story(),
        series=series(),
        unstable=[
            Unstable("service", "payment", 37, 33, 41, 1200, 0, "unstable: backlog at payment still growing at 37/s")
        ],
        entries=[traffic("shoppers -> gateway.checkout", 98_123, ok=90_000, timeout=5_000, overloaded=3_123)],
        endpoints=[
            traffic("gateway.checkout", 98_123, ok=98_123),
            traffic("payment.charge", 98_123, ok=90_000, error=8_123),
        ],
        services=[
            service("gateway", 0.41, 0, refused=31_000),
            service("order", 0.99, 12.3),
            service("payment", 0.94, 31),
        ],
        edges=[
            blank(
                Edge,
                name="order.place -> payment.charge",
                caller="order.place",
                callee="payment.charge",
                calls=9000,
                tries=11_000,
                retries=2000,
                attempts=Measured(1.22),
                failure=Measured(0.21),
                gave_up=900,
            )
        ],
        breakers=[BreakerChange(0, 62 * SECOND, "order#1 -> payment.charge", "closed", "open")],
        stores=[
            blank(
                StoreResult,
                name="orders-db",
                kind="postgres",
                utilisation=Measured(0.36),
                waiting=Measured(0.02),
                wait_mean=Measured(3e5),
                rate=Measured(120.0),
                operations=900,
            )
        ],
        channels=[
            blank(
                ChannelResult,
                name="order-placed",
                kind="queue",
                published=9000,
                done=8990,
                backlog_most=31.0,
                backlog_end=2.0,
                age_most=4e8,
                redelivered=3,
                applied_twice=3,
            )
        ],
        faults=[FaultWindow(0, "payment 10x slower", "slow", 60 * SECOND, 80 * SECOND)],
        sagas=[Saga("booking.book", 12, 3, 1)],
        storm=blank(
            Storm,
            attempts=Measured(1.31),
            amplification=Measured(9.3),
            retry_share=Measured(0.12),
            gone_share=Measured(0.2),
            recoveries=[
                Recovery(
                    "shoppers -> gateway.checkout",
                    "payment 10x slower",
                    0,
                    80 * SECOND,
                    12 * SECOND,
                    "recovered 12s after",
                )
            ],
        ),
        cost=Cost(1234.5, 3.21, [ServiceCost("gateway", "service", 73.0)]),
    )


def test_the_order_is_verdict_where_when_why_what_to_try_then_the_numbers() -> None:
    text = shown(slow_payment())
    parts = [
        "shop · scenario payment-slow",
        "seed 42",
        "⚠ unstable",
        "Objectives",
        "Where it hurts",
        "When",
        "Why",
        "What to try",
        "Requests, as their senders",
        "Endpoints",
        "Services",
        "Calls that",
        "Stores",
        "Channels",
        "Sagas",
        "Retries and recovery",
        "Cost",
        "How to read this",
        "✗ 1 of 2 objectives missed",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_objectives_show_limit_measured_interval_and_a_word() -> None:
    lines = shown(slow_payment()).splitlines()
    assert "  ✗  gateway.checkout  p99 < 800ms    1.92s ± 120ms  missed" in lines
    assert "  ✓  gateway.checkout  success > 99%  99.4% ± 0.60%  met, within the noise" in lines


def test_the_fault_is_marked_below_the_time_it_struck() -> None:
    lines = shown(slow_payment()).splitlines()
    mark = next(line for line in lines if "━" in line)
    failed = next(line for line in lines if line.startswith("  failed "))
    assert mark.startswith("  payment 10x slower ") and mark.endswith("60s to 80s")
    assert all(bar == "▁" for bar in failed[22 : mark.index("━")])
    assert failed[mark.index("━") + 1] in "▃▄▅"


def test_every_outcome_is_counted() -> None:
    text = shown(slow_payment())
    assert "gateway.checkout: 5,000 timeout, 3,123 overloaded" in text
    assert "payment.charge: 8,123 error" in text
    assert "order-placed: 3 effects applied twice" in text


@pytest.mark.parametrize("width", [80, 100, 132])
def test_nothing_is_wider_than_the_screen(width: int) -> None:
    assert max(cell_len(line) for line in shown(slow_payment(), width).splitlines()) <= width


def test_numbers_are_never_cut_even_when_names_are() -> None:
    result = slow_payment()
    result.endpoints[0].name = "a-service-with-a-very-long-name.and-an-endpoint-with-a-longer-one"
    line = next(line for line in shown(result).splitlines() if line.startswith("  a-service"))
    assert "…" in line and line.split()[1:] == ["98,123", "654/s", "100%", "60.0ms", "120ms", "180ms", "480ms", "1.20s"]


def test_an_empty_result_is_still_a_report() -> None:
    text = shown(blank_result(system="idle", seed=7, story=Story(True, "nothing stands out", True, [])))
    assert "seed 7" in text and "none in the file" in text and "nothing stands out" in text
    assert "nan" not in text.lower() and "None" not in text


def test_an_undecided_story_says_so_and_names_them_all() -> None:
    result = slow_payment()
    result.story.decided = False
    text = shown(result)
    assert "The evidence does not decide between these:" in text
    assert "payment, slow from 60s" in text and "order, overloaded" in text


def test_an_interrupted_run_and_a_broken_law_are_said() -> None:
    result = slow_payment()
    result.interrupted = True
    result.checks = [Check("little", "payment", 1.0, 2.0, 0.5, 0.01, False)]
    text = shown(result)
    assert "⚠ interrupted: the figures are about the part that ran" in text
    assert "little does not hold at payment" in text


def _hostile(value: Any) -> Any:
    """`value` with every text in it made hostile."""
    if isinstance(value, str):
        return f"{value}\x1b[2J[red]\u202e\n"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = ("unit", "symptom", "kind", "metric", "verdict")
        return dataclasses.replace(
            value, **{f.name: _hostile(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name not in kept}
        )
    if isinstance(value, list):
        return [_hostile(item) for item in value]
    return {_hostile(k): _hostile(v) for k, v in value.items()} if isinstance(value, dict) else value


def test_no_text_of_the_users_is_obeyed_by_the_terminal_or_by_rich() -> None:
    text = shown(_hostile(slow_payment()), 132)
    assert "\x1b" not in text and "\u202e" not in text
    assert "shop\\x1b[2J[red]" in text


def _lines(text: str, start: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line.startswith(start))


def test_a_thousand_services_are_summed_up_not_listed() -> None:
    result = slow_payment()
    result.services = [service(f"s{n:04}", n / 2000, 0) for n in range(1000)]
    result.endpoints = [traffic(f"s{n:04}.e", 100 + n, ok=100 + n) for n in range(1000)]
    text = shown(result)
    assert len(text.splitlines()) < 160
    assert "and 976 less busy ones" in text and "and 976 quieter ones" in text
    assert any(_lines(text, "  s0999 "))


def test_replicas_that_change_get_a_line_of_their_own() -> None:
    result = slow_payment()
    result.series.services[0].replicas = [2.0] * 75 + [6.0] * 75
    line = next(_lines(shown(result), "  payment replicas"))
    assert line.endswith("2 to 6") and "▃" in line and "█" in line


def test_what_cannot_be_told_apart_is_said_by_name_and_only_when_used() -> None:
    assert (
        indistinct({"services": [{"name": "a"}, {"name": "b"}], "channels": [{"name": "q", "broker": "rabbitmq"}]})
        == []
    )
    said = " ".join(
        indistinct(
            {
                "services": [{"language": "java"}, {}],
                "channels": [{"broker": "embedded"}],
                "steps": [{"word": "call:user.get", "policy": {"protocol": "grpc"}}],
                "bodies": [{"name": "get"}],
            }
        )
    )
    assert "gRPC" in said and "call:user.get" in said
    assert "java, python" in said and "embedded" in said


def test_a_name_that_does_not_fit_loses_its_middle() -> None:
    result = slow_payment()
    result.endpoints[0].name = "productcatalogservice.get-product"
    result.endpoints[1].name = "productcatalogservice.search-products"
    names = [line.split()[0] for line in _lines(shown(result), "  productcat") if "98,123" in line]
    assert len(names) == 2 and all("…" in name for name in names)
    assert names[0].endswith("t-product") and names[1].endswith("h-products")


def test_a_column_in_which_nobody_has_anything_to_say_is_left_out() -> None:
    result = slow_payment()
    header = next(line for line in shown(result).splitlines() if "replicas" in line and "waited" in line)
    assert header.split() == ["replicas", "busy", "queue", "wait", "p95", "waited", "refused", "retries", "breaker"]
    result.edges, result.breakers = [], []
    header = next(line for line in shown(result).splitlines() if "replicas" in line and "waited" in line)
    assert header.split() == ["replicas", "busy", "queue", "wait", "p95", "waited", "refused"]
