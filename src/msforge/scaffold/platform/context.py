"""System -> what the templates of the platform's files are told."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msforge.model.plan import NONE, Service, System
from msforge.scaffold.context import Data, all_steps
from msforge.scaffold.names import Scope, is_reserved
from msforge.scaffold.platform import dashboards, rules
from msforge.scaffold.platform.wiring import GRAFANA, PARTS, used
from msforge.scaffold.python.names import snake

PORT: Final = 8000
"""Where a service listens in its container."""
OTHERS: Final = ("prometheus", "grafana", "otel-collector", "jaeger", "load", "parts")
"""Hosts of ours that no service may be called like."""
RPC_PORT: Final = 9000
"""Where a container takes gRPC."""
MEMORY: Final = 256
"""MiB of a replica."""


def platform_context(context: Data, system: System) -> Data:
    """Plain data about a whole system. `context` is `scaffold.context.system_context`'s."""
    scope = Scope(OTHERS, fold=True, between="-")
    hosts = {service["name"]: scope.claim(host_of(service["name"])) for service in context["services"]}
    services = [_service(context, system, made, hosts) for made in context["services"]]
    wanted = [name for name in PARTS if any(name in service["parts"] for service in services)]
    at = {name: scope.claim(name) for name in wanted}
    reached = {service["host"]: _reached(service["host"], services) for service in services}
    for service in services:
        host = service["host"]
        service["waits"] = [other for other in service["calls"].values() if host not in reached[other] | {other}]
        service["environment"] = list(_environment(service, at))
        service["depends_on"] = [at[name] for name in service["parts"]]
    name = host_of(context["name"]) or "system"
    found, left_out = rules.alerts(system)
    return {
        "name": context["name"],
        "host": name,
        "description": context["description"],
        "services": services,
        "parts": {part: {"host": at[part], "port": PARTS[part].port} for part in wanted},
        "databases": [service["database"] for service in services if "postgres" in service["parts"]],
        "passwords": [*(PARTS[part].password for part in wanted if PARTS[part].password), GRAFANA],
        "port": PORT,
        "rpc_port": RPC_PORT,
        "memory": MEMORY,
        "alerts": found,
        "recordings": rules.recordings(found),
        "no_alerts": left_out,
        "dashboards": dashboards.all_dashboards(context["name"], name, system),
        "graph": json.dumps(_graph(services), indent=2),
        "traffic": json.dumps(_traffic(system, {s["name"]: s["url"] for s in services}, context), indent=2),
    }


def host_of(name: str) -> str:
    """A name as a host has it: a DNS label of lower case, which also names a file. Empty without letters or digits."""
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in name.lower())
    label = plain.strip("-")[:50].strip("-")
    return f"{label}-service" if is_reserved(label) else label


def _service(context: Data, system: System, made: Data, hosts: Mapping[str, str]) -> Data:
    plan = next(service for service in system.services if service.name == made["name"])
    steps = [step for body in (*made["endpoints"], *made["consumers"]) for step in all_steps(body["steps"])]
    calls = [step["service"] for step in steps if step["verb"] == "call" and not step["local"]]
    publishes = [step["channel"] for step in steps if step["verb"] == "publish"]
    reads = [consumer["channel"] for consumer in made["consumers"]]
    stores = [step["store"] for step in steps if step["verb"] in ("read", "write")]
    stores += [step["cache"]["store"] for step in steps if step["verb"] == "read" and step["cache"]]
    if any(step["verb"] == "publish" and step["outbox"] for step in steps):
        stores += [store["name"] for store in context["stores"] if store["owner"] == made["name"]]
    told: Data = {
        "name": made["name"], "host": hosts[made["name"]], "folder": made["folder"], "package": made["package"],
        "prefix": f"{snake(made['name']).upper()}_", "database": snake(made["name"]),
        "replicas": made["replicas"], "first_port": made["port"], "last_port": made["port"] + made["replicas"] - 1,
        "url": f"http://{hosts[made['name']]}:{PORT}",
        "entry": bool(_entries(system) & set(plan.bodies)), "external": made["external"],
        "calls": {name: hosts[name] for name in dict.fromkeys(calls)},
        "publishes": sorted(set(publishes)), "reads": sorted(set(reads)),
        "channels_used": sorted({*publishes, *reads}), "stores_used": sorted(set(stores)),
        "speaks_grpc": made["name"] in system.speaking_grpc(),
        "asks_grpc": any(
            step["verb"] == "call" and not step["local"] and step["policy"]["protocol"] == "grpc" for step in steps
        ),
        **_size(plan),
    }
    told["callers"] = sorted({
        hosts[system.services[system.bodies[edge.caller].service].name]
        for edge in system.edges
        if system.bodies[edge.callee].service == plan.index and not edge.local
    })
    told["parts"] = used(context, told)
    return told


