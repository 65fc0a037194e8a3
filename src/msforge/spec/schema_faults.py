"""Faults: what goes wrong, to whom, when."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Discriminator, Field, PlainValidator, Tag, WithJsonSchema, model_validator

from msforge.spec.fields import (
    Duration,
    Factor,
    LinkRef,
    Name,
    Part,
    Positive,
    Ratio,
    Time,
    Unit,
    fail,
    shown,
)

FAULTS: Final = ("crash", "slow", "fail", "cut", "delay", "drop", "pause", "zone", "deploy", "change")


def _replicas(value: Any) -> int | str:
    if value in ("all", "each"):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise fail("E205", f"expected `all`, `each` or a whole number from 1, found {shown(value)}")
    return value


Replicas = Annotated[
    int | str,
    PlainValidator(_replicas),
    WithJsonSchema({"anyOf": [{"enum": ["all", "each"]}, {"type": "integer", "minimum": 1}]}),
    Unit("`all`, `each` or whole number", lambda value: value),
]


def _subject(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > 200:
        raise fail("E305", f"a service, store or endpoint is needed here, found {shown(value)}")
    return value


Subject = Annotated[
    str, PlainValidator(_subject), WithJsonSchema({"type": "string"}), Unit("service, store or service.endpoint", str)
]


class _Fault(Part):
    kind: ClassVar[str]
    id: Name | None = Field(None, description="Names the fault: in reports, and as the key of its random draws.")
    at: Duration | None = Field(None, description="When it begins.")
    every: Time | None = Field(
        None, description="Instead of `at`: the time up, from the end of one to the start of the next, drawn each time."
    )

    def tidy(self, out: dict[str, Any]) -> None:
        first = {self.kind: out.pop(self.kind)}
        rest = dict(out)
        out.clear()
        out |= first | rest

    @model_validator(mode="after")
    def _when(self) -> _Fault:
        if (self.at is None) == (self.every is None):
            raise fail(
                "E405",
                "a fault has `at` or `every`" + (", not both" if self.at is not None else ""),
                "at: 60s begins it once, every: exponential(1h) again and again",
            )
        if self.every is not None and self.every.mean <= 0:
            raise fail("E402", "`every` must be longer than 0", "it is the time between two of them", "every")
        return self


class _Lasting(_Fault):
    for_: Time | None = Field(None, alias="for", description="How long it lasts; without it, to the end of the run.")

    @model_validator(mode="after")
    def _how_long(self) -> _Lasting:
        if self.every is not None and self.for_ is None:
            raise fail("E405", "a fault with `every` needs `for`", "say how long each one lasts")
        return self


class _Replicated(_Lasting):
    replicas: Replicas = Field(
        "all", description="Whom it hits: a number (that many, drawn), `all`, or `each`: a clock for every replica."
    )

    @model_validator(mode="after")
    def _clock(self) -> _Replicated:
        if self.replicas == "each" and self.every is None:
            raise fail(
                "E401",
                "`replicas: each` gives every replica a clock of its own and needs `every`",
                "use all, or every instead of at",
                "replicas",
            )
        return self


class CrashFault(_Replicated):
    """Kills replicas: all in flight on them fails, their queues too. They come back after `for` plus `startup`."""

    kind = "crash"
    crash: Name = Field(description="The service.")


class SlowFault(_Replicated):
    """Makes things take longer."""

    kind = "slow"
    slow: Subject = Field(description="A service, a store or an endpoint.")
    by: Factor | None = Field(None, description="Multiplies what its work, waits and operations take: `10x`.")
    add: Time | None = Field(None, description="Adds to each request or operation instead.")

    @model_validator(mode="after")
    def _how(self) -> SlowFault:
        if (self.by is None) == (self.add is None):
            raise fail(
                "E403",
                "`slow` needs `by` or `add`" + (", not both" if self.by is not None else ""),
                "by: 10x or add: 200ms",
            )
        return self


class FailFault(_Replicated):
    """Lets requests fail. A request is chosen when it starts and fails after its steps."""

    kind = "fail"
    fail: Subject = Field(description="A service, a store or an endpoint.")
    rate: Ratio = Field(1.0, description="Share of requests that fail.")
    status: Annotated[int, Field(ge=400, le=599)] = Field(500, description="The HTTP status they end with.")
    how: Literal["error", "crash"] = Field(
        "error", alias="kind", description="`crash` lets each failure kill its replica's process."
    )


class CutFault(_Lasting):
    """Nothing passes: callers wait for their timeout."""

    kind = "cut"
    cut: LinkRef = Field(description="`a -> b`: services, stores, channels, or `clients`.")


class DelayFault(_Lasting):
    """Adds latency between two parties."""

    kind = "delay"
    delay: LinkRef = Field(description="`a -> b`: services, stores, channels, or `clients`.")
    add: Time = Field(description="Added to each hop, one way.")


class DropFault(_Lasting):
    """Loses messages between two parties: callers wait for their timeout."""

    kind = "drop"
    drop: LinkRef = Field(description="`a -> b`: services, stores, channels, or `clients`.")
    rate: Ratio = Field(description="Share that is lost.")


class PauseFault(_Replicated):
    """Stops the world: no work is done, and all resumes where it was."""

    kind = "pause"
    pause: Subject = Field(description="A service or a store.")


class ZoneFault(_Lasting):
    """Takes down everything that stands in a zone."""

    kind = "zone"
    zone: Name = Field(description="The zone.")


class DeployFault(_Fault):
    """A rolling update: each replica finishes what it has, then is replaced by the new version."""

    kind = "deploy"
    deploy: Name = Field(description="The service.")
    changes: dict[str, Any] = Field(
        {},
        description="What the new version changes, by path within the service: {endpoints.place.steps[0].work: 9ms}.",
    )
    max_unavailable: Positive = Field(1, description="Replicas that may be out at once.")
    canary: Ratio = Field(0.0, description="Share of the replicas that get the new version first.")
    canary_for: Duration = Field(0, description="How long the canary is watched before the rest follow.")

    @model_validator(mode="after")
    def _canary(self) -> DeployFault:
        if self.canary_for and not self.canary:
            raise fail("E403", "`canary_for` needs `canary`", "such as canary: 10%", "canary_for")
        return self


class ChangeFault(_Lasting):
    """Changes anything the language can set; taken back after `for`."""

    kind = "change"
    change: dict[str, Any] = Field(
        description="Full paths and new values: {services.payment.replicas: 4}.", min_length=1
    )


class _NoFault(Part):
    pass


def fault_tag(value: Any) -> str:
    """Which kind a raw fault is; `<fault>` when there is not exactly one."""
    if not isinstance(value, dict):
        return "<fault>"
    found = [kind for kind in FAULTS if kind in value]
    return f"<{found[0]}>" if len(found) == 1 else "<fault>"


def _no_fault(value: Any) -> Any:
    if not isinstance(value, dict):
        raise fail("E114", f"a fault is a mapping, found {shown(value)}", "such as {crash: payment, at: 30s, for: 30s}")
    found = " and ".join(f"`{kind}`" for kind in FAULTS if kind in value)
    raise fail(
        "E114",
        f"a fault is of one kind, this one has {found}" if found else "this fault has no kind",
        f"the kinds are {', '.join(FAULTS)}",
    )


Fault = Annotated[
    Annotated[CrashFault, Tag("<crash>")]
    | Annotated[SlowFault, Tag("<slow>")]
    | Annotated[FailFault, Tag("<fail>")]
    | Annotated[CutFault, Tag("<cut>")]
    | Annotated[DelayFault, Tag("<delay>")]
    | Annotated[DropFault, Tag("<drop>")]
    | Annotated[PauseFault, Tag("<pause>")]
    | Annotated[ZoneFault, Tag("<zone>")]
    | Annotated[DeployFault, Tag("<deploy>")]
    | Annotated[ChangeFault, Tag("<change>")]
    | Annotated[_NoFault, PlainValidator(_no_fault), WithJsonSchema({"not": {}}), Tag("<fault>")],
    Discriminator(fault_tag),
]
AnyFault = (
    CrashFault
    | SlowFault
    | FailFault
    | CutFault
    | DelayFault
    | DropFault
    | PauseFault
    | ZoneFault
    | DeployFault
    | ChangeFault
)
FAULT_TYPES: Final = {
    model.kind: model
    for model in (
        CrashFault,
        SlowFault,
        FailFault,
        CutFault,
        DelayFault,
        DropFault,
        PauseFault,
        ZoneFault,
        DeployFault,
        ChangeFault,
    )
}
