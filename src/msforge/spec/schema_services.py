"""Services: what runs, how many of it, and what a request does there."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from msforge.policies.distributions import Dist
from msforge.spec.fields import (
    ZERO_TIME,
    Capacity,
    Copies,
    Duration,
    Limit,
    Name,
    Number,
    Part,
    Places,
    Positive,
    PositiveCopies,
    PositiveNumber,
    PositiveRate,
    PositiveRatio,
    PricePerHour,
    Size,
    Time,
    Unit,
    fail,
    shown,
)
from msforge.spec.schema_policies import Retry
from msforge.spec.schema_steps import Step

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
METHODS: Final = (*SAFE_METHODS, "POST", "PATCH")
_HTTP = re.compile(rf"({'|'.join(METHODS)}) (/[A-Za-z0-9\-._~!$&'()*+,;=:@%/{{}}]*)")
_GRPC = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*/[A-Za-z_][A-Za-z0-9_]*")
_FIELD_TYPE = Literal["string", "integer", "number", "boolean", "object", "array"]


def _http(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 500 or not _HTTP.fullmatch(value):
        raise fail(
            "E206",
            f"{shown(value)} is not an HTTP method and path",
            f"write e.g. `POST /orders`; the methods are {', '.join(METHODS)}",
        )
    if value.count("{") != len(re.findall(r"\{[A-Za-z_][A-Za-z0-9_]*\}", value)) or value.count("{") != value.count(
        "}"
    ):
        raise fail("E206", f"the path of {shown(value)} has a parameter that is no name", "write parameters as {id}")
    return value


def _grpc(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 500 or not _GRPC.fullmatch(value):
        raise fail(
            "E206", f"{shown(value)} is not a gRPC method", "write package.Service/Method, e.g. shop.Orders/Place"
        )
    return value


Http = Annotated[
    str,
    PlainValidator(_http),
    WithJsonSchema({"type": "string", "pattern": rf"^({'|'.join(METHODS)}) /\S*$"}),
    Unit("method and path", str),
]
Grpc = Annotated[
    str,
    PlainValidator(_grpc),
    WithJsonSchema({"type": "string", "pattern": f"^{_GRPC.pattern}$"}),
    Unit("package.Service/Method", str),
]


class Endpoint(Part):
    """Something a service can be asked to do."""

    http: Http | None = Field(None, description="Method and path, e.g. `GET /users/{id}`. By default `POST /<name>`.")
    grpc: Grpc | None = Field(None, description="The gRPC method instead, as package.Service/Method.")
    idempotent: bool | None = Field(
        None,
        description="Doing it twice is the same as once, so retrying is safe. By default true for "
        "GET, HEAD, OPTIONS, PUT and DELETE, else false.",
    )
    request: dict[Name, _FIELD_TYPE] | None = Field(
        None, description="Fields of the request and their types, for generated code."
    )
    response: dict[Name, _FIELD_TYPE] | None = Field(
        None, description="Fields of the answer and their types, for generated code."
    )
    steps: list[Step] = Field([], description="What a request does here, in order. None: it answers at once.")

    @model_validator(mode="after")
    def _one_protocol(self) -> Endpoint:
        if self.http is not None and self.grpc is not None:
            raise fail("E403", "an endpoint is `http` or `grpc`, not both", "make two endpoints", "grpc")
        if self.idempotent is None:
            self.__dict__["idempotent"] = self.http is not None and self.http.split(" ")[0] in SAFE_METHODS
        return self


class Consumer(Part):
    """Takes messages from a channel and runs steps for each."""

    from_: Name = Field(alias="from", description="The channel.")
    threads: Places = Field(1, description="Messages one replica handles at once.")
    prefetch: Limit | None = Field(
        None, description="Messages one replica may hold unacknowledged. By default as many as `threads`."
    )
    retry: Retry | None = Field(
        None,
        description="Redelivery of a failed message: `attempts`, `backoff`, `factor` ... By default no second "
        "attempt. Settings, or the name of some under `policies`.",
    )
    idempotent: bool = Field(False, description="Handling a message twice has the effect of once.")
    steps: list[Step] = Field([], description="What is done for each message.")

    def tidy(self, out: dict[str, Any]) -> None:
        if self.retry is not None:
            del out["retry"]["on"]

    @model_validator(mode="after")
    def _sensible(self) -> Consumer:
        if self.prefetch is None:
            self.__dict__["prefetch"] = self.threads
        retry = self.retry
        if retry is not None and retry.attempts == -1 and retry.backoff == 0:
            raise fail(
                "E402",
                "unlimited attempts with a backoff of 0: a poisonous message would spin for ever",
                "give it a backoff, or a number of attempts and a dead_letter",
                "retry",
            )
        if retry is not None and retry.budget is not None:
            raise fail("E401", "a retry budget belongs to calls, not to a consumer", "remove `budget`", "retry")
        if retry is not None and "on" in retry.model_fields_set:
            raise fail(
                "E401", "a consumer redelivers whatever failed; `on` has no meaning here", "remove `on`", "retry"
            )
        return self


def _capacity_map(value: Any) -> Any:
    return value if isinstance(value, dict) else {"capacity": value}


class Queue(Part):
    """Where requests wait for a thread, on each replica."""

    capacity: Capacity = Field(100, description="Requests that may wait; more are refused (503). Or `unlimited`.")
    discipline: Literal["fifo", "lifo", "priority"] = Field(
        "fifo", description="Who goes next: first come, last come, or `priority` 1 before 2. Never preemptive."
    )


QueueField = Annotated[Queue, BeforeValidator(_capacity_map, json_schema_input_type=Capacity | Queue)]


class Scaling(Part):
    """Gunther's universal scalability law.

    With n requests in progress, work takes 1 + contention * (n-1) + coherency * n * (n-1) times as long.
    """

    contention: Number = Field(0.0, description="Share of the work that is serial, e.g. behind a lock.")
    coherency: Number = Field(0.0, description="Cost of keeping each pair of requests in agreement.")


class Cpu(Part):
    """The CPU of one replica. Left out, CPU never limits."""

    cores: PositiveNumber = Field(description="Cores one replica has; 0.5 is half a core.")
    scheduling: Literal["sharing", "fifo"] | None = Field(
        None,
        description="Time-sliced, or first come first served. By default `sharing` under threads, `fifo` on an "
        "event loop (`threads: unlimited`).",
    )
    scaling: Scaling | None = Field(None, description="How work gets dearer the more requests are in progress.")


def _cores_map(value: Any) -> Any:
    return value if isinstance(value, dict) or value is None else {"cores": value}


CpuField = Annotated[Cpu | None, BeforeValidator(_cores_map, json_schema_input_type=PositiveNumber | Cpu | None)]


class RateLimit(Part):
    """A token bucket at each replica's door. It starts full."""

    rate: PositiveRate = Field(description="Requests a second let in for long.")
    burst: Positive | None = Field(
        None, description="Requests let in at once. By default one second's worth, at least 1."
    )

    @model_validator(mode="after")
    def _burst(self) -> RateLimit:
        if self.burst is None:
            self.__dict__["burst"] = max(1, math.ceil(min(self.rate, 1e9)))
        return self


