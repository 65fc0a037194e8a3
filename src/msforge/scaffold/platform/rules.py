"""Objectives as Prometheus' rules: burn rates over several windows, as the Site Reliability Workbook has them.

A latency objective `p99 < 800ms` allows 1 % of the requests to take longer; `success > 99%` allows 1 % to fail. That
share is the error budget. An alert tells how many times too fast it is being spent, over a long window and, so that it
ends soon after the trouble does, a short one.
"""

from __future__ import annotations

from typing import Any, Final

from msforge.model.plan import Objective, System
from msforge.scaffold.context import Data, subject

BURNS: Final = (
    ("1h", "5m", 14.4, "page"), ("6h", "30m", 6.0, "page"), ("1d", "2h", 3.0, "ticket"), ("3d", "6h", 1.0, "ticket"),
)
"""Long window, short window, how many times too fast, and what that is worth."""
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
ANSWERED: Final = "ok|degraded"
SERVED: Final = "ok|degraded|rejected"


def alerts(system: System) -> tuple[list[Data], list[str]]:
    """What each objective becomes, and those that no rule can judge, with the reason."""
    made: list[Data] = []
    left_out: list[str] = []
    for objective in system.objectives:
        body = subject(system, objective)
        if body < 0:
            name = system.sources[objective.source].name
            left_out.append(f"{name} {objective.text}: a journey of several requests, which no service sees whole")
            continue
        service = system.services[system.bodies[body].service].name
        found = _alert(objective, service, system.bodies[body].name)
        if found is None:
            left_out.append(f"{service}.{system.bodies[body].name} {objective.text}: not a limit that can be burnt")
        else:
            made.append(found)
    return made, left_out


def _alert(objective: Objective, service: str, endpoint: str) -> Data | None:
    """One objective: its expressions with `[W]` in place of the window, or None where none fits."""
    labels, text = f'service="{service}",endpoint="{endpoint}"', " ".join(objective.text.split())
    total = f"sum(rate(service_requests_total{{{labels}}}[W]))"
    made: Data = {
        "service": service, "endpoint": endpoint, "objective": f"{service}.{endpoint} {text}",
    }
    metric, limit = objective.metric, objective.limit
    if metric in ("success", "availability") and not objective.less:
        good = SERVED if metric == "availability" else ANSWERED
        return made | _burning(_failed(labels, good, total), 1.0 - limit)
    if metric == "error_rate" and objective.less:
        return made | _burning(_failed(labels, ANSWERED, total), limit)
    if metric == "throughput" and not objective.less:
        good = f'sum(rate(service_requests_total{{{labels},outcome=~"{ANSWERED}"}}[W]))'
        return made | {"kind": "limit", "expression": good, "beyond": f"< {limit:.10g}"}
    if not objective.less or metric == "throughput":
        return None
    seconds = f"{limit / 1e9:.10g}"
    if metric == "mean":
        took = "service_request_duration_seconds"
        mean = f"sum(rate({took}_sum{{{labels}}}[W])) / sum(rate({took}_count{{{labels}}}[W]))"
        return made | {"kind": "limit", "expression": mean, "beyond": f"> {seconds}"}
    share = 1.0 if metric == "max" else float(metric[1:]) / 100
    return made | _burning(_slow(labels, float(seconds)), 1.0 - share)


def _failed(labels: str, good: str, total: str) -> str:
    return f'1 - (sum(rate(service_requests_total{{{labels},outcome=~"{good}"}}[W])) or vector(0)) / {total}'


def _slow(labels: str, seconds: float) -> str:
    """The share of requests that took longer. The bound stands in the histogram as the service writes it."""
    took = "service_request_duration_seconds"
    return (
        f'1 - sum(rate({took}_bucket{{{labels},le="{seconds!r}"}}[W])) / sum(rate({took}_count{{{labels}}}[W]))'
    )


def _burning(expression: str, budget: float) -> Data:
    budget = round(budget, 9)
    return {
        "kind": "burn", "expression": expression, "budget": f"{budget:.10g}",
        "burns": [
            {"long": long, "short": short, "factor": f"{factor:g}", "above": f"{factor * budget:.10g}", "level": level}
            for long, short, factor, level in BURNS
            if factor * budget < 1.0
        ] if budget > 0 else [
            {"long": "1h", "short": "5m", "factor": "0", "above": "0", "level": "page"}
        ],
    }


def recordings(found: list[Data]) -> list[dict[str, Any]]:
    """The recording rules of the objectives: what each comes to, over every window that an alert needs."""
    made = []
    for alert in found:
        wanted = (
            {window for burn in alert["burns"] for window in (burn["long"], burn["short"])}
            if alert["kind"] == "burn" else {"1h", "5m"}
        )
        made += [
            {
                "record": f"objective:{'bad:ratio' if alert['kind'] == 'burn' else 'value'}_rate{window}",
                "expression": alert["expression"].replace("[W]", f"[{window}]"), "objective": alert["objective"],
                "service": alert["service"], "endpoint": alert["endpoint"],
            }
            for window in WINDOWS
            if window in wanted
        ]
    return made
