"""Random systems with one injected fault each, for judging the explanation. Seeded; everything but the fault's answer
is drawn: layers, replicas, threads, policies, stores, an asynchronous tail.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

KINDS = (
    "crash", "slow service", "slow endpoint", "slow store", "fail", "cut", "delay", "drop", "pause", "overload",
)


@dataclass(frozen=True)
class Case:
    """A system and who is at fault: any of `services`, or the store, first counts as right. `kind` "" is healthy.

    For a link either end counts, and for a store any service that uses it.
    """

    name: str
    document: dict[str, Any]
    kind: str
    services: frozenset[str] = frozenset()
    store: str = ""


def case(seed: int, kind: str = "") -> Case:
    """The random system of a seed with one fault of `kind`, or healthy."""
    rng = random.Random(f"{seed} {kind}")
    document = _system(rng)
    if not kind:
        return Case(f"healthy {seed}", document, "")
    fault, services, store = _fault(rng, document, kind)
    if kind == "overload":
        services = _surge(rng, document)
    else:
        duration = rng.randint(12, 30)
        document["faults"] = [{**fault, "at": f"{rng.randint(25, 80 - duration)}s", "for": f"{duration}s"}]
    return Case(f"{kind} {seed}", document, kind, frozenset(services), store)


def _system(rng: random.Random) -> dict[str, Any]:
    """Three or four layers of services, called down; every service does some work and may use a store."""
    layers = [["gateway"]]
    for layer in range(1, rng.randint(3, 4)):
        layers.append([f"s{layer}{n}" for n in range(rng.randint(1, 3))])
    rate = rng.choice([20, 30, 40])
    stores: dict[str, Any] = {}
    services: dict[str, Any] = {}
    for depth, layer in enumerate(layers):
        below = layers[depth + 1] if depth + 1 < len(layers) else []
        for name in layer:
            services[name] = _service(rng, name, below, stores, rate)
    if below := [name for layer in layers[1:] for name in layer]:
        called = {target.split(".")[0] for service in services.values() for target in _targets(service)}
        for layer, above in zip(layers[1:], layers, strict=False):
            for name in layer:
                if name not in called:
                    caller = rng.choice(above)
                    endpoint = services[caller]["endpoints"]["main"]
                    endpoint["steps"].append(_call(rng, name))
    document: dict[str, Any] = {"msforge": 1, "name": "random", "services": services}
    if stores:
        document["stores"] = stores
    if rng.random() < 0.4:
        _add_tail(rng, document, rng.choice(below or ["gateway"]))
    document["network"] = {"latency": rng.choice(["0.5ms", "lognormal(median=0.3ms p99=2ms)"])}
    document["traffic"] = {"users": {"target": "gateway.main", "rate": f"{rate}/s"}}
    document["simulation"] = {"duration": "90s", "warmup": "5s", "seed": rng.randint(1, 10**6), "drain": "10s"}
    return document


def _service(rng: random.Random, name: str, below: list[str], stores: dict[str, Any], rate: int) -> dict[str, Any]:
    millis = rng.choice([2, 4, 8, 15])
    steps: list[dict[str, Any]] = [{rng.choice(["work", "wait"]): _duration(rng, millis)}]
    if rng.random() < 0.5 and name != "gateway":
        stores[f"{name}-db"] = {
            "kind": "postgres", "owner": name, "connections": rng.choice([8, 16]),
            "read": _duration(rng, rng.choice([3, 6])), "write": _duration(rng, rng.choice([4, 8])),
        }
        steps.append({rng.choice(["read", "write"]): f"{name}-db"})
    chosen = rng.sample(below, k=min(len(below), rng.randint(1, 2))) if below else []
    calls = [_call(rng, target) for target in chosen]
    if len(calls) == 2 and rng.random() < 0.4:
        steps.append({"parallel": calls})
    else:
        steps += calls
    endpoints: dict[str, Any] = {"main": {"steps": steps}}
    if rng.random() < 0.4:
        endpoints["other"] = {"steps": [{"work": _duration(rng, rng.choice([1, 3]))}]}
    return {"replicas": rng.choice([1, 2, 3]), "threads": rng.choice([16, 32]), "queue": 100, "endpoints": endpoints}


def _duration(rng: random.Random, millis: int) -> str:
    mean = f"{millis}ms"
    return rng.choice([mean, f"exponential({mean})", f"lognormal(mean={mean} cv=1.5)", f"gamma(mean={mean} cv=0.5)"])


def _call(rng: random.Random, target: str) -> dict[str, Any]:
    call: dict[str, Any] = {"call": f"{target}.main"}
    if rng.random() < 0.7:
        call["timeout"] = rng.choice(["300ms", "500ms", "1s"])
        if rng.random() < 0.4:
            call["retry"] = {"attempts": rng.choice([2, 3]), "backoff": "20ms", "jitter": "full"}
        if rng.random() < 0.2:
            call["circuit_breaker"] = {"failure_rate": "50%", "window": 50, "open_for": "2s"}
    return call


def _targets(service: dict[str, Any]) -> list[str]:
    found: list[str] = []

    def walk(steps: list[dict[str, Any]]) -> None:
        for step in steps:
            if "call" in step:
                found.append(step["call"])
            if "parallel" in step:
                walk(step["parallel"])

    for endpoint in service["endpoints"].values():
        walk(endpoint["steps"])
    return found


def _add_tail(rng: random.Random, document: dict[str, Any], publisher: str) -> None:
    document["services"][publisher]["endpoints"]["main"]["steps"].append({"publish": "events"})
    document["channels"] = {"events": {"kind": "queue", "dead_letter": "events-dead"}}
    consumer = {"from": "events", "threads": 8, "idempotent": True, "steps": [{"wait": _duration(rng, 20)}]}
    document["services"]["mailer"] = {"consumers": {"send": consumer}}


def _called(document: dict[str, Any], name: str) -> list[str]:
    """Services that the main endpoint of a service calls."""
    main = document["services"][name]["endpoints"]["main"]
    return [target.split(".")[0] for target in _targets({"endpoints": {"main": main}})]


def _busy(document: dict[str, Any]) -> list[str]:
    """Services that requests really reach."""
    found, todo = ["gateway"], ["gateway"]
    while todo:
        for name in _called(document, todo.pop()):
            if name not in found:
                found.append(name)
                todo.append(name)
    return found


def _edges(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, target) for name in _busy(document) for target in _called(document, name)]


def _fault(rng: random.Random, document: dict[str, Any], kind: str) -> tuple[dict[str, Any], set[str], str]:
    names = _busy(document)
    service = rng.choice(names)
    if kind == "crash":
        return {"crash": service, "replicas": "all"}, {service}, ""
    if kind == "slow service":
        return {"slow": service, **rng.choice([{"by": "10x"}, {"add": "150ms"}])}, {service}, ""
    if kind == "slow endpoint":
        return {"slow": f"{service}.main", "add": rng.choice(["100ms", "200ms"])}, {service}, ""
    if kind == "fail":
        return {"fail": service, "rate": rng.choice(["20%", "40%"])}, {service}, ""
    if kind == "pause":
        first = document["services"][service]["endpoints"]["main"]["steps"][0]
        if "wait" in first:  # a pause stops work; waits run on
            first["work"] = first.pop("wait")
        return {"pause": service}, {service}, ""
    if kind in ("cut", "delay", "drop"):
        caller, callee = rng.choice(_edges(document))
        late, lost = rng.choice(["60ms", "150ms"]), rng.choice(["25%", "50%"])
        more: dict[str, dict[str, Any]] = {"cut": {}, "delay": {"add": late}, "drop": {"rate": lost}}
        return {kind: f"{caller} -> {callee}", **more[kind]}, {caller, callee}, ""
    if kind == "slow store":
        return _slow_store(rng, document)
    return {}, set(), ""


def _slow_store(rng: random.Random, document: dict[str, Any]) -> tuple[dict[str, Any], set[str], str]:
    busy = _busy(document)
    stores = [name for name, store in document.get("stores", {}).items() if store["owner"] in busy]
    if not stores:
        name = busy[-1]
        document.setdefault("stores", {})["late-db"] = {
            "kind": "postgres", "owner": name, "connections": 10, "read": "exponential(5ms)", "write": "5ms",
        }
        document["services"][name]["endpoints"]["main"]["steps"].append({"read": "late-db"})
        stores = ["late-db"]
    store = rng.choice(stores)
    return {"slow": store, **rng.choice([{"by": "20x"}, {"add": "200ms"}])}, {document["stores"][store]["owner"]}, store


def _surge(rng: random.Random, document: dict[str, Any]) -> set[str]:
    """One service gets room for little more than the usual load, then the traffic triples for a while."""
    names = [name for name in _busy(document) if name != "gateway"] or ["gateway"]
    service = rng.choice(names)
    rate = int(document["traffic"]["users"]["rate"].removesuffix("/s"))
    visits = _visits(document)[service]
    plan = document["services"][service]
    plan["replicas"], plan["threads"] = 1, 2
    plan["endpoints"]["main"]["steps"] = [{"wait": f"exponential({round(2e6 / (rate * visits * 2.0))}us)"}]
    for name in names:
        if name != service:
            document["services"][name]["threads"] = 64
    document["services"]["gateway"]["threads"] = 64
    start, length = rng.randint(25, 45), rng.randint(15, 25)
    document["traffic"]["users"] = {
        "target": "gateway.main",
        "stages": [
            {"rate": f"{rate}/s", "for": f"{start}s"}, {"rate": f"{rate * 3}/s", "for": f"{length}s"},
            {"rate": f"{rate}/s", "for": f"{90 - start - length}s"},
        ],
    }
    del document["simulation"]["duration"]
    return {service}


def _visits(document: dict[str, Any]) -> dict[str, float]:
    """Requests to each service per request of a client, without retries."""
    visits = dict.fromkeys(document["services"], 0.0)
    todo = [("gateway", 1.0)]
    while todo:
        name, weight = todo.pop()
        visits[name] += weight
        todo += [(target, weight) for target in _called(document, name)]
    return visits
