"""System -> context: what templates are told about a system and each of its services.

Plain data (dicts, lists, text, numbers), the same for every language; durations are integer ns, -1 means never or
unlimited. What the numbers become in Python is added by `msforge.scaffold.python`.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

from msforge.model.plan import NONE, Block, Body, CallPolicy, Channel, Objective, Service, Step, System, Verb
from msforge.policies.distributions import Dist
from msforge.records import Outcome
from msforge.scaffold import names, ports
from msforge.spec import Spec

Data = dict[str, Any]
RATIOS: Final = ("success", "error_rate", "availability", "throughput")
"""What objectives are about that is no duration."""


def system_context(spec: Spec, system: System, *, description: str) -> Data:
    """All that is known about a system; `description` is the file's name in the generated folder."""
    folders = names.folders(service.name for service in system.services)
    services = [_service(spec, system, service, folders[service.name]) for service in system.services]
    replicas = {made["name"]: made["replicas"] for made in services}
    for made, planned in zip(services, ports.plan(replicas, rpc=system.speaking_grpc()), strict=True):
        made["port"] = planned.front
        made["rpc_port"] = planned.rpc_front
        made["url"] = f"http://127.0.0.1:{planned.front}"
    return {
        "name": system.name,
        "description": description,
        "seed": system.run.seed,
        "scenarios": list(spec.scenarios),
        "services": services,
        "stores": [_store(system, i) for i in range(len(system.stores))],
        "channels": [_channel(system, i) for i in range(len(system.channels))],
        "sources": [_source(system, i) for i in range(len(system.sources))],
    }


def _service(spec: Spec, system: System, service: Service, folder: str) -> Data:
    bodies = [system.bodies[i] for i in service.bodies]
    return {
        "name": service.name,
        "folder": folder,
        "language": service.language,
        "external": service.external,
        "replicas": 1 if service.function is not None else service.replicas,
        "threads": service.threads,
        "queue": service.queue,
        "discipline": service.discipline,
        "cpu": None if service.cpu is None else {
            "cores": service.cpu.cores, "sharing": service.cpu.sharing,
            "contention": service.cpu.contention, "coherency": service.cpu.coherency,
        },
        "rate": service.rate,
        "burst": service.burst,
        "balance": service.balance,
        "client_balancer": service.client_balancer,
        "latency": dist_data(system.network.latency),
        "zone_latency": None if system.network.zone_latency is None else dist_data(system.network.zone_latency),
        "zones": [system.zones[zone] for zone in service.zones],
        "bounds": bounds(system, service),
        "seed": system.run.seed,
        **_function(service),
        "endpoints": [_endpoint(spec, system, service, body) for body in bodies if body.consumer == NONE],
        "consumers": [_consumer(system, body) for body in bodies if body.consumer != NONE],
    }


def _function(service: Service) -> Data:
    """Nothing for a service that is none, so that its digest stays."""
    function = service.function
    if function is None:
        return {}
    return {"function": {"cold_start": dist_data(function.cold_start), "keep_alive": function.keep_alive}}


def subject(system: System, objective: Objective) -> int:
    """The endpoint that an objective is about, as its service sees it; -1 for a journey of several."""
    if objective.body >= 0:
        return objective.body
    targets = set(_targets(system, system.sources[objective.source].journey))
    return targets.pop() if len(targets) == 1 else NONE


def bounds(system: System, service: Service) -> list[int]:
    """The limits (ns) of the objectives on how long a service's endpoints take, in order."""
    found = {
        round(objective.limit)
        for objective in system.objectives
        if objective.metric not in RATIOS and subject(system, objective) in service.bodies
    }
    return sorted(limit for limit in found if limit > 0)


def _body(system: System, body: Body) -> Data:
    owner = system.services[body.service].name
    part = "endpoints" if body.consumer == NONE else "consumers"
    return {
        "name": body.name,
        "path_in_file": f"services.{owner}.{part}.{body.name}",
        "idempotent": body.idempotent,
        "steps": _block(system, body.block),
    }


def _endpoint(spec: Spec, system: System, service: Service, body: Body) -> Data:
    written = spec.model.services[service.name].endpoints[body.name]
    method, path = address(body)
    return {
        **_body(system, body),
        "kind": "endpoint",
        "method": method,
        "path": path,
        "grpc": body.grpc,
        "parameters": parameters(path),
        "request": dict(written.request or {}),
        "response": dict(written.response or {}),
    }


def address(body: Body) -> tuple[str, str]:
    """Method and path of an endpoint over HTTP; a gRPC method is served as a POST."""
    if not body.http:
        return "POST", f"/{body.grpc}" if body.grpc else f"/{body.name}"
    method, _, path = body.http.partition(" ")
    return method, path


