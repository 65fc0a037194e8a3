"""The table of cases: what a description, its faults and a sequence of requests must come to.

`table/*.yaml` holds benches, and a bench holds cases that do not touch each other, so that one system can
be run for all of them. A case names its rule, the steps it is about, when requests are sent, and what is
seen; every expected figure is arithmetic written by hand (`@40+80+40`), in ms.

A bench has any section of a description, and `cases`. Its cases begin one after another, `STAGGER` ms apart (or the
bench's `stagger`), so that a running bench is not asked everything at once; all times of a case are from its own begin.
A case has

    case, id        what it shows, and a short name: its endpoint and its source
    steps           the steps of `a.<id>`, or of `<id>.go` when the case has a `service` of its own
    endpoints       more endpoints: `b.<id>: [steps]`, or a mapping with `steps`
    services, stores, channels, faults    added to the bench's
    at, client      when requests are sent to the first endpoint, and the client's timeout, retry, priority
    embedded        why it holds on the embedded parts only, not on servers
    sources         instead: several of them by name (`<id>-<name>`), each {ask, at, client}
    traffic         instead: sources as a description has them, by name (`<id>-<name>`): users, journeys

and expects

    roots           per request `outcome [xTRIES] @latency [cause]`; {each: "...", times: N} for many alike
    log             per endpoint or consumer `arrival..end outcome` of each request that it answered
    tries           per callee the outcomes of the tries sent to it, and retries, hedges, denied
    late            per endpoint how many it answered after their caller had given up
    breaker         per callee `time state` of each change of its callers' breakers
    spread          per service its requests by replica: [3, 2] in this order, "3+2" in any, 5 in all
    counts          per channel, store or endpoint with a saga, e.g. {jobs: {published: 2, done: 1}}
    causes          how many requests ended with a cause, e.g. {b:throttled: 12..19}
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import yaml

STAGGER = 25
TABLE = Path(__file__).parent / "table"
SECTIONS = ("services", "stores", "channels", "network", "policies", "faults", "simulation")
EXPECTED = ("roots", "log", "tries", "late", "breaker", "spread", "counts", "causes")
GIVEN = ("case", "id", "rule", "steps", "service", "endpoints", "services", "stores", "channels", "faults", "at",
         "client", "sources", "traffic", "processes", "slack", "embedded")


class Loader(yaml.SafeLoader):
    """YAML 1.2's scalars: `on` and `1:30` are text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: [(tag, pattern) for tag, pattern in rules if tag.rpartition(":")[2] not in ("bool", "timestamp", "int")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))


@dataclass(frozen=True)
class Case:
    """One row: what is sent, and what must be seen."""

    name: str
    id: str
    rule: str
    sources: dict[str, dict[str, Any]]
    want: dict[str, Any]
    offset: float             # ms of the run at which it begins
    slack: float              # ms by which a running system may be later than it should
    processes: bool           # also run as processes
    embedded: str             # why it does not hold on servers; "" when it does


@dataclass
class Bench:
    """A description with all of its cases' parts in it."""

    name: str
    system: dict[str, Any]
    cases: list[Case] = field(default_factory=list)
    long: bool = False        # takes minutes: run in virtual time only

    @property
    def text(self) -> str:
        """The description as a file."""
        return yaml.safe_dump(self.system, sort_keys=False, allow_unicode=True, width=110)


@cache
def rows() -> dict[str, dict[str, Any]]:
    """The table as it is written: benches by name."""
    return {
        # not safe_load: this is a SafeLoader, with fewer implicit types
        f"{path.stem}-{number + 1}": data
        for path in sorted(TABLE.glob("*.yaml"))
        for number, data in enumerate(yaml.load(path.read_text(encoding="utf-8"), Loader=Loader))
    }


@cache
def benches() -> tuple[Bench, ...]:
    """The whole table."""
    return tuple(_bench(name, data) for name, data in rows().items())


@cache
def marked() -> Bench:
    """The cases that are also run as processes, all in one bench. They have no network, and names of their own."""
    system: dict[str, Any] = {"msforge": 1, "name": "marked-cases", "services": {}, "traffic": {}}
    bench = Bench("marked", system)
    for data in rows().values():
        chosen = [row for row in data["cases"] if row.get("processes")]
        if not chosen or "network" in data:
            continue
        for section in ("services", "stores", "channels"):
            system.setdefault(section, {}).update(deepcopy(data.get(section, {})))
        bench.cases += [_case(system, row, data, STAGGER * 2 * k) for k, row in enumerate(chosen, len(bench.cases))]
    _complete(system)
    return bench


def cases() -> list[tuple[Bench, Case]]:
    """Every case with its bench."""
    return [(bench, case) for bench in benches() for case in bench.cases]


def _bench(name: str, data: dict[str, Any]) -> Bench:
    unknown = set(data) - {*SECTIONS, "rule", "cases", "slack", "stagger", "long"}
    assert not unknown, f"{name}: unknown keys {unknown}"
    system: dict[str, Any] = {"msforge": 1, "name": f"case-{name}", "services": {}}
    system.update({key: deepcopy(data[key]) for key in SECTIONS if key in data})
    system["traffic"] = {}
    bench = Bench(name, system, long=bool(data.get("long", False)))
    for row in data["cases"]:
        unknown = set(row) - {*GIVEN, *EXPECTED}
        assert not unknown, f"{name}: {row.get('case')}: unknown keys {unknown}"
        offset = data.get("stagger", STAGGER) * len(bench.cases)
        bench.cases.append(_case(system, row, data, offset))
    _complete(system)
    return bench


