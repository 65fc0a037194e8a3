"""The files for programs that no package brings here: the collector, Filebeat, Grafana, Prometheus in a cluster.

None of these is run. Every option in the files is one that the program's documentation has (the tables below), and all
that they name is there: parts of a pipeline, hosts and ports, mounted files, fields of a log line, labels of a pod.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from msforge.runtime.journal import Journal, JsonFormatter
from tests.platform.kustomized import built

COLLECTOR: dict[str, Any] = {
    "receivers": {
        "otlp": {"protocols": {"http": {"endpoint": str}, "grpc": {"endpoint": str}}},
        "filelog": {"include": [str], "exclude": [str], "start_at": str, "operators": [dict]},
    },
    "processors": {
        "memory_limiter": {"check_interval": str, "limit_mib": int, "spike_limit_mib": int},
        "batch": {"timeout": str, "send_batch_size": int},
    },
    "exporters": {
        "otlp": {"endpoint": str, "tls": {"insecure": bool, "ca_file": str}},
        "debug": {"verbosity": str},
    },
}
"""OpenTelemetry's collector, of the distribution `contrib`."""
OPERATORS: dict[str, Any] = {
    "json_parser": {
        "type": str, "parse_from": str, "parse_to": str, "if": str, "on_error": str,
        "timestamp": {"parse_from": str, "layout": str, "layout_type": str, "location": str},
        "severity": {"parse_from": str, "mapping": dict, "preset": str},
    },
    "trace_parser": {
        "type": str, "if": str, "on_error": str, "trace_id": {"parse_from": str}, "span_id": {"parse_from": str},
        "trace_flags": {"parse_from": str},
    },
}
SEVERITIES = {"debug", "info", "warning", "error"}
"""Words that the collector knows by itself, of those that a service may say."""
FILEBEAT: dict[str, Any] = {
    "filebeat.inputs": [{
        "type": str, "id": str, "enabled": bool, "paths": [str], "prospector.scanner.symlinks": bool,
        "parsers": [{
            "container": {"stream": str, "format": str},
            "ndjson": {"target": str, "overwrite_keys": bool, "expand_keys": bool, "add_error_key": bool,
                       "message_key": str, "ignore_decoding_error": bool},
        }],
    }],
    "output.elasticsearch": {"hosts": [str], "api_key": str, "username": str, "password": str, "index": str},
}
DATASOURCES: dict[str, Any] = {"apiVersion": int, "datasources": [{
    "name": str, "uid": str, "type": str, "access": str, "url": str, "isDefault": bool, "editable": bool,
    "jsonData": {"timeInterval": str, "httpMethod": str},
}]}
DASHBOARDS: dict[str, Any] = {"apiVersion": int, "providers": [{
    "name": str, "orgId": int, "folder": str, "type": str, "allowUiUpdates": bool, "updateIntervalSeconds": int,
    "options": {"path": str, "foldersFromFilesStructure": bool},
}]}


def read(system: Path, name: str) -> Any:
    """A file of the folder `observability`."""
    return yaml.safe_load((system / "observability" / name).read_text("utf-8"))


def strangers(told: Any, known: Any, where: str = "") -> list[str]:
    """The places of a document that a table of options does not have, or has as another type."""
    if isinstance(known, dict) and isinstance(told, dict):
        return [
            found for key, value in told.items()
            for found in ([f"{where}.{key}"] if key not in known else strangers(value, known[key], f"{where}.{key}"))
        ]
    if isinstance(known, list) and isinstance(told, list):
        return [found for i, value in enumerate(told) for found in strangers(value, known[0], f"{where}[{i}]")]
    right = isinstance(known, type) and isinstance(told, known) and (known is bool or not isinstance(told, bool))
    return [] if right else [f"{where}: {told!r}"]


def component(name: str) -> str:
    """otlp/jaeger is an otlp."""
    return name.partition("/")[0]


def lines() -> list[dict[str, Any]]:
    """Lines as services write them: of msforge's own, and of a handler's."""
    written: list[str] = []
    Journal("shop", 0, written.append).write("warning", "w", trace=f"00-{'ab' * 16}-{'cd' * 8}-01", endpoint="buy")
    record = logging.LogRecord("handler", logging.CRITICAL, __file__, 1, "c", (), None)
    return [*map(json.loads, written), json.loads(JsonFormatter().format(record))]