def parameters(path: str) -> list[str]:
    """The names in braces of a path, each once."""
    return list(dict.fromkeys(re.findall(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", path)))


def _consumer(system: System, body: Body) -> Data:
    consumer = system.consumers[body.consumer]
    channel = system.channels[consumer.channel]
    return {
        **_body(system, body),
        "kind": "consumer",
        "channel": channel.name,
        "topic": channel.topic,
        "group": system.services[body.service].name,
        "threads": consumer.threads,
        "prefetch": consumer.prefetch,
        "retry": _retry(consumer.retry),
    }


def _block(system: System, block: Block) -> list[Data]:
    return [_step(system, system.steps[i]) for i in block]


def _step(system: System, step: Step) -> Data:
    made: Data = {
        "verb": step.verb.name.lower(),
        "word": step.word,
        "name": step.name,
        "path_in_file": step.path,
        "blocks": [_block(system, block) for block in step.blocks],
    }
    match step.verb:
        case Verb.WORK | Verb.WAIT | Verb.REPEAT:
            assert step.dist is not None
            made["dist"] = dist_data(step.dist)
        case Verb.CALL:
            made |= _call(system, step)
        case Verb.PARALLEL:
            made |= {"need": step.need, "copies": step.copies}
        case Verb.CHOOSE:
            made["weights"] = list(step.weights)
        case Verb.READ | Verb.WRITE:
            made |= {"store": system.stores[step.target].name, "timeout": step.timeout, "cache": _cache(system, step)}
        case Verb.PUBLISH:
            made |= {
                "channel": system.channels[step.target].name, "timeout": step.timeout, "outbox": step.outbox,
                "key": None if step.key is None else dist_data(step.key),
            }
        case Verb.FAIL:
            made |= {"rate": step.rate, "status": step.status, "crash": step.crash}
    return made


def _call(system: System, step: Step) -> Data:
    body = system.bodies[step.target]
    method, path = address(body)
    fallback = step.policy.fallback
    return {
        "service": system.services[body.service].name,
        "endpoint": body.name,
        "local": body.service == step.service,
        "method_http": method,
        "path": path,
        "effect": not body.idempotent,
        "policy": _policy(step.policy),
        "fallback": None if fallback is None else _block(system, fallback),
    }


def _policy(policy: CallPolicy) -> Data:
    breaker, throttle = policy.breaker, policy.throttle
    return {
        "timeout": policy.timeout,
        "deadline": policy.deadline,
        "cancel": policy.cancel,
        "retry": None if policy.retry is None else _retry(policy.retry),
        "breaker": None if breaker is None else {
            "failure_rate": breaker.failure_rate, "consecutive": breaker.consecutive, "slow_rate": breaker.slow_rate,
            "slow_duration": breaker.slow_duration, "window": breaker.window, "timed": breaker.timed,
            "minimum_calls": breaker.minimum_calls, "open_for": breaker.open_for, "trial_calls": breaker.trial_calls,
        },
        "bulkhead": policy.bulkhead,
        "hedge": policy.hedge,
        "throttle": None if throttle is None else {"k": throttle.k, "window": throttle.window},
        "priority": policy.priority,
        "protocol": policy.protocol,
    }


def _retry(retry: Any) -> Data:
    budget = retry.budget
    return {
        "attempts": retry.attempts, "backoff": retry.backoff, "factor": retry.factor,
        "max_backoff": retry.max_backoff, "jitter": retry.jitter,
        "on": [Outcome(outcome).name.lower() for outcome in retry.on],
        "budget": None if budget is None else {
            "kind": budget.kind, "ratio": budget.ratio, "burst": budget.burst, "minimum": budget.minimum,
            "max_tokens": budget.max_tokens, "token_ratio": budget.token_ratio,
        },
    }


def _cache(system: System, step: Step) -> Data | None:
    cache = step.cache
    if cache is None:
        return None
    return {
        "store": system.stores[cache.store].name,
        "hit": cache.hit,
        "keys": None if cache.keys is None else dist_data(cache.keys),
        "capacity": cache.capacity,
        "ttl": cache.ttl,
        "single_flight": cache.single_flight,
    }


def _store(system: System, index: int) -> Data:
    store = system.stores[index]
    return {
        "name": store.name, "kind": store.kind, "connections": store.connections,
        "owner": "" if store.owner == NONE else system.services[store.owner].name,
        "read": dist_data(store.read), "write": dist_data(store.write),
    }


def _channel(system: System, index: int) -> Data:
    channel: Channel = system.channels[index]
    return {
        "name": channel.name, "topic": channel.topic, "broker": channel.broker, "publish": dist_data(channel.publish),
        "max_length": channel.max_length, "reject": channel.reject,
        "dead_letter": "" if channel.dead_letter == NONE else system.channels[channel.dead_letter].name,
        "partitions": channel.partitions, "rebalance": channel.rebalance, "relay": channel.relay,
    }


def _source(system: System, index: int) -> Data:
    source = system.sources[index]
    targets = dict.fromkeys(system.body_name(body) for body in _targets(system, source.journey))
    return {"name": source.name, "targets": list(targets)}


def _targets(system: System, block: Block) -> list[int]:
    found: list[int] = []
    for index in block:
        step = system.steps[index]
        if step.verb == Verb.CALL:
            found.append(step.target)
        for inner in step.blocks:
            found += _targets(system, inner)
    return found


def digest_of(service: Data) -> str:
    """A hash of all that a service's code is made of: another description with the same hash gives the same code."""
    return hashlib.sha256(json.dumps(service, sort_keys=True).encode()).hexdigest()


def dist_data(dist: Dist) -> Data:
    """A distribution as plain data."""
    return {"kind": dist.kind, "params": list(dist.params), "parts": [dist_data(part) for part in dist.parts]}


def dist_of(data: Data) -> Dist:
    """The distribution that `dist_data` wrote."""
    return Dist(data["kind"], tuple(data["params"]), tuple(dist_of(part) for part in data["parts"]))


def all_steps(steps: list[Data]) -> list[Data]:
    """Steps and what they contain, depth first in written order."""
    found: list[Data] = []
    for step in steps:
        found.append(step)
        for block in step["blocks"]:
            found += all_steps(block)
        if step.get("fallback"):
            found += all_steps(step["fallback"])
    return found
