"""Grafana's dashboards as data: what to plot, with the expressions that a test runs against a real Prometheus."""

from __future__ import annotations

from typing import Any, Final

from msforge.model.plan import System, Verb
from msforge.scaffold.platform import rules

Panel = dict[str, Any]
SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
RATE: Final = "$__rate_interval"


def all_dashboards(name: str, host: str, system: System) -> dict[str, Panel | None]:
    """Each dashboard by the name of its file, None where there is nothing to plot."""
    panels = {
        "services": _services(), "saturation": _saturation(system), "calls": _calls(system),
        "objectives": _objectives(system),
    }
    return {title: _dashboard(name, host, title, drawn) if drawn else None for title, drawn in panels.items()}


def _services() -> list[Panel]:
    """Rate, errors, duration."""
    took = "service_request_duration_seconds_bucket"
    failed = f'sum by (service) (rate(service_requests_total{{outcome!~"ok|degraded"}}[{RATE}]))'
    served = f"sum by (service) (rate(service_requests_total[{RATE}]))"
    panels = [
        _panel("Requests a second", "reqps", (served, "{{service}}")),
        _panel("Failed", "percentunit", (f"({failed} or {served} * 0) / {served}", "{{service}}")),
    ]
    for quantile, title in ((0.5, "Duration, median"), (0.99, "Duration, 99th percentile")):
        expression = f"histogram_quantile({quantile}, sum by (service, le) (rate({took}[{RATE}])))"
        panels.append(_panel(title, "s", (expression, "{{service}}")))
    outcomes = f"sum by (service, endpoint, outcome) (rate(service_requests_total[{RATE}]))"
    panels.append(_panel("Requests a second, by endpoint and outcome", "reqps",
                         (outcomes, "{{service}}.{{endpoint}} {{outcome}}"), wide=True))
    return panels


def _saturation(system: System) -> list[Panel]:
    """What fills up: threads and queues of services, channels, stores, caches."""
    busy = "sum by (service) (service_threads_busy) / sum by (service) (service_threads_limit > 0)"
    panels = [
        _panel("Threads in use", "percentunit", (busy, "{{service}}")),
        _panel("Requests waiting for a thread", "short", ("sum by (service) (service_queue_length)", "{{service}}")),
        _panel("In progress", "short", ("sum by (service) (service_requests_in_progress)", "{{service}}")),
        _panel("Replicas up", "short", ("sum by (service) (up)", "{{service}}")),
    ]
    if any(channel.consumers for channel in system.channels):
        lag = 'max by (channel) (service_channel_waiting{what="backlog"})'
        flow = f"max by (channel, what) (rate(service_channel_messages_total[{RATE}]))"
        panels += [
            _panel("Lag: messages not yet delivered", "short", (lag, "{{channel}}")),
            _panel("Messages a second, by what became of them", "cps", (flow, "{{channel}} {{what}}")),
        ]
    verbs = {step.verb for step in system.steps}
    if verbs & {Verb.READ, Verb.WRITE}:
        waiting = 'max by (store) (service_store_operations{what="waiting"})'
        done = f"max by (store) (rate(service_store_finished_total[{RATE}]))"
        panels += [
            _panel("Waiting for a connection of a store", "short", (waiting, "{{store}}")),
            _panel("Operations of a store a second", "ops", (done, "{{store}}")),
        ]
    if any(step.cache is not None for step in system.steps):
        looked = f"max by (store) (rate(service_cache_lookups_total{{what=\"WHAT\"}}[{RATE}]))"
        hits, misses = looked.replace("WHAT", "hits"), looked.replace("WHAT", "misses")
        panels.append(_panel("Hits of a cache", "percentunit", (f"{hits} / ({hits} + {misses} > 0)", "{{store}}")))
    return panels


def _calls(system: System) -> list[Panel]:
    """How calls between services fare: retries, breakers, what was given up."""
    calls = [step for step in system.steps if step.verb is Verb.CALL and step.edge >= 0]
    if not any(not system.edges[step.edge].local for step in calls):
        return []
    by = "by (service, callee)"
    legend = "{{service}} to {{callee}}"
    panels = [
        _panel(title, "cps", (f"sum {by} (rate(service_{metric}_total[{RATE}]))", legend))
        for title, metric in (
            ("Calls a second", "calls"), ("Failed calls a second", "failed_calls"), ("Retries a second", "retries"),
            ("Tries given up a second", "gave_up"),
        )
    ]
    if any(step.policy.breaker is not None for step in calls):
        state = _panel("Circuit breakers", "short", (f"max {by} (service_breaker_state)", legend))
        state["fieldConfig"]["defaults"]["mappings"] = [{
            "type": "value",
            "options": {str(n): {"text": text, "index": n} for n, text in enumerate(("closed", "open", "half open"))},
        }]
        panels.append(state)
    return panels


def _objectives(system: System) -> list[Panel]:
    """How fast each objective's budget is spent, and which alerts fire."""
    records = {rule["record"] for rule in rules.recordings(rules.alerts(system)[0])}
    panels = []
    for window in ("5m", "1h", "6h", "3d"):
        record = f"objective:bad:ratio_rate{window}"
        if record in records:
            panels.append(_panel(f"Bad requests over {window}", "percentunit", (record, "{{objective}}")))
    if "objective:value_rate5m" in records:
        panels.append(_panel("Means and throughputs over 5m", "short", ("objective:value_rate5m", "{{objective}}")))
    firing = ("ALERTS or vector(0)", "{{alertname}} {{objective}} {{alertstate}}")
    return [*panels, _panel("Alerts", "short", firing)] if panels else []


def _panel(title: str, unit: str, *targets: tuple[str, str], wide: bool = False) -> Panel:
    return {
        "type": "timeseries", "title": title, "datasource": SOURCE, "gridPos": {"w": 24 if wide else 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {"fillOpacity": 8}}, "overrides": []},
        "options": {"tooltip": {"mode": "multi"}, "legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for n, (expression, legend) in enumerate(targets)
        ],
    }


def _dashboard(name: str, host: str, title: str, panels: list[Panel]) -> Panel:
    """A dashboard; two panels stand side by side."""
    x = y = 0
    for number, panel in enumerate(panels, start=1):
        place = panel["gridPos"]
        if x + place["w"] > 24:
            x, y = 0, y + place["h"]
        place |= {"x": x, "y": y}
        x += place["w"]
        panel["id"] = number
    return {
        "title": f"{name}: {title}", "uid": f"{host[:28]}-{title}", "schemaVersion": 39, "version": 1, "editable": True,
        "tags": ["msforge"], "time": {"from": "now-15m", "to": "now"}, "refresh": "5s", "timezone": "browser",
        "templating": {"list": []}, "annotations": {"list": []}, "panels": panels,
    }