def test_tables_find_what_is_unknown_or_of_another_type() -> None:
    told = {"filebeat.inputs": [{"type": "filestream", "symlinks": True, "paths": "x"}], "output.logstash": {}}
    assert strangers(told, FILEBEAT) == [
        ".filebeat.inputs[0].symlinks", ".filebeat.inputs[0].paths: 'x'", ".output.logstash"]
    assert strangers({"apiVersion": True}, DATASOURCES) == [".apiVersion: True"]


def test_collector_s_options_are_known_and_its_pipelines_whole(system: Path) -> None:
    told = read(system, "otel-collector.yaml")
    used: dict[str, set[str]] = {kind: set() for kind in COLLECTOR}
    assert told.keys() == {*COLLECTOR, "service"} and told["service"].keys() == {"pipelines"}
    for signal, pipeline in told["service"]["pipelines"].items():
        assert signal in ("traces", "logs", "metrics") and pipeline.keys() == set(COLLECTOR)
        assert pipeline["processors"][0] == "memory_limiter", "it has to come first"
        for kind, names in pipeline.items():
            used[kind] |= set(names)
    for kind, known in COLLECTOR.items():
        assert used[kind] == set(told[kind]), "what is defined is used, and the other way round"
        for name, options in told[kind].items():
            assert component(name) in known and strangers(options, known[component(name)], name) == []
    for operator in told["receivers"]["filelog"]["operators"]:
        assert strangers(operator, OPERATORS[operator["type"]], operator["type"]) == []


def test_collector_reads_the_fields_that_a_line_has(system: Path) -> None:
    first, parser, trace = read(system, "otel-collector.yaml")["receivers"]["filelog"]["operators"]
    assert first["parse_from"] == "body" and parser["parse_from"] == "attributes.log", "as Docker writes lines"
    ours = lines()
    named = [parser["timestamp"], parser["severity"], trace["trace_id"], trace["span_id"]]
    for place in named:
        (field,) = re.findall(r'^attributes\["([^"]+)"\]$', place["parse_from"])
        assert field in ours[0], f"no line has {field}"
    layout = parser["timestamp"]["layout"].replace("%L", "%f")
    assert all(datetime.strptime(line["@timestamp"], layout) for line in ours)
    known = SEVERITIES | {*parser["severity"]["mapping"].values()}
    assert {line["log.level"] for line in ours} == {"warning", "critical"} <= known


def test_hosts_and_ports_are_those_of_compose(system: Path) -> None:
    services = yaml.safe_load((system / "compose.yaml").read_text("utf-8"))["services"]
    told = read(system, "otel-collector.yaml")
    ports = {protocol["endpoint"].rpartition(":")[2] for protocol in told["receivers"]["otlp"]["protocols"].values()}
    assert ports == {"4317", "4318"}, "OTLP's own, which the documentation names"
    assert told["exporters"]["otlp/jaeger"]["endpoint"] == "jaeger:4317" and "jaeger" in services
    for source in read(system, "grafana/provisioning/datasources/prometheus.yml")["datasources"]:
        host, _, port = source["url"].removeprefix("http://").partition(":")
        assert any(published.split(":")[-2:] == [port, port] for published in services[host]["ports"]), source
    for name in ("prometheus", "grafana", "otel-collector"):
        for volume in services[name]["volumes"]:
            source, target, *_ = volume.split(":")
            assert not source.startswith("./") or (system / source).exists(), f"{name} mounts {source}"
            if name == "otel-collector":
                assert services[name]["command"] == [f"--config={target}"]


