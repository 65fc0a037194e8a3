"""A real Prometheus scrapes a real system under load, and answers every query of every dashboard and rule."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import msforge
from msforge.live.load.run import LoadResult
from tests.live.conftest import running, until
from tests.platform.conftest import ODD

NOT_HERE = "prometheus and promtool are not installed (apt-get install prometheus)"


def query(url: str, expression: str) -> list[dict[str, Any]]:
    """The samples of an expression now. Raises HTTPError for one that Prometheus does not understand."""
    asked = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{url}/api/v1/query?{asked}") as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def panels(folder: Path) -> list[tuple[str, str]]:
    """Each dashboard's panel and its expression, with the interval that Grafana would put in."""
    found = []
    for path in sorted((folder / "observability" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel["targets"]:
                found.append((f"{path.stem}: {panel['title']}", target["expr"].replace("$__rate_interval", "20s")))
    return found


def rules(folder: Path) -> list[dict[str, Any]]:
    """Every rule."""
    found = []
    for path in sorted((folder / "observability" / "prometheus" / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            found += group["rules"]
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ODD in a folder of its own: it will be up."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        pytest.skip(NOT_HERE)
    where = tmp_path_factory.mktemp("watched")
    (where / "odd.yaml").write_text(ODD, "utf-8")
    msforge.new(where / "odd.yaml", where / "made")
    return where / "made"


@pytest.fixture(scope="module")
def loaded(made: Path) -> Iterator[tuple[str, LoadResult]]:
    """The URL of a Prometheus that has watched the system under load for some seconds, and goes on; what load saw."""
    with running(made, "--with", "prometheus"):
        [server] = msforge.ps(made)["servers"]
        yield server["url"], msforge.send_traffic(made, sets=["simulation.duration=12s"])


@pytest.fixture(scope="module")
def watched(loaded: tuple[str, LoadResult]) -> str:
    """The URL of that Prometheus."""
    return loaded[0]


def test_promtool_takes_configuration_and_rules(made: Path) -> None:
    config = made / "observability" / "prometheus" / "prometheus.yml"
    done = subprocess.run(["promtool", "check", "config", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for path in config.parent.glob("rules/*.yml"):
        done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout + done.stderr


def test_the_rules_of_every_example_are_taken(system: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip(NOT_HERE)
    for path in (system / "observability" / "prometheus" / "rules").glob("*.yml"):
        done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_panel_shows_something(made: Path, watched: str) -> None:
    found = panels(made)
    assert len(found) > 20
    assert not until_empty(watched, dict(found)), "these panels are empty"


def test_every_recording_has_a_value_and_every_alert_an_answer(made: Path, watched: str) -> None:
    recordings = {rule["record"]: rule["record"] for rule in rules(made) if "record" in rule}
    expressions = {f"{rule['record']} {rule['labels']}" if "labels" in rule else rule["record"]: rule["expr"]
                   for rule in rules(made) if "record" in rule}
    assert not until_empty(watched, {**recordings, **expressions}), "these are empty"
    for rule in rules(made):
        if "alert" in rule:
            query(watched, rule["expr"])  # it may come to nothing, but not to an error
            parts = re.findall(r"objective:[\w:]+\{[^}]*\}", rule["expr"]) or [rule["expr"].removesuffix(" == 0")]
            assert len(parts) in (1, 2) and not until_empty(watched, {part: part for part in parts}), rule["expr"]


def until_empty(url: str, expressions: dict[str, str]) -> list[str]:
    """The names of the expressions that have no sample with a number, even after some seconds."""
    left = dict(expressions)

    def all_there() -> bool:
        for name, expression in [*left.items()]:
            if any(sample["value"][1] != "NaN" for sample in query(url, expression)):
                del left[name]
        return not left

    until(all_there, within=20)
    return sorted(left)


def test_prometheus_has_no_trouble_with_the_rules(watched: str) -> None:
    with urllib.request.urlopen(f"{watched}/api/v1/rules") as answer:
        groups = json.load(answer)["data"]["groups"]
    found = [rule for group in groups for rule in group["rules"]]
    assert len(found) > 40 and {rule["health"] for rule in found} == {"ok"}


def test_the_objectives_that_are_missed_burn_and_others_do_not(loaded: tuple[str, LoadResult]) -> None:
    watched, seen = loaded

    def firing() -> set[str]:
        return {sample["metric"]["objective"] for sample in query(watched, 'ALERTS{alertname="ObjectiveBurns"}')}

    assert until(lambda: "order-a.pay success >= 100%" in firing(), within=20)
    assert "order-a.pay error_rate < 0.5%" in firing()
    assert not kept(seen) & firing()


def kept(seen: LoadResult) -> set[str]:
    """The objectives that the load saw kept: on a busy machine a latency may really be missed, and then it burns."""
    entries = {entry["target"]: entry for entry in seen.entries if entry["source"] in ("people", "lookers")}
    on, slow = entries["no.on"], entries["no.slow"]
    found = {
        "no.on p99 < 150ms": on["latency_ms"]["p99"] < 150,
        "no.on success > 99%": on["success"] > 0.99,
        "no.slow p50 < 33ms": slow["latency_ms"]["p50"] < 33,
    }
    return {objective for objective, holds in found.items() if holds}


def test_the_figures_are_the_load_s(made: Path, watched: str) -> None:
    slow = 'service_requests_total{service="no",endpoint="slow"}'

    def counted() -> float:
        return float(query(watched, f"sum({slow})")[0]["value"][1])

    steady = f"sum({slow}) == sum({slow} offset 6s)"
    assert until(lambda: query(watched, steady) != [], within=30), "an earlier load is not all scraped"
    before = counted()
    result = msforge.send_traffic(made, sets=["simulation.duration=6s"])
    sent, walked = (
        next(entry["sent"] for entry in result.plain()["entries"] if entry["source"] == source)
        for source in ("lookers", "walkers")
    )
    assert until(lambda: counted() - before >= sent, within=20)
    assert sent <= counted() - before <= sent + walked
    bad = query(watched, 'objective:bad:ratio_rate5m{objective="order-a.pay error_rate < 0.5%"}')[0]["value"][1]
    assert 0.1 < float(bad) < 0.3, "one in five fails"


def test_a_replica_that_is_down_is_seen(made: Path, watched: str) -> None:
    number = msforge.set_fault(made, {"crash": "redis"})[0]
    try:
        assert until(lambda: any(s["metric"]["service"] == "redis" for s in query(watched, "up == 0")), within=15)
        time.sleep(0.1)
    finally:
        msforge.clear_faults(made, number)
    assert until(lambda: not query(watched, "up == 0"), within=15)
