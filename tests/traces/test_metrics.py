"""Prometheus' text of a run: the names of generated services, and the numbers of the Result."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import msforge
from msforge.runtime.plan import Service
from msforge.runtime.replica import Replica
from msforge.spec import load_text
from tests.traces.test_otlp import SHOP, run


def families(text: str) -> dict[str, list[object]]:
    return {family.name: list(family.samples) for family in text_string_to_metric_families(text)}


def test_names_and_labels_are_those_of_generated_services() -> None:
    registry = CollectorRegistry()
    Replica(Service("front"), registry=registry, log=lambda line: None)
    real = families(generate_latest(registry).decode())
    found = families(msforge.export_metrics(run(60)))
    assert set(found) <= set(real)
    assert set(real) - set(found) == {
        "service_breaker_state", "service_sagas", "service_requests_in_progress", "service_faults_active"
    }


def test_requests_and_durations_are_those_of_the_run() -> None:
    result = msforge.simulate(load_text(SHOP), replications=2, processes=1, sets=())
    found = families(msforge.export_metrics(result))
    from msforge.results import read_window

    whole = read_window(result, (0, result.duration))
    for traffic in whole.endpoints:
        service, _, endpoint = traffic.name.partition(".")
        mine = [s for s in found["service_requests"]
                if s.labels["service"] == service and s.labels["endpoint"] == endpoint]
        assert {s.labels["replication"] for s in mine} == {"0", "1"}
        assert sum(s.value for s in mine) >= traffic.counts.finished
        took = [s for s in found["service_request_duration_seconds"] if s.labels.get("endpoint") == endpoint
                and s.labels["service"] == service]
        count = sum(s.value for s in took if s.name.endswith("_count"))
        total = sum(s.value for s in took if s.name.endswith("_sum"))
        assert count == sum(s.value for s in mine)
        assert total / count == pytest.approx(traffic.all.mean.value / 1e9, rel=0.02)


def test_buckets_hold_the_share_that_the_percentile_says() -> None:
    result = run(60)
    found = families(msforge.export_metrics(result))["service_request_duration_seconds"]
    [below] = [s.value for s in found if s.labels.get("le") == "0.025" and s.labels["endpoint"] == "go"
               and s.labels["service"] == "back"]
    [count] = [s.value for s in found if s.name.endswith("_count") and s.labels["service"] == "back"]
    [back] = [traffic for traffic in result.endpoints if traffic.name == "back.go"]
    median = back.all.p50.value
    assert median is not None
    assert (below / count > 0.5) == (median < 25e6)


def test_a_result_without_its_data_says_what_to_do() -> None:
    from msforge.results import Result

    bare = Result.from_json(run(60).to_json(data=False))
    with pytest.raises(msforge.ResultFormatError, match="tables alone"):
        msforge.export_metrics(bare)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say() -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=msforge.export_metrics(run(60)), capture_output=True, text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
