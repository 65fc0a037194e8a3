"""The tables behind the pictures: requests, endpoints, services, stores, calls, channels, cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msforge.report.page.over_time import Clock
from msforge.report.page.sheets import sheet, with_half, words
from msforge.report.text import clean, count, duration, figure, money, percent
from msforge.results.figures import Traffic
from msforge.results.result import ReplicaResult, Result

PERCENTILES: Final = ("p50", "p90", "p95", "p99", "p999")
LATENCY: Final = ("", "requests", "rate", "success", "mean", "p50", "p90", "p95", "p99", "p99.9")
MOST: Final = 300
"""Rows of a table; a larger system's quieter ones are in the JSON."""


def request_sheets(result: Result) -> list[dict[str, Any]]:
    """Entries and endpoints with their latencies, how requests ended, and why they failed."""
    several = result.replications
    note = f"Counts are sums over {several} replications." if several > 1 else ""
    endpoints = [t for t in result.endpoints if t.counts.arrivals][:MOST]
    return [
        sheet("As their senders saw them", LATENCY, [_latency(t) for t in result.entries], note=note),
        sheet("As their services saw them", LATENCY, [_latency(t) for t in endpoints]),
        sheet("How they ended", ("", "outcome", "requests", "per second", "of all"),
              [row for t in (*result.entries, *endpoints) for row in _outcomes(t)], names=2),
        sheet("First causes of failure", ("", "cause", "requests"),
              [(t.name, words(cause), f"{n:,}") for t in result.entries
               for cause, n in sorted(t.causes.items(), key=lambda item: -item[1])], names=2),
    ]


def _latency(traffic: Traffic) -> list[str]:
    counts, latency = traffic.counts, traffic.answered
    return [
        traffic.name, f"{counts.arrivals:,}", with_half(counts.rate, "per_second"), with_half(counts.success, "ratio"),
        *(with_half(getattr(latency, name), "ns") for name in ("mean", *PERCENTILES)),
    ]


def _outcomes(traffic: Traffic) -> list[tuple[str, ...]]:
    counts = traffic.counts
    return [
        (traffic.name, words(outcome), f"{n:,}", figure(counts.rates.get(outcome), "per_second"),
         percent(n / counts.arrivals if counts.arrivals else None))
        for outcome, n in sorted(counts.outcomes.items(), key=lambda item: -item[1])
    ]


def service_sheets(result: Result) -> list[dict[str, Any]]:
    """Services, their replicas, stores."""
    services = [
        (s.name, count(s.replicas_mean.value), with_half(s.utilisation, "ratio"), with_half(s.cpu, "ratio"),
         with_half(s.waiting, "count"), count(s.waiting_level.most), with_half(s.wait_mean, "ns"),
         with_half(s.wait_p95, "ns"), percent(s.waited.value), count(s.refused))
        for s in result.services[:MOST]
    ]
    replicas = [_replica(r) for s in result.services for r in s.replicas if r.replication == 0][:MOST]
    stores = [
        (s.name, s.kind, with_half(s.rate, "per_second"), with_half(s.utilisation, "ratio"),
         with_half(s.waiting, "count"), with_half(s.wait_mean, "ns"), count(s.timeouts), count(s.hits), count(s.misses))
        for s in result.stores
    ]
    return [
        sheet("Services", ("", "replicas", "busy", "cpu", "queue", "longest", "wait mean", "wait p95", "waited",
                           "refused"), services),
        sheet("Replicas of the first replication", ("", "busy", "cpu", "queue", "wait mean", "wait p95", "finished",
                                                    "failed", "up"), replicas),
        sheet("Stores", ("", "kind", "rate", "busy", "queue", "wait mean", "timeouts", "hits", "misses"), stores,
              names=2),
    ]


def _replica(replica: ReplicaResult) -> Sequence[str]:
    return (
        replica.name, percent(replica.utilisation), percent(replica.cpu), count(replica.waiting.mean),
        duration(replica.wait_mean), duration(replica.wait_p95), f"{replica.finished:,}", f"{replica.failed:,}",
        percent(replica.up),
    )


def storm_figures(result: Result, clock: Clock) -> dict[str, Any]:
    """Attempts, work for callers who had gone, recoveries; tries per call over time where any was retried."""
    storm = result.storm
    retried = {e.name for e in result.edges if e.retries or e.hedges}
    series = [e for e in result.series.edges if e.name in retried][:8]
    return {
        "figures": [
            {"name": "tries a client made per request", "text": with_half(storm.attempts, "count")},
            {"name": "requests inside per request", "text": with_half(storm.amplification, "count")},
            {"name": "calls that were retries", "text": with_half(storm.retry_share, "ratio")},
            {"name": "work for callers who had gone", "text": with_half(storm.gone_share, "ratio")},
        ],
        "edges": [{"name": clean(e.name), "attempts": clock.mean(e.attempts), "tries": clock.rate(e.tries)}
                  for e in series],
        "recoveries": sheet("Time to recover", ("", "fault", "ended at", "recovered"),
                            [(r.entry, r.label, duration(r.cleared), r.text) for r in storm.recoveries
                             if r.replication == 0], names=4),
        "calls": sheet("Calls", ("", "calls", "tries", "per call", "retries", "hedges", "no budget", "failed"),
                       [(e.name, f"{e.calls:,}", f"{e.tries:,}", with_half(e.attempts, "count"), count(e.retries),
                         count(e.hedges), count(e.budget_denied), with_half(e.failure, "ratio"))
                        for e in result.edges[:MOST]]),
    }


def channel_sheet(result: Result) -> dict[str, Any]:
    """What went through the channels."""
    titles = ("", "kind", "published", "done", "backlog", "at end", "oldest", "again", "dead", "dropped", "lost")
    return sheet("Channels", titles, [
        (c.name, c.kind, f"{c.published:,}", f"{c.done:,}", count(c.backlog_most), count(c.backlog_end),
         duration(c.age_most), count(c.redelivered), count(c.dead), count(c.dropped), count(c.lost))
        for c in result.channels
    ], names=2)


def cost_sheet(result: Result) -> dict[str, Any] | None:
    """What it costs at this run's load, dearest first; None when nothing costs anything."""
    items = sorted((i for i in result.cost.items if i.per_month), key=lambda i: -i.per_month)
    if not items:
        return None
    total = result.cost.per_month
    rows = [(i.name, i.kind, money(i.per_month), percent(i.per_month / total)) for i in items[:MOST]]
    return {
        "total": money(total),
        "million": money(result.cost.per_million),
        "bars": [{"name": clean(i.name), "share": round(i.per_month / items[0].per_month, 4),
                  "text": money(i.per_month)} for i in items[:12]],
        "table": sheet("Cost per month, at this run's load", ("", "kind", "per month", "of all"),
                       [*rows, ("together", "", money(total), "")], names=2),
    }
