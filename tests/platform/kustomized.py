"""What `kubectl kustomize` makes of the overlays that msforge writes, for machines that have none.

It reads what these files say and nothing else: a word that it does not know is an error, and so is a patch or an image
that is for nothing. The tests hold it to kustomize itself where that is installed.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

HEAD = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
KNOWN = {*HEAD, "resources", "namespace", "images", "secretGenerator", "patches"}
CLUSTER_WIDE = {"Namespace"}
"""Kinds that stand in no namespace, of those that are written."""


class KustomizeError(Exception):
    """An overlay that kustomize would refuse, or that does nothing where it means to."""


def built(folder: Path) -> list[dict[str, Any]]:
    """All documents of a kustomization. Raises KustomizeError."""
    path = folder / "kustomization.yaml"
    told = yaml.safe_load(path.read_text("utf-8"))
    if not told.keys() <= KNOWN or any(told.get(key) != value for key, value in HEAD.items()):
        raise KustomizeError(f"{path}: {sorted(told.keys() - KNOWN) or 'another kind of file'}")
    documents: list[dict[str, Any]] = []
    for resource in told.get("resources", ()):
        documents += _resource(path, folder / resource)
    documents += [_secret(folder, generator) for generator in told.get("secretGenerator", ())]
    for patch in told.get("patches", ()):
        _patch(path, documents, patch)
    for image in told.get("images", ()):
        _tag(path, documents, image)
    if "namespace" in told:
        for document in documents:
            name = "name" if document["kind"] == "Namespace" else "namespace"
            if document["kind"] not in CLUSTER_WIDE or name == "name":
                document["metadata"][name] = told["namespace"]
    named = [(d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]) for d in documents]
    if len(set(named)) < len(named):
        raise KustomizeError(f"{path}: twice the same: {sorted({n for n in named if named.count(n) > 1})}")
    return documents


def _resource(path: Path, resource: Path) -> list[dict[str, Any]]:
    if resource.is_dir():
        return built(resource)
    if not resource.is_file():
        raise KustomizeError(f"{path} names {resource}, which is not there")
    return [document for document in yaml.safe_load_all(resource.read_text("utf-8")) if document]


def _secret(folder: Path, told: dict[str, Any]) -> dict[str, Any]:
    """A Secret of `KEY=value` lines."""
    if told.keys() != {"name", "envs", "options"} or told["options"] != {"disableNameSuffixHash": True}:
        raise KustomizeError(f"{folder}: {told}")
    lines = [line for env in told["envs"] for line in (folder / env).read_text("utf-8").splitlines()]
    pairs = dict(line.split("=", 1) for line in lines if line.strip() and not line.startswith("#"))
    data = {key: base64.b64encode(value.encode()).decode() for key, value in pairs.items()}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": told["name"]},
            **({"data": data} if data else {})}


def _patch(path: Path, documents: list[dict[str, Any]], told: dict[str, Any]) -> None:
    """A JSON patch that adds values at paths which end at a mapping, for all of a kind that have a label."""
    target, operations = told["target"], yaml.safe_load(told["patch"])
    if told.keys() != {"target", "patch"} or target.keys() != {"kind", "labelSelector"}:
        raise KustomizeError(f"{path}: {told}")
    label, value = target["labelSelector"].split("=")
    kind = [document for document in documents if document["kind"] == target["kind"]]
    found = [document for document in kind if document["metadata"].get("labels", {}).get(label) == value]
    if not found:
        raise KustomizeError(f"{path}: a patch for {target} is for nothing")
    for operation in operations:
        if operation.keys() != {"op", "path", "value"} or operation["op"] != "add":
            raise KustomizeError(f"{path}: {operation}")
        *way, last = operation["path"].strip("/").split("/")
        for document in found:
            place = document
            for step in way:
                place = place[step]
            place[last] = operation["value"]


def _tag(path: Path, documents: list[dict[str, Any]], told: dict[str, Any]) -> None:
    """Another tag for an image, wherever it is used."""
    if told.keys() != {"name", "newTag"}:
        raise KustomizeError(f"{path}: {told}")
    used = [
        container
        for document in documents if "template" in document.get("spec", {})
        for container in document["spec"]["template"]["spec"]["containers"]
        if container["image"].partition(":")[0] == told["name"]
    ]
    if not used:
        raise KustomizeError(f"{path}: nobody uses the image {told['name']}")
    for container in used:
        container["image"] = f"{told['name']}:{told['newTag']}"
