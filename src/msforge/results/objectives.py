"""Objectives and their verdicts.

An endpoint that clients call is judged as they saw it, all sources together; any other endpoint as its service
saw it. The exit code follows the point value; the interval says how sure that is.
"""

from __future__ import annotations

import numpy as np

from msforge.model.plan import Objective
from msforge.records import Outcome
from msforge.results.figures import Measured
from msforge.results.result import ObjectiveResult
from msforge.results.slices import ANSWERED, Slices
from msforge.results.traffic import OK, Book

UNITS = {"success": "ratio", "error_rate": "ratio", "availability": "ratio", "throughput": "per_second"}


def judge(slices: Slices, book: Book) -> list[ObjectiveResult]:
    """The verdict on every objective."""
    return [_judge(slices, book, objective) for objective in slices.system.objectives]


def _groups(slices: Slices, objective: Objective) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The groups an objective is about, and those of them that are entries."""
    chosen = tuple(
        n
        for n, (source, target) in enumerate(slices.entries)
        if (objective.source >= 0 and source == objective.source) or (objective.body >= 0 and target == objective.body)
    )
    if chosen or objective.body < 0:
        return chosen, chosen
    return (len(slices.entries) + objective.body,), ()


def _judge(slices: Slices, book: Book, objective: Objective) -> ObjectiveResult:
    system = slices.system
    subject = system.body_name(objective.body) if objective.body >= 0 else system.sources[objective.source].name
    name = f"objective/{subject} {objective.text}"
    measured = _measure(slices, book, objective, name)
    met = _holds(objective, measured.value)
    sure = measured.low is None or _holds(objective, measured.low) == _holds(objective, measured.high)
    verdict = "unsure" if measured.value is None or not sure else "yes" if met else "no"
    unit = UNITS.get(objective.metric, "ns")
    return ObjectiveResult(
        objective.text, subject, objective.metric, objective.less, objective.limit, unit, measured, met, verdict
    )


def _holds(objective: Objective, value: float | None) -> bool:
    if value is None:
        return False
    if objective.less:
        return value < objective.limit if objective.strict else value <= objective.limit
    return value > objective.limit if objective.strict else value >= objective.limit


def _measure(slices: Slices, book: Book, objective: Objective, name: str) -> Measured:
    groups, entries = _groups(slices, objective)
    better = "less" if objective.less else "more"
    if not groups:
        return Measured(None)
    metric = objective.metric
    if metric in UNITS:
        return _count_metric(slices, book, metric, name, better, groups, entries)
    sample = slices.latencies(groups, ANSWERED)
    if metric == "mean":
        cells = slices.moments[:, list(groups), 0]
        return book.ratio(name, "ns", better, cells[..., 1].sum(axis=1), cells[..., 0].sum(axis=1))
    if metric == "max":
        return Measured(sample.kth(sample.n) if sample.n else None)
    return book.percentile(name, sample, round(float(metric[1:]) * 100))


def _count_metric(
    slices: Slices, book: Book, metric: str, name: str, better: str, groups: tuple[int, ...], entries: tuple[int, ...]
) -> Measured:
    """success, error_rate (1 - success), availability (rejected requests count as served), throughput."""
    if metric == "throughput":
        return book.rate(name, better, slices.answers[:, list(groups)][:, :, OK].sum(axis=(1, 2)))
    outcomes = slices.outcomes[:, list(groups)].sum(axis=1)
    everything = outcomes.sum(axis=1) + slices.in_flight[:, list(entries)].sum(axis=1)
    good = outcomes[:, OK].sum(axis=1)
    if metric == "availability":
        good = good + outcomes[:, int(Outcome.REJECTED)]
    wanted = everything - good if metric == "error_rate" else good
    return book.ratio(name, "ratio", better, np.asarray(wanted), everything, share=True)
