"""`resolved()` fills in every default, loads again and means the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from msforge.spec import Spec, dump, from_data, load, load_text
from tests.spec.shop import EVERYTHING, SHOP, SMALLEST

EXAMPLES = [p for p in sorted((Path(__file__).parents[2] / "examples").glob("*/*.yaml")) if p.stem == p.parent.name]


def round_trip(spec: Spec) -> None:
    resolved = spec.resolved()
    assert json.loads(json.dumps(resolved)) == resolved
    for again in (from_data(resolved), load_text(dump(resolved))):
        assert again.model == spec.model
        assert again.resolved() == resolved


@pytest.mark.parametrize("text", [SHOP, EVERYTHING, SMALLEST], ids=["shop", "everything", "smallest"])
def test_it_loads_again_and_means_the_same(text: str) -> None:
    round_trip(load_text(text))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_so_does_every_example(path: Path) -> None:
    round_trip(load(path))


def test_so_does_every_scenario() -> None:
    for scenario in load_text(SHOP).scenarios:
        round_trip(load_text(SHOP, scenario=scenario))


def test_every_default_is_there() -> None:
    resolved = load_text(SMALLEST).resolved()
    assert resolved == {
        "msforge": 1,
        "name": "system",
        "services": {
            "hello": {
                "language": "python",
                "replicas": 1,
                "threads": 16,
                "queue": {"capacity": 100, "discipline": "fifo"},
                "balance": "round_robin",
                "balancer": "shared",
                "detect": "0s",
                "startup": "0s",
                "zones": [],
                "external": False,
                "endpoints": {"greet": {"http": "POST /greet", "idempotent": False, "steps": []}},
                "consumers": {},
            }
        },
        "stores": {},
        "channels": {},
        "network": {"latency": "0s", "message_size": "4KiB"},
        "traffic": {
            "users": {
                "target": "hello.greet",
                "rate": "10/s",
                "for": "60s",
                "arrivals": "poisson",
                "start": "0s",
                "priority": 1,
            }
        },
        "faults": [],
        "objectives": {},
        "simulation": {"warmup": "0s", "drain": "30s", "seed": 1, "replications": 1},
    }


def test_what_was_written_stays_as_written() -> None:
    resolved = load_text(SHOP).resolved()
    assert resolved["services"]["payment"]["endpoints"]["charge"]["steps"][1] == {
        "wait": "lognormal(median=60ms p99=250ms)"
    }
    assert resolved["traffic"]["shoppers"]["stages"][1]["rate"] == "50/s -> 200/s"


def test_policies_and_defaults_are_in_place() -> None:
    resolved = load_text(EVERYTHING).resolved()
    assert not {"policies", "defaults", "scenarios"} & set(resolved)
    page: Any = resolved["services"]["front"]["endpoints"]["page"]
    assert page["steps"][1]["circuit_breaker"]["window"] == "10s"


def test_files_of_numbers_are_written_out(tmp_path: Path) -> None:
    (tmp_path / "times.csv").write_text("0.5\n0.25\n3s\n", encoding="utf-8")
    (tmp_path / "samples.csv").write_text("1ms\n2ms\n", encoding="utf-8")
    text = SMALLEST.replace("rate: 10/s, for: 60s", "replay: times.csv").replace(
        "greet: {}", "greet: {steps: [wait: empirical(samples.csv)]}"
    )
    path = tmp_path / "hello.yaml"
    path.write_text(text, encoding="utf-8")
    spec = load(path)
    replay = spec.model.traffic["users"].replay
    assert replay is not None
    assert replay.times == (250_000_000, 500_000_000, 3_000_000_000)
    resolved = spec.resolved()
    assert resolved["traffic"]["users"]["at"] == ["250ms", "500ms", "3s"]
    again = from_data(resolved)
    assert again.model.services == spec.model.services
    assert again.model.traffic["users"].at == list(replay.times)


def test_places_are_found() -> None:
    spec = load_text(SHOP)
    assert spec.locate("services.gateway.threads") == (9, 14, 16, "    threads: 64")
    assert spec.locate("services.order.endpoints.place.steps[1].timeout")[0] == 41
    assert spec.locate("services.gateway.cpu") == spec.locate("services.gateway")
    assert spec.locate("objectives.gateway.checkout[1]")[0] == 86
    assert spec.locate("objectives.gateway.checkout[1]")[1:3] == (35, 48)


def test_the_run_is_as_long_as_its_sources() -> None:
    assert load_text(SHOP).model.length == 150_000_000_000
    assert load_text(EVERYTHING).model.length == 60_000_000_000
    assert load_text(SMALLEST, sets=["traffic.users.start=5s"]).model.length == 65_000_000_000


def test_dump_is_pleasant_to_read() -> None:
    assert dump({"a": {"b": [1, 2], "c": "x, y"}, "d": [{"e": "1:30", "f": "5"}, {"g": {}}], "h": "no"}) == (
        'a: {b: [1, 2], c: "x, y"}\n\nd:\n  - {e: 1:30, f: "5"}\n  - {g: {}}\nh: no\n'
    )
