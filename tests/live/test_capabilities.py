"""The table of what each way of running honours, and what it finds in a description."""

from __future__ import annotations

import pytest

import msforge
from msforge.live import api
from msforge.model import compile_system
from msforge.scaffold.capabilities import CONTAINERS, FEATURES, NO, PARTLY, WAYS, YES, beyond, page
from msforge.spec import load, load_text

EVERYTHING = """\
msforge: 1
services:
  a:
    replicas: 2
    balance: random
    zones: [x, y]
    autoscale: {min: 2, max: 4, cpu: 50%}
    cpu: 1
    endpoints: {go: {steps: [{call: b.go}, {read: db}, {publish: news}]}}
  b: {language: java, external: true, endpoints: {go: {grpc: p.S/M}}}
  f: {function: {}, endpoints: {go: {}}}
  r: {consumers: {take: {from: news}}}
stores: {db: {kind: postgres}}
channels: {news: {kind: topic}}
network: {between_zones: {latency: 1ms}}
traffic: {t: {target: a.go, rate: 1/s}, u: {target: f.go, rate: 1/s}}
faults:
  - {deploy: b, at: 1s}
  - {deploy: a, every: 1m}
  - {change: {services.b.threads: 2}, at: 2s}
  - {change: {services.a.balancer: client}, at: 2s}
simulation: {duration: 3s}
"""


def test_the_simulation_honours_everything() -> None:
    for example in msforge.examples():
        assert beyond(compile_system(load(example.file)), "simulation") == []


def test_what_is_beyond_a_way_of_running_is_named_with_who_uses_it() -> None:
    system = compile_system(load_text(EVERYTHING))
    found = {b.feature: b for b in beyond(system, "one process")}
    assert "autoscaling" not in found and "`grpc` endpoints" not in found
    assert found["`language: node` and `java`"].used_by == ("b",)
    assert found["brokers as products"].used_by == ("news (kafka)",)
    assert "deployments" not in found
    assert found["deployments again and again"].used_by == ("deploy of a",)
    assert found["deployments again and again"].support == NO
    assert found["changes of what is in the code"].used_by == ("services.a.balancer = client",)
    more = {b.feature for b in beyond(system, "processes")} - found.keys()
    assert more == {"`random`, `least_connections` and `power_of_two` behind a shared balancer"}


def test_without_its_packages_grpc_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    system = compile_system(load_text(EVERYTHING))
    assert not any("grpc" in found.feature for found in api.beyond(system, "processes"))
    monkeypatch.setattr(api, "speaks_grpc", lambda: False)
    [found] = [found for found in api.beyond(system, "processes") if "grpc" in found.feature]
    assert found.used_by == ("b.go",) and "msforge[grpc]" in found.instead


def test_a_call_by_grpc_to_an_http_endpoint_is_named() -> None:
    text = EVERYTHING.replace("call: b.go", "call: c.go, protocol: grpc").replace(
        "  f: {", "  c: {endpoints: {go: {}}}\n  f: {")
    named = {found.feature: found.used_by for found in beyond(compile_system(load_text(text)), "one process")}
    assert named["`protocol: grpc` to an endpoint that is `http`"] == ("a.go",)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_row_says_what_happens_instead(feature: object) -> None:
    assert hasattr(feature, "support")
    words = {feature.support(way) for way in WAYS}
    assert words <= {YES, PARTLY, NO}
    for way in WAYS:
        if feature.support(way) != YES:
            assert feature.instead_in(way)  # type: ignore[attr-defined]


def test_what_differs_in_containers_is_of_a_feature_that_there_is() -> None:
    assert set(CONTAINERS) <= {feature.name for feature in FEATURES}
    system = compile_system(load_text(EVERYTHING))
    found = {b.feature: b for b in beyond(system, "Kubernetes")}
    assert found["autoscaling"].support == PARTLY and "HorizontalPodAutoscaler" in found["autoscaling"].instead
    assert {b.feature: b for b in beyond(system, "compose")}["autoscaling"].support == NO


def test_the_page_has_a_row_a_feature_and_a_column_a_way() -> None:
    rows = [line for line in page().splitlines() if line.startswith("|")]
    assert len(rows) == len(FEATURES) + 2
    assert {row.count("|") for row in rows} == {len(WAYS) + 3}


def test_what_stands_on_a_server_is_as_the_file_says() -> None:
    system = compile_system(load_text("""\
msforge: 1
name: s
services:
  a:
    endpoints: {go: {steps: [{publish: news}, {publish: jobs}, {write: db}, {read: memory}]}}
    consumers: {take: {from: news, steps: [wait: 1ms]}, work: {from: jobs, steps: [wait: 1ms]}}
stores: {db: {kind: postgresql, write: 1ms}, memory: {kind: valkey, read: 1ms}}
channels: {news: {kind: topic}, jobs: {kind: queue}}
traffic: {t: {target: a.go, rate: 1/s}}
simulation: {duration: 5s, warmup: 1s}
"""))

    def named(*servers: str) -> set[str]:
        return {user for found in api.beyond(system, "one process", servers) for user in found.used_by}

    everything = {"news (kafka)", "jobs (rabbitmq)", "db (postgresql)", "memory (valkey)"}
    assert named() == named("prometheus") == everything
    assert named("kafka") == everything - {"news (kafka)"}
    assert named("rabbitmq", "kafka", "postgres", "redis") == set()
