"""Tables of what connects services: call edges, circuit breakers, channels, sagas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from msforge.recording.records import CHANNEL_COUNTS, CHANNEL_TICKS, EDGE_COUNTS, EDGE_TICKS
from msforge.records import OUTCOMES, Outcome
from msforge.results.result import BreakerChange, ChannelResult, Edge, FaultWindow, HappeningResult, Saga, Trace
from msforge.results.slices import Slices
from msforge.results.traffic import Book

Ints = NDArray[np.int64]

CALLS, TRIES, FAILED_TRIES, FAILED_CALLS = (
    EDGE_TICKS.index(word) - 2 for word in ("calls", "tries", "failed_tries", "failed_calls")
)
PUBLISHED, DONE, BACKLOG, AGE = (
    CHANNEL_TICKS.index(word) - 2 for word in ("published", "done", "backlog", "oldest_age")
)


def edge_names(slices: Slices) -> list[str]:
    """`caller -> callee` of every edge; numbered when an endpoint calls another more than once."""
    system = slices.system
    seen: dict[tuple[int, int], int] = {}
    total: dict[tuple[int, int], int] = {}
    for edge in system.edges:
        total[edge.caller, edge.callee] = total.get((edge.caller, edge.callee), 0) + 1
    names = []
    for edge in system.edges:
        pair = (edge.caller, edge.callee)
        seen[pair] = seen.get(pair, 0) + 1
        suffix = f" ({seen[pair]})" if total[pair] > 1 else ""
        names.append(f"{system.body_name(edge.caller)} -> {system.body_name(edge.callee)}{suffix}")
    return names


def edges(slices: Slices, book: Book) -> list[Edge]:
    """One table per call edge. Over a window, retries and hedges can't be told apart and outcomes are not known."""
    system = slices.system
    out = []
    for edge, name in zip(system.edges, edge_names(slices), strict=True):
        sums = slices.edges[:, edge.index]
        found = _edge_counts(slices, edge.index)
        key = f"edge/{name}"
        out.append(
            Edge(
                name=name,
                caller=system.body_name(edge.caller),
                callee=system.body_name(edge.callee),
                local=edge.local,
                calls=found["calls"],
                tries=found["tries"],
                retries=found["retries"],
                hedges=found["hedges"],
                budget_denied=found["budget_denied"],
                gave_up=found["gave_up"],
                attempts=book.ratio(f"{key}/attempts", "count", "less", sums[:, TRIES], sums[:, CALLS]),
                failure=book.ratio(
                    f"{key}/failure", "ratio", "less", sums[:, FAILED_CALLS], sums[:, CALLS], share=True
                ),
                try_outcomes=_outcomes([run.records.edge_tries[edge.index] for run in slices.runs], slices.whole),
                call_outcomes=_outcomes([run.records.edge_calls[edge.index] for run in slices.runs], slices.whole),
            )
        )
    return out


def _edge_counts(slices: Slices, index: int) -> dict[str, int]:
    if slices.whole:
        totals = np.sum([run.records.edge_counts[index] for run in slices.runs], axis=0)
        return {word: int(value) for word, value in zip(EDGE_COUNTS, totals, strict=True)}
    sums = slices.edges[:, index].sum(axis=0)
    calls, tries = int(sums[CALLS]), int(sums[TRIES])
    gave_up = int(sums[EDGE_TICKS.index("gave_up") - 2])
    counts = {"calls": calls, "tries": tries, "retries": max(0, tries - calls), "gave_up": gave_up}
    return {word: counts.get(word, 0) for word in EDGE_COUNTS}


def _outcomes(rows: list[Ints], whole: bool) -> dict[str, int]:
    if not whole:
        return {}
    totals = np.sum(rows, axis=0)
    return {Outcome(o).word: int(totals[o]) for o in range(OUTCOMES) if totals[o]}


def channels(slices: Slices, book: Book) -> list[ChannelResult]:
    """One table per channel."""
    out = []
    for plan in slices.system.channels:
        totals = np.sum([run.records.channel_counts[plan.index] for run in slices.runs], axis=0)
        found = {word: int(value) for word, value in zip(CHANNEL_COUNTS, totals, strict=True)}
        sums = slices.channels[:, plan.index]
        spans = [run.channels[slices.first : slices.last, plan.index] for run in slices.runs]
        backlog = np.concatenate([span[:, BACKLOG] for span in spans])
        age = np.concatenate([span[:, AGE] for span in spans])
        ends = [span[-1] for span in spans if len(span)]
        key = f"channel/{plan.name}"
        out.append(
            ChannelResult(
                name=plan.name,
                kind="topic" if plan.topic else "queue",
                **found,
                publish_rate=book.rate(f"{key}/publish_rate", "", sums[:, PUBLISHED]),
                done_rate=book.rate(f"{key}/done_rate", "more", sums[:, DONE]),
                backlog_mean=book.ratio(f"{key}/backlog", "count", "less", sums[:, BACKLOG], slices.buckets_in),
                backlog_most=float(backlog.max()) if backlog.size else None,
                backlog_end=float(np.mean([end[BACKLOG] for end in ends])) if ends else None,
                age_most=float(age.max()) if age.size else None,
                age_end=float(np.mean([end[AGE] for end in ends])) if ends else None,
            )
        )
    return out


def sagas(slices: Slices) -> list[Saga]:
    """Compensations per saga step, whole run."""
    found: dict[int, tuple[int, int, int]] = {}
    for run in slices.runs:
        for step, (undone, retried, stuck) in run.records.sagas.items():
            a, b, c = found.get(step, (0, 0, 0))
            found[step] = (a + undone, b + retried, c + stuck)
    return [Saga(slices.system.steps[step].path, *counts) for step, counts in sorted(found.items())]


def happenings(slices: Slices) -> list[HappeningResult]:
    """All marks of all replications, in order of replication and time."""
    return [
        HappeningResult(run.records.replication, h.time, h.kind, h.subject, h.detail)
        for run in slices.runs
        for h in run.records.happenings
    ]


def breakers(slices: Slices) -> list[BreakerChange]:
    """Circuit breakers' changes."""
    out = []
    for mark in happenings(slices):
        if mark.kind == "breaker":
            before, _, after = mark.detail.partition(" -> ")
            out.append(BreakerChange(mark.replication, mark.time, mark.subject, before, after))
    return out


def faults(slices: Slices) -> list[FaultWindow]:
    """Faults with the times they really held, beginnings and ends paired per fault and subject."""
    out: list[FaultWindow] = []
    for run in slices.runs:
        open_: dict[tuple[int, str], list[FaultWindow]] = {}
        for mark in run.records.happenings:
            key = (mark.fault, mark.subject)
            if mark.kind == "fault_begin":
                plan = slices.system.faults[mark.fault] if mark.fault >= 0 else None
                label = (plan.label if plan else "") or mark.subject
                window = FaultWindow(run.records.replication, label, plan.kind if plan else "change", mark.time, None)
                open_.setdefault(key, []).append(window)
                out.append(window)
            elif mark.kind == "fault_end" and open_.get(key):
                open_[key].pop(0).end = mark.time
    return out


def traces(slices: Slices) -> list[Trace]:
    """The spans of traced requests."""
    system = slices.system
    return [
        Trace(
            run.records.replication, system.sources[s.source].name, s.number, s.span, s.parent, s.kind, s.name,
            system.services[s.service].name if s.service >= 0 else "", s.replica, s.begin, s.end,
            Outcome(s.outcome).word, s.link, s.sampled,
        )
        for run in slices.runs
        for s in run.records.spans
    ]