def test_filebeat_s_options_are_known_and_links_followed(system: Path) -> None:
    told = read(system, "filebeat.yml")
    assert strangers(told, FILEBEAT) == []
    [source] = told["filebeat.inputs"]
    assert source["type"] == "filestream" and source["id"]
    assert source["prospector.scanner.symlinks"], "what is in /var/log/containers are links"
    assert [name for parser in source["parsers"] for name in parser] == ["container", "ndjson"]
    assert source["parsers"][1]["ndjson"]["expand_keys"] and any("." in key for key in lines()[0])
    for value in (told["output.elasticsearch"]["hosts"][0], told["output.elasticsearch"]["api_key"]):
        assert re.fullmatch(r"\$\{[A-Z_]+:[^}]*\}", value), "from the environment, with a default"


def test_grafana_finds_its_sources_and_dashboards(system: Path) -> None:
    folder = system / "observability" / "grafana"
    sources = read(system, "grafana/provisioning/datasources/prometheus.yml")
    providers = read(system, "grafana/provisioning/dashboards/files.yml")
    assert strangers(sources, DATASOURCES) == [] and strangers(providers, DASHBOARDS) == []
    uids = {source["uid"]: source["type"] for source in sources["datasources"]}
    assert len(uids) == len(sources["datasources"])
    assert sum(source.get("isDefault", False) for source in sources["datasources"]) == 1
    mounts = yaml.safe_load((system / "compose.yaml").read_text("utf-8"))["services"]["grafana"]["volumes"]
    assert f"./observability/grafana/dashboards:{providers['providers'][0]['options']['path']}:ro" in mounts
    assert "./observability/grafana/provisioning:/etc/grafana/provisioning:ro" in mounts
    boards = [json.loads(path.read_text("utf-8")) for path in folder.glob("dashboards/*.json")]
    assert boards and all(len({board[name] for board in boards}) == len(boards) for name in ("uid", "title"))
    for board in boards:
        panels = board["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        taken: set[tuple[int, int]] = set()
        for panel in panels:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert at["x"] + at["w"] <= 24 and not cells & taken, f"{board['title']}: {panel['title']} covers another"
            taken |= cells
            for asked in (panel, *panel["targets"]):
                assert uids[asked["datasource"]["uid"]] == asked["datasource"]["type"]


def test_promtool_takes_the_configuration_for_a_cluster(system: Path, tmp_path: Path) -> None:
    """All but its discovery, which Debian's promtool is built without."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    shutil.copytree(system / "observability" / "prometheus", tmp_path / "p")
    path = tmp_path / "p" / "kubernetes.yml"
    text = path.read_text("utf-8")
    assert text.count("kubernetes_sd_configs: [{role: pod}]") == 1
    path.write_text(text.replace("kubernetes_sd_configs: [{role: pod}]", "static_configs: [{targets: [a]}]"), "utf-8")
    done = subprocess.run(["promtool", "check", "config", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout + done.stderr


def test_prometheus_in_a_cluster_knows_the_pods_by_what_they_have(system: Path) -> None:
    path = system / "observability" / "prometheus" / "kubernetes.yml"
    [job] = yaml.safe_load(path.read_text("utf-8"))["scrape_configs"]
    pods = [d["spec"]["template"] for d in built(system / "deploy" / "k8s") if d["kind"] == "Deployment"]
    for pod in pods:
        given = {"__address__": "10.0.0.1:8000", "__meta_kubernetes_pod_name": "a-1"}
        for kind in ("annotations", "labels"):
            for name, value in pod["metadata"][kind].items():
                given[f"__meta_kubernetes_pod_{kind[:-1]}_{re.sub('[^a-zA-Z0-9_]', '_', name)}"] = value
        for rule in job["relabel_configs"]:
            values = ";".join(given[label] for label in rule["source_labels"])  # KeyError: no pod has it
            found = re.fullmatch(rule.get("regex", "(.*)"), values)
            assert found or rule.get("action") != "keep", f"{pod['metadata']} would not be scraped"
            if "target_label" in rule:
                assert found
                given[rule["target_label"]] = found.expand(re.sub(r"\$(\d)", r"\\\1", rule.get("replacement", "$1")))
        (port,) = (p["containerPort"] for c in pod["spec"]["containers"] for p in c["ports"] if p["name"] == "http")
        assert given["__address__"] == f"10.0.0.1:{port}"
        assert given["service"] == pod["metadata"]["annotations"]["msforge/service"]