def _reached(host: str, services: list[Data]) -> set[str]:
    """The hosts that a service calls, and that these call."""
    calls = {service["host"]: set(service["calls"].values()) for service in services}
    found: set[str] = set()
    waiting = [*calls[host]]
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting += calls[at]
    return found


def _size(plan: Service) -> Data:
    """CPU of a replica in millicores, and how the number of replicas follows the load."""
    scale = plan.autoscale
    return {
        "millicores": 100 if plan.cpu is None else max(10, round(plan.cpu.cores * 1000)),
        "burns_cpu": scale is not None and scale.metric == "cpu",
        "autoscale": None if scale is None else {
            "min": scale.minimum, "max": scale.maximum, "metric": scale.metric,
            "percent": max(1, round(scale.target * 100)),
            "threads": max(1, math.floor(scale.target * plan.threads)) if plan.threads > 0 else 1,
        },
    }


def _environment(service: Data, at: Mapping[str, str]) -> Iterable[Data]:
    """What a container of a service is told: plain values, and URLs with a password to be filled in."""
    prefix = service["prefix"]
    found = {name: [f"dns://{host}:{PORT}"] for name, host in service["calls"].items()}
    if found:
        yield {"name": f"{prefix}SERVICES", "value": json.dumps(found), "password": ""}
    if service["asks_grpc"]:
        yield {"name": f"{prefix}GRPC_ADDRESSES", "value": json.dumps({"*": f":{RPC_PORT}"}), "password": ""}
    if service["burns_cpu"]:
        yield {"name": f"{prefix}BURN_CPU", "value": "true", "password": ""}
    for name in service["parts"]:
        part = PARTS[name]
        url = part.url.format(password="{password}", host=at[name], database=service["database"])
        yield {"name": f"{prefix}{part.setting}", "value": url, "password": part.password}


def _entries(system: System) -> set[int]:
    """The endpoints that clients call."""
    return {step.target for step in system.steps if step.service < 0 and step.target != NONE}


def _graph(services: list[Data]) -> Data:
    """Whom each service calls, and which channels it shares, for CI."""
    return {
        service["name"]: {
            "folder": f"services/{service['folder']}", "calls": list(service["calls"]),
            "publishes": service["publishes"], "reads": service["reads"],
        }
        for service in services
    }


def _traffic(system: System, urls: Mapping[str, str], context: Data) -> list[Any]:
    """Each source as the load generator sends it: its rates, and the requests of one journey in order."""
    bodies = {
        (service["name"], body["name"]): (service["name"], body["method"], body["path"])
        for service in context["services"]
        for body in service["endpoints"]
    }
    made = []
    for source, told in zip(system.sources, context["sources"], strict=True):
        requests = []
        for target in told["targets"]:
            service, _, endpoint = target.partition(".")
            name, method, path = bodies[(service, endpoint)]
            requests.append({"method": method, "service": name, "path": path})
        if source.stages:
            stages = [[stage.begin, stage.end, stage.duration / 1e9] for stage in source.stages]
        else:  # a closed loop, or recorded arrivals: about as many
            seconds = max(1.0, system.run.duration / 1e9)
            rate = len(source.times) / seconds if source.times else float(max(1, source.users))
            stages = [[rate, rate, seconds]]
        made.append({"name": source.name, "stages": stages, "requests": requests})
    return made
