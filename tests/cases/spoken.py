"""The table once more, its services speaking gRPC to each other."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace
from typing import Any

from casetable import Bench

SAFE = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")


def over_grpc(bench: Bench) -> Bench:
    """The same bench with a gRPC method for every endpoint; whether it is idempotent stays as it is."""
    system = deepcopy(bench.system)
    for name, service in system["services"].items():
        for endpoint, body in service.get("endpoints", {}).items():
            http = body.pop("http", "POST /")
            body.setdefault("idempotent", http.split(" ")[0] in SAFE)
            body["grpc"] = f"cases.{_camel(name)}/{_camel(endpoint)}"
            _unspoken(body.get("steps", []))
    return replace(bench, name=f"{bench.name}-grpc", system=system)


def _unspoken(steps: Any) -> None:
    """No call says a protocol of its own: the endpoint decides."""
    if isinstance(steps, dict):
        assert "protocol" not in steps
        _unspoken(list(steps.values()))
    elif isinstance(steps, list):
        for step in steps:
            _unspoken(step)


def _camel(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))
