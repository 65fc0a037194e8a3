"""compose.yaml and the manifests are valid to the letter, and say what the description says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from msforge.model import compile_system
from msforge.model.plan import System
from msforge.spec import load
from tests.platform.kustomized import KustomizeError, built

VERSIONS = ("1.30", "1.34")
"""Of Kubernetes: an old one that is still run, and a recent one."""


def plan(system: Path) -> System:
    """The description of a generated folder."""
    known = json.loads((system / ".msforge" / "state.json").read_text("utf-8"))
    return compile_system(load(system / known["description"]))


def documents(path: Path) -> list[dict[str, Any]]:
    """All documents of a file of YAML."""
    return [document for document in yaml.safe_load_all(path.read_text("utf-8")) if document]


def manifests(system: Path) -> Iterator[dict[str, Any]]:
    """Every manifest of base and overlays, kustomize's own files left out."""
    for path in sorted((system / "deploy" / "k8s").rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from documents(path)


def interpolated(text: str) -> str:
    """What compose makes of a file's variables: defaults where there are, else a word."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    return re.sub(r"\$\{\w+:\?[^}]*\}", "secret", text).replace("$$", "$")


def of(system: Path, kind: str) -> dict[str, dict[str, Any]]:
    """The manifests of a kind, by service."""
    found = {}
    for document in manifests(system):
        name = document["metadata"].get("labels", {}).get("app.kubernetes.io/name")
        if document["kind"] == kind and name:
            found[name] = document
    return found


def test_every_manifest_is_valid_and_nothing_in_it_is_unknown(system: Path) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    count = 0
    for document in manifests(system):
        validate.validate(document, VERSIONS[1], strict=True)
        count += 1
    assert count >= 3 * len(plan(system).services)


def test_an_older_kubernetes_takes_them_too(odd: Path) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    for document in manifests(odd):
        assert validate.validate(document, VERSIONS[0], strict=True) == VERSIONS[0]


def test_an_unknown_field_would_be_found(odd: Path) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    document = of(odd, "Deployment")["no"]
    document["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    with pytest.raises(validate.ValidationError):
        validate.validate(document, VERSIONS[0], strict=True)


def kustomize(folder: Path) -> list[dict[str, Any]] | None:
    """What kustomize itself makes of an overlay; None where it is not installed."""
    kubectl = shutil.which("kubectl")
    said = subprocess.run([kubectl or "true", "version", "--client"], capture_output=True, text=True, check=False)
    if kubectl is None or not re.search(r"Kustomize Version: v[5-9]", said.stdout):
        return None
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def by_name(documents: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Documents in an order of their own."""
    return sorted(((f"{d['kind']} {d['metadata']['name']}", d) for d in documents), key=lambda pair: pair[0])


@pytest.mark.parametrize("overlay", [".", "overlays/local", "overlays/production"])
def test_overlays_are_built_and_valid(system: Path, overlay: str) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    found = built(system / "deploy" / "k8s" / overlay)
    itself = kustomize(system / "deploy" / "k8s" / overlay)
    assert itself is None or by_name(found) == by_name(itself), "kustomized.py is not as kustomize is"
    for document in found:
        validate.validate(document, VERSIONS[1], strict=True)
    namespaces = {document["metadata"].get("namespace") for document in found if document["kind"] != "Namespace"}
    assert len(namespaces) == 1 and None not in namespaces
    deployments = [document for document in found if document["kind"] == "Deployment"]
    images = {c["image"] for d in deployments for c in d["spec"]["template"]["spec"]["containers"]}
    assert images and all(image.endswith(":0.1.0" if overlay.endswith("production") else ":dev") for image in images)
    if not overlay.endswith("production"):
        assert {deployment["spec"]["replicas"] for deployment in deployments} == {1}


@pytest.mark.parametrize(("change", "words"), [
    (("servers.yaml", "nowhere.yaml"), "is not there"),
    (("part-of=", "part-of=other-"), "is for nothing"),
    (("newTag: dev}", "newTag: dev}\n  - {name: other, newTag: dev}"), "nobody uses the image"),
    (("namespace: '", "nameSpace: '"), "nameSpace"),
])
def test_an_overlay_that_is_wrong_would_be_found(
    odd: Path, tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    shutil.copytree(odd / "deploy" / "k8s", tmp_path / "k8s")
    path = tmp_path / "k8s" / "overlays" / "local" / "kustomization.yaml"
    text = path.read_text("utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change), "utf-8")
    with pytest.raises(KustomizeError, match=words):
        built(tmp_path / "k8s")


@pytest.mark.parametrize("overlay", ["overlays/local", "overlays/production"])
def test_overlays_name_only_what_is_there(system: Path, overlay: str) -> None:
    """Config maps, secrets and their keys, the targets of autoscalers, and whom Services and policies choose."""
    found = built(system / "deploy" / "k8s" / overlay)
    here = {(document["kind"], document["metadata"]["name"]): document for document in found}
    labels = [d["spec"]["template"]["metadata"]["labels"] for d in found if "template" in d.get("spec", {})]
    secret = (system / "deploy" / "k8s" / "overlays" / "local" / "passwords.env").read_text("utf-8")
    keys = {line.split("=")[0] for line in secret.splitlines() if "=" in line}
    for document in found:
        spec = document.get("spec", {})
        if "scaleTargetRef" in spec:
            assert (spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]) in here
        if document["kind"] == "Service":
            assert any(spec["selector"].items() <= given.items() for given in labels), document["metadata"]
        if document["kind"] in ("NetworkPolicy", "PodDisruptionBudget"):
            chosen = spec.get("podSelector", spec.get("selector"))["matchLabels"]
            assert any(chosen.items() <= given.items() for given in labels), document["metadata"]
        if "template" not in spec:
            continue
        pod = spec["template"]["spec"]
        assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
        volumes = {volume["name"] for volume in pod.get("volumes", ())}
        for volume in pod.get("volumes", ()):
            assert "configMap" not in volume or ("ConfigMap", volume["configMap"]["name"]) in here
        for container in pod["containers"]:
            assert {mount["name"] for mount in container.get("volumeMounts", ())} <= volumes
            for source in container.get("envFrom", ()):
                assert ("ConfigMap", source["configMapRef"]["name"]) in here
            for variable in container.get("env", ()):
                wanted = variable.get("valueFrom", {}).get("secretKeyRef")
                assert wanted is None or wanted["key"] in keys
                assert wanted is None or overlay.endswith("production") or ("Secret", wanted["name"]) in here


def test_each_service_has_what_it_needs(system: Path) -> None:
    planned = plan(system)
    deployments, budgets = of(system, "Deployment"), of(system, "PodDisruptionBudget")
    services, policies = of(system, "Service"), of(system, "NetworkPolicy")
    assert len(deployments) == len(services) == len(policies) == len(planned.services)
    for deployment in deployments.values():
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert container["resources"]["requests"]["cpu"].endswith("m")
        assert deployment["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
    by_name = {d["spec"]["template"]["metadata"]["annotations"]["msforge/service"]: d for d in deployments.values()}
    assert set(by_name) == {service.name for service in planned.services}
    for service in planned.services:
        host = by_name[service.name]["metadata"]["name"]
        if service.autoscale is None:
            assert by_name[service.name]["spec"]["replicas"] == service.replicas
            assert (host in budgets) == (service.replicas > 1)
        else:
            scaler = of(system, "HorizontalPodAutoscaler")[host]["spec"]
            assert (scaler["minReplicas"], scaler["maxReplicas"]) == (
                service.autoscale.minimum, service.autoscale.maximum
            )
            assert "replicas" not in by_name[service.name]["spec"], "the autoscaler's number would be undone"


def test_network_policies_are_the_call_graph(system: Path) -> None:
    planned = plan(system)
    deployments = of(system, "Deployment")
    host = {
        d["spec"]["template"]["metadata"]["annotations"]["msforge/service"]: name for name, d in deployments.items()
    }
    calls = {
        (host[planned.services[planned.bodies[edge.caller].service].name],
         host[planned.services[planned.bodies[edge.callee].service].name])
        for edge in planned.edges
        if not edge.local
    }
    out, into = set(), set()
    for name, policy in of(system, "NetworkPolicy").items():
        for rule in policy["spec"]["egress"]:
            for peer in rule["to"]:
                target = peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/name")
                if target in deployments:
                    out.add((name, target))
        rules = policy["spec"]["ingress"]
        if any("from" not in rule for rule in rules):
            into |= {(caller, callee) for caller, callee in calls if callee == name}
            continue
        for rule in rules:
            for peer in rule["from"]:
                source = peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/name")
                if source:
                    into.add((source, name))
    assert out == calls and into == calls


def compose(folder: Path) -> dict[str, Any]:
    """A compose file as compose has it: variables filled in, YAML's merge keys resolved."""
    told: dict[str, Any] = yaml.safe_load(interpolated((folder / "compose.yaml").read_text("utf-8")))
    return told


def test_the_compose_file_is_valid(system: Path) -> None:
    spec = pytest.importorskip("compose_spec")
    told = compose(system)
    checked = spec.PyCompose.from_json(json.dumps(told))
    checked.validate()
    assert set(checked.service_names()) == set(told["services"])


def test_a_compose_file_with_an_unknown_key_is_refused(odd: Path) -> None:
    spec = pytest.importorskip("compose_spec")
    told = compose(odd)
    told["services"]["no"]["network"] = ["x"]
    with pytest.raises(Exception, match="network"):
        spec.PyCompose.from_json(json.dumps(told)).validate()


def test_compose_has_a_service_each_and_publishes_on_loopback_alone(system: Path) -> None:
    told = yaml.safe_load((system / "compose.yaml").read_text("utf-8"))["services"]
    own = {name: service for name, service in told.items() if "profiles" not in service}
    planned = plan(system)
    assert [service["deploy"]["replicas"] for service in own.values()] == [s.replicas for s in planned.services]
    for service in told.values():
        for port in service.get("ports", ()):
            address = port["host_ip"] if isinstance(port, dict) else port.partition(":")[0]
            assert address == "127.0.0.1", "reachable from elsewhere"
    profiles = {profile for service in told.values() for profile in service.get("profiles", ())}
    wanted = {channel.broker for channel in planned.channels if channel.consumers} - {"embedded"}
    assert {"observability", "load"} <= profiles <= {"observability", "load", "infra"}
    assert not wanted or "infra" in profiles


def test_compose_waits_for_health_and_in_no_circle(system: Path) -> None:
    told = yaml.safe_load((system / "compose.yaml").read_text("utf-8"))["services"]
    waits = {name: set(service.get("depends_on", ())) for name, service in told.items()}
    for name, service in told.items():
        depends = service.get("depends_on", {})
        if isinstance(depends, dict):
            assert all(condition["condition"] == "service_healthy" for condition in depends.values()), name
    left = dict(waits)
    while left:
        free = [name for name, on in left.items() if not on & set(left)]
        assert free, f"a circle among {sorted(left)}"
        for name in free:
            del left[name]


def test_services_are_told_where_their_callees_are(odd: Path) -> None:
    told = yaml.safe_load((odd / "compose.yaml").read_text("utf-8"))["services"]
    assert json.loads(told["no"]["environment"]["NO_SERVICES"]) == {"redis": ["dns://redis:8000"]}
    assert set(told) >= {"no", "redis", "order-a", "order-a-2", "redis-2", "rabbitmq", "kafka", "postgres"}
    assert told["redis-2"]["image"].startswith("redis:"), "a service called like a product keeps its name"
    assert "redis-2:6379" in told["redis"]["environment"]["REDIS_REDIS_URL"]


def test_images_have_the_drivers_of_the_servers_that_they_are_told_of(odd: Path) -> None:
    told = yaml.safe_load((odd / "compose.yaml").read_text("utf-8"))["services"]
    built = {name: service for name, service in told.items() if "build" in service and "services/" in str(service)}
    assert set(built) >= {"no", "redis", "order-a"}
    for name, service in built.items():
        folder = odd / service["build"]["context"]
        urls = {key.rsplit("_", 2)[-2].lower() for key in service["environment"] if key.endswith("_URL")}
        drivers = urls & {"rabbitmq", "kafka", "postgres", "redis"}
        extras = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
        wanted = service["build"]["args"]["EXTRAS"].strip("[]").split(",")
        assert set(wanted) == {"telemetry", *drivers} and set(wanted) <= set(extras), name
        docker = (folder / "Dockerfile").read_text("utf-8")
        assert set(re.findall(r'ARG EXTRAS="\[?([^]"]*)', docker)[0].split(",")) - {""} == drivers, name