class Autoscale(Part):
    """The Kubernetes HorizontalPodAutoscaler's rule. Give one target: `cpu` or `threads`."""

    min: PositiveCopies = Field(1, description="Fewest replicas.")
    max: PositiveCopies = Field(description="Most replicas.")
    cpu: PositiveRatio | None = Field(
        None, description="Target for the CPU used, as a share of what the replicas have."
    )
    threads: PositiveRatio | None = Field(None, description="Target for the threads busy, as a share of all.")

    @model_validator(mode="after")
    def _one_target(self) -> Autoscale:
        if (self.cpu is None) == (self.threads is None):
            raise fail("E403", "autoscale needs one target: `cpu` or `threads`", "such as cpu: 70%")
        if self.min > self.max:
            raise fail("E402", f"`min` ({self.min}) is more than `max` ({self.max})", "", "min")
        return self


class Instance(Part):
    """What a replica costs."""

    cost: PricePerHour = Field(0.0, description="Price of one replica, e.g. `0.05/h` or `36/month` (730 h).")


class Function(Part):
    """Serverless: one request per instance, instances come and go with the load."""

    cold_start: Time = Field(Dist("constant", (200e6,)), description="Time until a new instance can serve.")
    keep_alive: Duration = Field(600_000_000_000, description="How long an idle instance is kept warm.")
    cost_per_million: Number = Field(0.0, description="Price of a million invocations.")
    memory: Size = Field(128 * 1024 * 1024, description="Memory of an instance, for the bill.")
    cost_per_gib_second: Number = Field(0.0, description="Price of a GiB of memory for a second of running.")


