"""Random descriptions that use all of the language and names that are awkward in generated code.

`invented(seed)` is a description as plain data; it is valid by construction.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

Data = dict[str, Any]

NAMES: Final = (
    # Python's words, and what modules of a generated service use
    "class", "import", "None", "async", "match", "self", "str", "int", "Any", "object", "type", "print", "MS", "SECOND",
    "asyncio", "json", "fastapi", "uvicorn", "msforge", "pytest", "typing", "pydantic", "aiohttp", "logging", "sys",
    "app", "settings", "models", "routes", "handlers", "steps", "clients", "stores", "events", "resilience",
    "migrations", "tests", "conftest", "support", "examples", "create_app", "router", "SERVICE", "CALLS", "HANDLERS",
    "Flow", "Call", "Model", "BaseModel", "Field", "Settings", "Final", "Dist", "Branch", "Store", "Channel",
    "Consumer", "call", "work", "wait", "parallel", "choose", "repeat", "group", "read", "write", "publish", "saga",
    "fail", "run", "do", "request", "response", "message", "replica", "respond", "number", "degraded", "deadline",
    "plan", "clock", "service", "Service", "annotations", "constant", "exponential", "dict", "property", "super",
    # names that meet once they are identifiers, files or variables
    "order-id", "order_id", "orderId", "OrderId", "ORDER_ID", "order--id", "a", "A", "a-", "a_", "x1", "x-1",
    # what systems keep for themselves, and what YAML may read as something else
    "con", "NUL", "aux", "com1", "true", "no", "null", "on", "x" * 63, "services", "livez", "metrics",
)  # fmt: skip
FIELDS: Final = (
    "class", "None", "self", "json", "copy", "schema", "validate", "model_config", "model_dump", "dict", "str", "int",
    "id", "user-id", "user_id", "userId", "Any", "Field", "field-1", "field_1", "from", "_".join("ab"), "construct",
    "type", "BaseModel", "annotations", "trace", "number", "y" * 63, "request", "respond", "ConfigDict", "model_x",
)  # fmt: skip
PATHS: Final = (
    "/{}", "/{}/list", "/{}/{{id}}", "/{}/{{id}}/parts/{{part}}", "/{}.json", "/{}/it's", "/{}/$all:run", "/{}/a%20b",
    "/{}/{{class}}", "/{}/{{self}}/{{request}}", "/{}/v{{id}}.{{ext}}", "/{}/(a+b)!*@;x=1,2~", "/{}/", "/{}//twice",
    "/{}/{{a}}-{{b}}", "/{}/{{_x}}",
)  # fmt: skip
METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
TYPES: Final = ("string", "integer", "number", "boolean", "object", "array")
TIMES: Final = (
    "1ms", "250us", "17ns", "0s", "1m30s", "exponential(2ms)", "uniform(1ms 4ms)", "normal(5ms 1ms)",
    "normal(mean=5ms cv=0.2)", "lognormal(median=2ms p99=9ms)", "lognormal(mean=2ms cv=0.5)", "gamma(mean=2ms cv=0.5)",
    "erlang(k=3 mean=1ms)", "weibull(scale=1ms shape=0.8)", "pareto(scale=1ms alpha=2.5)",
    "hyperexponential(90% 1ms 10% 3ms)", "mixture(90% exponential(1ms) 10% mixture(50% 1ms 50% 3ms))",
    "empirical(1ms 2ms 5ms)",
)  # fmt: skip
QUICK: Final = tuple(time for time in TIMES if time not in ("1m30s",))
OUTCOMES: Final = (
    "error", "timeout", "overloaded", "rate_limited", "unavailable", "circuit_open", "bulkhead_full", "throttled",
    "reset",
)  # fmt: skip


class Invention:
    """One description from one seed."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        names = iter(self.some(NAMES, len(NAMES), len(NAMES)))
        take = lambda least, most: [next(names) for _ in range(self.dice.randint(least, most))]  # noqa: E731
        self.services = take(1, 5)
        self.stores = take(0, 3)
        self.channels = take(0, 3)
        self.zones = ["east", "west"] if self.chance(0.3) else []
        self.topics = {name for name in self.channels if self.chance(0.5)}
        self.endpoints = {name: self.some(NAMES, 1, 4) for name in self.services}
        self.ids = 0
        self.document = self.make(seed)

    def chance(self, p: float) -> bool:
        """True with probability `p`."""
        return self.dice.random() < p

    def some(self, of: tuple[str, ...], least: int, most: int) -> list[str]:
        """So many different ones, in any order."""
        return self.dice.sample(of, self.dice.randint(least, most))

    def maybe(self, p: float, **options: Any) -> Data:
        """Each option with probability `p`; one that can be called is asked for its value."""
        found = {}
        for key, value in options.items():
            if self.chance(p):
                found[key.rstrip("_")] = value() if callable(value) else value
        return found

    def time(self) -> str:
        """How long something takes."""
        return self.dice.choice(QUICK)

    def make(self, seed: int) -> Data:
        """All of it."""
        document: Data = {"msforge": 1, "name": self.dice.choice(NAMES)}
        document["policies"] = self.policies()
        document["services"] = {name: self.service(name, level) for level, name in enumerate(self.services)}
        if self.stores:
            document["stores"] = {name: self.store() for name in self.stores}
        if self.channels:
            document["channels"] = {name: self.channel(name) for name in self.channels}
        if self.chance(0.4):
            document["network"] = {"latency": self.dice.choice(("0s", "100us", "exponential(200us)"))}
            if self.zones:
                document["network"]["between_zones"] = {"latency": "500us"}
        if self.chance(0.3):
            document["defaults"] = {"calls": {"timeout": "700ms", "retry": {"attempts": 2}}}
        document["traffic"] = self.traffic()
        faults = [self.fault() for _ in range(self.dice.randint(0, 3))]
        if faults:
            document["faults"] = faults
        document["simulation"] = {"duration": "20s", "seed": seed}
        return document

    def policies(self) -> Data:
        """One of each kind that can be named."""
        return {
            "again": {"attempts": 2, **self.retry()}, "guard": {"open_for": "2s", **self.breaker()},
            "plan-b": {"steps": [{"wait": "1ms"}]},
        }  # fmt: skip

    # -- services ---------------------------------------------------------------------------------

    def service(self, name: str, level: int) -> Data:
        """A service on one level: it calls only those below."""
        dice = self.dice
        made: Data = {"endpoints": {}}
        if self.chance(0.1):
            made["function"] = self.maybe(0.5, cold_start="20ms", keep_alive="5s", memory="256MiB")
        else:
            made |= self.maybe(
                0.3, replicas=dice.randint(1, 3), threads=dice.choice((1, 4, "unlimited")),
                queue=dice.choice((0, 3, "unlimited", {"capacity": 5, "discipline": "lifo"},
                                   {"discipline": "priority"})),
            )  # fmt: skip
        made |= self.maybe(
            0.25, balance=dice.choice(("round_robin", "random", "least_connections", "power_of_two")),
            balancer="client", rate_limit=lambda: {"rate": "500/s", **self.maybe(0.5, burst=20)}, detect="50ms",
            startup="10ms", language=dice.choice(("python", "node", "java")),
            cpu=dice.choice((1, 0.5, {"cores": 2, "scheduling": "fifo"},
                             {"cores": 1, "scaling": {"contention": 0.1, "coherency": 0.01}})),
        )  # fmt: skip
        if self.zones and self.chance(0.5):
            made["zones"] = self.zones
        made["external"] = self.chance(0.1)
        for at, endpoint in enumerate(self.endpoints[name]):
            made["endpoints"][endpoint] = self.endpoint(name, level, at)
        if self.channels and self.chance(0.5):
            free = tuple(n for n in NAMES if n not in self.endpoints[name])
            made["consumers"] = {consumer: self.consumer(level) for consumer in self.some(free, 1, 2)}
        return made

    def endpoint(self, service: str, level: int, at: int) -> Data:
        """An endpoint; it may call those of its own service that come after it."""
        made: Data = {}
        address = self.dice.random()
        if address < 0.6:
            made["http"] = f"{self.dice.choice(METHODS)} {self.dice.choice(PATHS).format(f'p{at}')}"
        elif address < 0.7:
            made["grpc"] = f"shop.{service.replace('-', '_')}/M{at}"
        made |= self.maybe(0.4, idempotent=self.chance(0.5), request=self.fields, response=self.fields)
        callable_ = [(service, name) for name in self.endpoints[service][at + 1 :]]
        callable_ += [(name, end) for name in self.services[level + 1 :] for end in self.endpoints[name]]
        return {**made, "steps": self.steps(callable_, 0, publishing=level == 0)}

    def consumer(self, level: int) -> Data:
        """What a service does with a channel's messages; nothing that it calls publishes, so nothing goes round."""
        below = [(name, end) for name in self.services[level + 1 :] for end in self.endpoints[name]]
        made = self.maybe(
            0.4, threads=self.dice.choice((1, 3, "unlimited")), prefetch=self.dice.choice((10, "unlimited")),
            retry=lambda: {"attempts": 3, "backoff": "50ms"}, idempotent=True,
        )  # fmt: skip
        return {"from": self.dice.choice(self.channels), **made, "steps": self.steps(below, 0)}

    def fields(self) -> Data:
        """A body's fields."""
        return {name: self.dice.choice(TYPES) for name in self.some(FIELDS, 0, 5)}

    # -- steps ------------------------------------------------------------------------------------

    def steps(self, below: list[tuple[str, str]], depth: int, *, publishing: bool = False) -> list[Data]:
        """A block."""
        return [self.step(below, depth, publishing) for _ in range(self.dice.randint(0 if depth == 0 else 1, 3))]

    def step(self, below: list[tuple[str, str]], depth: int, publishing: bool) -> Data:
        """A step of any verb that may stand here."""
        dice = self.dice
        verbs = ["work", "wait", "fail"]
        verbs += ["call"] * 3 if below else []
        verbs += ["read", "write"] if self.stores else []
        verbs += ["publish"] if self.channels and publishing else []
        verbs += ["parallel", "copies", "choose", "repeat", "saga", "steps"] if depth < 2 else []
        verb = dice.choice(verbs)

        def inner() -> list[Data]:
            return self.steps(below, depth + 1, publishing=publishing)

        made: Data
        match verb:
            case "work" | "wait":
                made = {verb: self.time()}
            case "fail":
                made = {"fail": dice.choice(("1%", 0.05)), **self.maybe(0.3, status=dice.choice((404, 503)))}
            case "call":
                made = self.call(below, depth)
            case "read":
                made = {"read": dice.choice(self.stores), **self.maybe(0.3, timeout="300ms", cache=self.cache)}
            case "write":
                made = {"write": dice.choice(self.stores), **self.maybe(0.3, timeout="300ms")}
            case "publish":
                made = self.publish()
            case "parallel":
                made = {"parallel": [{"steps": inner()} for _ in range(dice.randint(1, 3))]}
                made |= self.maybe(0.3, need=dice.choice(("all", "any", 1)))
            case "copies":
                made = {"parallel": dice.randint(1, 3), "steps": inner(), **self.maybe(0.3, need=1)}
            case "choose":
                made = {"choose": [{"weight": w, "steps": inner()} for w in dice.sample((1, 2.5, "30%"), 2)]}
                made["choose"].append({"weight": 1})
            case "repeat":
                made = {"repeat": dice.choice((0, 2, "uniform(0 3)", "zipf(n=3 s=1.1)")), "steps": inner()}
            case "saga":
                made = {"saga": [{"do": inner(), **self.maybe(0.7, undo=inner)} for _ in range(dice.randint(1, 3))]}
            case _:
                made = {"steps": inner()}
        if self.chance(0.3):
            self.ids += 1
            made["id"] = f"{dice.choice(NAMES)[:50]}-{self.ids}"
        return made

    def call(self, below: list[tuple[str, str]], depth: int) -> Data:
        """A call with any of its options."""
        service, endpoint = self.dice.choice(below)
        made: Data = {"call": f"{service}.{endpoint}"}
        made |= self.maybe(
            0.3, timeout="400ms", deadline="1s", cancel=self.dice.choice(("none", "queued", "all")),
            retry=lambda: "again" if self.chance(0.3) else self.retry(), bulkhead=self.dice.choice((5, "unlimited")),
            circuit_breaker=lambda: "guard" if self.chance(0.3) else self.breaker(), hedge={"after": "50ms"},
            throttle=lambda: {"k": 1.5, **self.maybe(0.5, window="10s")}, priority=2,
            protocol=self.dice.choice(("http", "grpc")),
        )  # fmt: skip
        if depth < 2 and self.chance(0.3):
            made["fallback"] = "plan-b" if self.chance(0.3) else {"steps": self.steps([], depth + 1)}
        return made

    def retry(self) -> Data:
        """A retry policy."""
        return self.maybe(
            0.4, attempts=self.dice.choice((1, 2, 4, "unlimited")), backoff="10ms", factor=1.5, max_backoff="200ms",
            jitter=self.dice.choice(("none", "full", "equal", "decorrelated")), on=self.some(OUTCOMES, 1, 4),
            budget=self.dice.choice(({"kind": "ratio", "ratio": "30%", "burst": 3, "minimum": "1/s"},
                                     {"kind": "grpc", "max_tokens": 6, "token_ratio": "50%"})),
        )  # fmt: skip

    def breaker(self) -> Data:
        """A breaker of any kind."""
        kind = self.dice.choice((
            {"failure_rate": "40%"}, {"consecutive": 4}, {"slow_call": {"rate": "50%", "duration": "200ms"}},
        ))  # fmt: skip
        over = {} if "consecutive" in kind else self.maybe(0.4, window=self.dice.choice((20, "10s")), minimum_calls=10)
        return {**kind, **over, **self.maybe(0.4, open_for="1s", trial_calls=2)}

    def cache(self) -> Data:
        """A cache, with or without keys."""
        made: Data = {"store": self.dice.choice(self.stores)}
        if self.chance(0.5):
            return {**made, "hit": "80%"}
        return {**made, "keys": "zipf(n=50 s=1.1)", **self.maybe(0.5, capacity=20, ttl="5s", single_flight=True)}

    def publish(self) -> Data:
        """A publish step."""
        channel = self.dice.choice(self.channels)
        made = {"publish": channel, **self.maybe(0.3, timeout="500ms", outbox=True)}
        if "outbox" in made:
            made.pop("timeout", None)
        if channel in self.topics:
            made |= self.maybe(0.5, key=self.dice.choice((3, "uniform(0 9)")))
        return made

    # -- the rest ---------------------------------------------------------------------------------

    def store(self) -> Data:
        """A store."""
        return self.maybe(
            0.4, kind=self.dice.choice(("postgres", "redis", "mongodb", "class")),
            owner=self.dice.choice(self.services), connections=self.dice.choice((1, 20, "unlimited")),
            read=self.time, write=self.time,
        )  # fmt: skip

    def channel(self, name: str) -> Data:
        """A channel of its kind."""
        made = {"kind": "topic" if name in self.topics else "queue", **self.maybe(0.3, publish=self.time, relay="20ms")}
        if name in self.topics:
            return made | self.maybe(0.4, partitions=3, rebalance="10ms", dead_letter="lost")
        return made | self.maybe(0.4, max_length=100, overflow="reject_publish", dead_letter="lost")

    def traffic(self) -> Data:
        """Somebody for every endpoint."""
        targets = [f"{service}.{endpoint}" for service in self.services for endpoint in self.endpoints[service]]
        self.dice.shuffle(targets)
        made: Data = {"mix": {"target": [{"weight": 1, "target": target} for target in targets], "rate": "5/s"}}
        made["steady"] = {"target": targets[0], "rate": "1/s", "arrivals": "constant", **self.maybe(0.5, timeout="2s")}
        if self.chance(0.5):
            journey: list[Data | str] = [targets[0], {"think": "10ms"}, {"target": targets[-1], "continue": True}]
            made["people"] = {"users": 2, "think": "1s", "journey": journey}
        if self.chance(0.3):
            made["ramp"] = {"target": targets[-1], "stages": [{"rate": "1/s -> 3/s", "for": "5s"}]}
        return made

    def fault(self) -> Data:
        """A fault on something that is there."""
        service = self.dice.choice(self.services)
        endpoint = f"{service}.{self.dice.choice(self.endpoints[service])}"
        when = {"at": "15s", "for": "1s"}
        return self.dice.choice((
            {"slow": service, "by": "3x", **when}, {"slow": endpoint, "add": "exponential(5ms)", **when},
            {"fail": endpoint, "rate": "30%", **when}, {"pause": service, **when}, {"crash": service, **when},
        ))  # fmt: skip


def invented(seed: int) -> Data:
    """A valid description."""
    return Invention(seed).document
