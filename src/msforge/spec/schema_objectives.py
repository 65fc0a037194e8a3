"""Objectives: what a run is judged by."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, NamedTuple

from pydantic import PlainValidator, WithJsonSchema

from msforge import units
from msforge.spec.fields import Unit, fail, shown

LATENCIES: Final = ("mean", "p50", "p90", "p95", "p99", "p99.9", "max")
RATIOS: Final = ("success", "error_rate")
METRICS: Final = (*LATENCIES, *RATIOS, "throughput")
_OBJECTIVE = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(<=|>=|<|>)\s*(\S.*?)\s*")
_HELP: Final = "write `metric < limit`, e.g. p99 < 800ms or success > 99%"


class Objective(NamedTuple):
    """`metric operator limit`. The limit is in ns for latencies, 0..1 for ratios, per second for throughput."""

    metric: str
    operator: str
    limit: float
    text: str


def _plain(limit: str) -> str | float:
    return float(limit) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,20})?", limit) else limit


def parse_objective(value: Any) -> Objective:
    """`p99 < 800ms` -> Objective; raises the pydantic error for anything else."""
    match = _OBJECTIVE.fullmatch(value) if isinstance(value, str) and len(value) <= 200 else None
    if match is None:
        raise fail("E209", f"{shown(value)} is not an objective", _HELP)
    metric, operator, limit = match[1], match[2], match[3]
    if metric not in METRICS:
        raise fail("E209", f"`{metric}` is not a metric", f"the metrics are {', '.join(METRICS)}")
    try:
        if metric in LATENCIES:
            number: float = units.parse_duration(limit)
        else:
            number = units.parse_ratio(_plain(limit)) if metric in RATIOS else units.parse_rate(limit)
    except units.UnitError as error:
        raise fail("E209", f"the limit of `{value}` cannot be read: {error}", error.help or _HELP) from None
    return Objective(metric, operator, number, value.strip())


ObjectiveField = Annotated[
    Objective,
    PlainValidator(parse_objective),
    WithJsonSchema(
        {"type": "string", "pattern": rf"^\s*({'|'.join(map(re.escape, METRICS))})\s*(<=|>=|<|>)\s*\S+\s*$"}
    ),
    Unit("objective", lambda objective: objective.text),
]