NOT_OF_FUNCTIONS: Final = frozenset({"replicas", "threads", "autoscale", "instance", "queue"})


class Service(Part):
    """A deployable: its replicas, its threads, its endpoints and consumers."""

    language: Literal["python", "node", "java"] = Field(
        "python", description="What `msforge new` generates. The simulation makes no difference."
    )
    replicas: Copies = Field(1, description="How many copies run.")
    threads: Places = Field(16, description="Requests one replica serves at once; `unlimited` for an event loop.")
    queue: QueueField = Field(
        Queue(), description="Requests that may wait for a thread on one replica: a number, `unlimited`, or settings."
    )
    cpu: CpuField = Field(None, description="Cores a replica has, or settings. Left out, CPU never limits.")
    balance: Literal["round_robin", "random", "least_connections", "power_of_two"] = Field(
        "round_robin", description="How requests are spread over the replicas."
    )
    balancer: Literal["shared", "client"] = Field(
        "shared", description="One balancer for the service, or one in each caller replica (gRPC clients, sidecars)."
    )
    rate_limit: RateLimit | None = Field(None, description="A limit per replica; more is refused (429).")
    detect: Duration = Field(0, description="Until the balancer knows that a replica crashed.")
    startup: Time = Field(ZERO_TIME, description="Until a new or restarted replica is ready.")
    autoscale: Autoscale | None = Field(None, description="Adds and removes replicas with the load.")
    instance: Instance | None = Field(None, description="What a replica costs.")
    function: Function | None = Field(None, description="Makes it serverless.")
    zones: list[Name] = Field([], description="Where its replicas stand, spread over these in turn.")
    external: bool = Field(False, description="A third party: simulated here, and stubbed when run.")
    endpoints: dict[Name, Endpoint] = Field({}, description="What it can be asked to do.")
    consumers: dict[Name, Consumer] = Field({}, description="The channels it takes messages from.")

    def tidy(self, out: dict[str, Any]) -> None:
        if self.function is not None:
            for key in NOT_OF_FUNCTIONS:
                out.pop(key, None)

    @model_validator(mode="after")
    def _sensible(self) -> Service:
        if self.function is not None:
            wrong = sorted(self.model_fields_set & NOT_OF_FUNCTIONS)
            if wrong:
                raise fail(
                    "E401",
                    f"`{wrong[0]}` has no meaning for a `function`: each request gets an instance of its own",
                    "remove it",
                    wrong[0],
                )
        if self.autoscale is not None:
            if self.autoscale.threads is not None and self.threads == -1:
                raise fail(
                    "E402",
                    "autoscaling on `threads` needs a number of threads",
                    "set threads, or scale on cpu",
                    "autoscale",
                )
            if self.autoscale.cpu is not None and self.cpu is None:
                raise fail("E402", "autoscaling on `cpu` needs `cpu`", "say how many cores a replica has", "autoscale")
            if not self.autoscale.min <= self.replicas <= self.autoscale.max:
                if "replicas" in self.model_fields_set:
                    raise fail(
                        "E402",
                        f"`replicas` ({self.replicas}) is outside autoscale's {self.autoscale.min} to "
                        f"{self.autoscale.max}",
                        "start inside them",
                        "replicas",
                    )
                self.__dict__["replicas"] = self.autoscale.min
        self._routes()
        both = self.endpoints.keys() & self.consumers.keys()
        if both:
            raise fail(
                "E304", f"`{min(both)}` names both an endpoint and a consumer", "give them different names", "consumers"
            )
        if self.cpu is not None and self.cpu.scheduling is None:
            self.cpu.__dict__["scheduling"] = "fifo" if self.threads == -1 else "sharing"
        return self

    def _routes(self) -> None:
        """Two endpoints cannot answer the same requests."""
        taken: dict[str, str] = {}
        for name, endpoint in self.endpoints.items():
            asked = endpoint.grpc or re.sub(r"\{[^}]*\}", "{}", endpoint.http or f"POST /{name}")
            if asked in taken:
                shown_as = endpoint.grpc or endpoint.http or f"POST /{name}"
                raise fail(
                    "E304",
                    f"`{taken[asked]}` and `{name}` both answer {shown_as}",
                    "give them different paths",
                    "endpoints",
                )
            taken[asked] = name
