"""What surrounds a call: retry, budget, circuit breaker, hedge, throttle."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from msforge import units
from msforge.spec.fields import (
    AtLeastOne,
    Duration,
    Limit,
    Part,
    Positive,
    PositiveDuration,
    PositiveRatio,
    Rate,
    Ratio,
    Unit,
    fail,
    shown,
)

Jitter = Literal["none", "full", "equal", "decorrelated"]
Retried = Literal[
    "error",
    "timeout",
    "overloaded",
    "rate_limited",
    "unavailable",
    "circuit_open",
    "bulkhead_full",
    "throttled",
    "reset",
]
RETRIED_BY_DEFAULT: Final[tuple[Retried, ...]] = ("error", "timeout", "overloaded", "unavailable", "reset")


class Budget(Part):
    """A retry budget: a token bucket per caller replica that every retry must pay from."""

    kind: Literal["ratio", "grpc"] = Field(
        "ratio", description="`ratio` is Finagle's: first tries earn, retries spend. `grpc` is gRPC's retry throttling."
    )
    ratio: Ratio = Field(
        0.2, description="`kind: ratio`: tokens that one first try earns; a retry takes one whole token."
    )
    burst: Positive = Field(
        100, description="`kind: ratio`: most tokens the bucket holds, and how many it starts with."
    )
    minimum: Rate = Field(
        10.0, description="`kind: ratio`: retries a second that are allowed whatever the bucket holds."
    )
    max_tokens: Positive = Field(
        10, description="`kind: grpc`: most tokens; a failure takes 1, and retries stop at half of this or below."
    )
    token_ratio: PositiveRatio = Field(0.1, description="`kind: grpc`: tokens that one success gives back.")

    def _others(self) -> set[str]:
        return {"ratio", "burst", "minimum"} if self.kind == "grpc" else {"max_tokens", "token_ratio"}

    def tidy(self, out: dict[str, Any]) -> None:
        for key in self._others():
            del out[key]

    @model_validator(mode="after")
    def _one_kind(self) -> Budget:
        wrong = sorted(self.model_fields_set & self._others())
        if wrong:
            raise fail(
                "E401",
                f"`{wrong[0]}` does not belong to a budget of `kind: {self.kind}`",
                "a ratio budget has ratio, burst, minimum; a grpc budget has max_tokens, token_ratio",
                wrong[0],
            )
        return self


class Retry(Part):
    """When and how often a failed try is repeated. Each try is balanced anew."""

    attempts: Limit = Field(3, description="Tries in all, the first one included, or `unlimited`.")
    backoff: Duration = Field(
        100_000_000, description="Pause before the second try; before try n+1 it is backoff * factor^(n-1)."
    )
    factor: AtLeastOne = Field(2.0, description="What the pause is multiplied by after each try.")
    max_backoff: PositiveDuration | None = Field(None, description="The longest pause; without it there is no limit.")
    jitter: Jitter = Field(
        "none", description="How chance spreads the pauses, as defined in AWS's “Exponential Backoff and Jitter”."
    )
    on: list[Retried] = Field(list(RETRIED_BY_DEFAULT), description="The outcomes that are retried. Only these are.")
    budget: Budget | None = Field(
        None, description="Limits how many retries there may be in all; settings, or the name of one under `policies`."
    )

    @model_validator(mode="after")
    def _sensible(self) -> Retry:
        if self.max_backoff is not None and self.max_backoff < self.backoff:
            raise fail(
                "E401",
                "`max_backoff` is shorter than `backoff`",
                "the longest pause cannot be below the first",
                "max_backoff",
            )
        return self


class Window(NamedTuple):
    """What a breaker looks at: the last `size` calls, or the calls of the last `size` ns when `timed`."""

    size: int
    timed: bool


def _window(value: Any) -> Window:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= 1_000_000:
            raise fail("E204", f"a window of {value} calls is out of bounds: 1 to 1000000")
        return Window(value, False)
    if not isinstance(value, str):
        raise fail("E201", f"expected a number of calls or a duration, found {shown(value)}", "write 100 or 10s")
    try:
        size = units.parse_duration(value)
    except units.UnitError as error:
        raise fail(error.code, str(error), "write a number of calls (100) or a duration (10s)") from None
    if size == 0:
        raise fail("E204", "a window longer than 0 is needed")
    return Window(size, True)


WindowField = Annotated[
    Window,
    PlainValidator(_window),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": units.DURATION_PATTERN}]}
    ),
    Unit("whole number or duration", lambda w: units.format_duration(w.size) if w.timed else w.size),
]


class SlowCall(Part):
    """Counts slow calls as a reason to open."""

    rate: PositiveRatio = Field(description="Share of slow calls at which the breaker opens.")
    duration: PositiveDuration = Field(description="A call that takes longer than this is slow.")


class CircuitBreaker(Part):
    """One per caller replica and called endpoint. Closed, open, half-open, as in resilience4j."""

    failure_rate: PositiveRatio | None = Field(
        None,
        description="Share of failures at which it opens. 50% when neither `consecutive` nor `slow_call` is given.",
    )
    consecutive: Positive | None = Field(
        None, description="Opens after this many failures in a row instead, as Envoy and Polly do."
    )
    slow_call: SlowCall | None = Field(None, description="Also opens when too many calls are slow.")
    window: WindowField = Field(
        Window(100, False), description="What the rates are taken over: the last N calls (`100`) or a time (`10s`)."
    )
    minimum_calls: Positive | None = Field(
        None,
        description="Calls that must be in the window before it may open; never more than a window of calls "
        "holds. By default 100, or the window if that is smaller.",
    )
    open_for: PositiveDuration = Field(
        60_000_000_000, description="How long it stays open before trial calls are let in."
    )
    trial_calls: Positive = Field(
        10, description="Calls admitted when half-open; when all are in it closes or opens again."
    )

    def tidy(self, out: dict[str, Any]) -> None:
        if self.consecutive is not None:
            del out["window"]
            out.pop("minimum_calls", None)

    @model_validator(mode="after")
    def _one_rule(self) -> CircuitBreaker:
        if self.consecutive is not None and (self.failure_rate is not None or self.slow_call is not None):
            raise fail(
                "E401",
                "`consecutive` and a rate (`failure_rate`, `slow_call`) exclude each other",
                "keep one of the two",
                "consecutive",
            )
        given = self.model_fields_set & {"window", "minimum_calls"}
        if self.consecutive is not None and given:
            raise fail("E401", f"`{min(given)}` has no meaning with `consecutive`", "remove it", min(given))
        if self.minimum_calls is not None and not self.window.timed and self.minimum_calls > self.window.size:
            raise fail(
                "E402",
                f"`minimum_calls` ({self.minimum_calls}) is more than the window holds "
                f"({self.window.size} calls): it could never open",
                "lower minimum_calls or widen the window",
                "minimum_calls",
            )
        if self.failure_rate is None and self.consecutive is None and self.slow_call is None:
            self.__dict__["failure_rate"] = 0.5
        if self.minimum_calls is None and self.consecutive is None:
            self.__dict__["minimum_calls"] = 100 if self.window.timed else min(100, self.window.size)
        return self


class Hedge(Part):
    """Sends a second try when the first is slow; the first answer wins."""

    after: Duration = Field(description="How long to wait for the first try before the second goes out.")


class Throttle(Part):
    """Refuses locally when the callee has been refusing (Site Reliability Engineering, chapter 21)."""

    k: AtLeastOne = Field(2.0, description="Tries allowed per try accepted; lower is stricter.")
    window: PositiveDuration = Field(120_000_000_000, description="How far back tries and accepted ones are counted.")