def _complete(system: dict[str, Any]) -> None:
    """Unlimited threads where nothing else is said; services and stores that no case has asked for are left out."""
    services = system["services"]
    for name in [n for n, s in services.items() if not s.keys() & {"endpoints", "consumers"}]:
        del services[name]
    for service in services.values():
        if "consumers" not in service and "function" not in service:
            service.setdefault("threads", "unlimited")
    said = str(services)
    for name in [n for n in system.get("stores", {}) if f"'{n}'" not in said]:
        del system["stores"][name]


def _case(system: dict[str, Any], row: dict[str, Any], bench: dict[str, Any], offset: float) -> Case:
    short = row["id"]
    ask = f"a.{short}"
    for section in ("services", "stores", "channels"):
        system.setdefault(section, {}).update(deepcopy(row.get(section, {})))
    if "service" in row:
        ask = f"{short}.go"
        system["services"][short] = deepcopy(row["service"])
    endpoints = dict(row.get("endpoints", {}))
    if "steps" in row:
        endpoints = {ask: row["steps"], **endpoints}
    for name, body in endpoints.items():
        service, _, endpoint = name.partition(".")
        place = system["services"].setdefault(service, {}).setdefault("endpoints", {})
        assert endpoint not in place, f"{name} is there twice"
        place[endpoint] = deepcopy(body if isinstance(body, dict) else {"steps": body})
    for fault in deepcopy(row.get("faults", [])):
        system.setdefault("faults", []).append({**fault, "at": later(fault["at"], offset)})
    sources = _sources(row, short, ask if "steps" in row else next(iter(endpoints), ""))
    for name, source in sources.items():
        assert name not in system["traffic"], f"two sources {name}"
        system["traffic"][name] = {"target": source["ask"], "at": [later(at, offset) for at in source["at"]],
                                   **source.get("client", {})}
    for name, source in deepcopy(row.get("traffic", {})).items():
        sources[f"{short}-{name}"] = source
        system["traffic"][f"{short}-{name}"] = _begun(source, offset)
    want = {key: row[key] for key in EXPECTED if key in row}
    return Case(row["case"], short, row.get("rule", bench.get("rule", "")), sources, want, offset,
                float(row.get("slack", bench.get("slack", 40))), bool(row.get("processes", False)),
                row.get("embedded", ""))


def later(time: str, offset: float) -> str:
    """A time of a case as a time of the run."""
    amount, unit = re.fullmatch(r"([0-9]+)(ms|s)", time).groups()  # type: ignore[union-attr]
    return f"{round((int(amount) * (1000 if unit == 's' else 1) + offset) * 1000)}us"


def _sources(row: dict[str, Any], short: str, ask: str) -> dict[str, dict[str, Any]]:
    if "traffic" in row:
        return {}
    if "sources" not in row:
        return {short: {"ask": ask, "at": row["at"], "client": row.get("client", {})}}
    return {f"{short}-{name}": {"ask": ask, **source} for name, source in row["sources"].items()}


def _begun(source: dict[str, Any], offset: float) -> dict[str, Any]:
    """A source that begins when its case does."""
    if "at" in source:
        return {**source, "at": [later(at, offset) for at in source["at"]]}
    return {**source, "start": later(source.get("start", "0s"), offset)}


# -- the small language of expectations -----------------------------------------------------------

NUMBER = r"[0-9.]+(?:[-+*][0-9.]+)*"
SPAN = re.compile(rf"^({NUMBER})(?:\.\.({NUMBER}))?$")


def amount(text: str) -> float:
    """A sum of products written out: 40+2*80-20."""
    total = 0.0
    for sign, term in re.findall(r"([-+]?)([0-9.*]+)", text):
        product = 1.0
        for factor in term.split("*"):
            product *= float(factor)
        total += -product if sign == "-" else product
    return round(total, 6)


def span(text: str | int) -> tuple[float, float]:
    """(least, most) of `40+80` or `40..40+80`."""
    parts = str(text).split("..")
    return amount(parts[0]), amount(parts[-1])


@dataclass(frozen=True)
class Root:
    """What a client must see of one request. `least` and `most` in ms, None when it is not said."""

    outcome: str
    tries: int | None
    least: float | None
    most: float | None
    cause: str | None

    @classmethod
    def parse(cls, text: str) -> Root:
        """From `outcome [xTRIES] [@latency] [cause]`."""
        outcome, *rest = text.split()
        tries = next((int(word[1:]) for word in rest if re.fullmatch(r"x[0-9]+", word)), None)
        times = next((span(word[1:]) for word in rest if word.startswith("@")), (None, None))
        cause = next((word for word in rest if ":" in word), None)
        return cls(outcome, tries, *times, cause)


def wanted_roots(case: Case, source: str) -> list[Root]:
    """What a source's clients must see, request by request; empty when the case says nothing of it."""
    roots = case.want.get("roots", [])
    if isinstance(roots, dict) and "each" in roots:
        return [Root.parse(roots["each"])] * int(roots["times"])
    if isinstance(roots, dict):
        roots = roots.get(source.removeprefix(f"{case.id}-"), [])
    return [Root.parse(text) for text in roots]


@dataclass(frozen=True)
class Entry:
    """A line of a service's log: arrival and end in ms, outcome."""

    begin: float
    end: float
    outcome: str

    @classmethod
    def parse(cls, text: str) -> Entry:
        """From `arrival..end outcome`."""
        times, outcome = text.split()
        return cls(*span(times), outcome)
