"""Traffic: who sends requests, when, and how a client behaves."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BeforeValidator, Discriminator, Field, PlainValidator, Tag, ValidationInfo, WithJsonSchema
from pydantic import model_validator as validates

from msforge import units
from msforge.spec.fields import (
    Count,
    Duration,
    EndpointRef,
    Part,
    Positive,
    PositiveDuration,
    Rate,
    Time,
    Unit,
    Users,
    Weight,
    fail,
    folder_of,
    shown,
)
from msforge.spec.replay import read_times
from msforge.spec.schema_policies import Retry


class Ramp(NamedTuple):
    """A rate that goes from `begin` to `end`, per second; the two are equal for a steady one."""

    begin: float
    end: float


def _ramp(value: Any) -> Ramp:
    try:
        if isinstance(value, str) and "->" in value:
            begin, _, end = value.partition("->")
            return Ramp(units.parse_rate(begin.strip()), units.parse_rate(end.strip()))
        rate = units.parse_rate(value)
    except units.UnitError as error:
        raise fail(error.code, str(error), error.help or "write 50/s or 50/s -> 200/s") from None
    return Ramp(rate, rate)


def _write_ramp(ramp: Ramp) -> str:
    if ramp.begin == ramp.end:
        return units.format_rate(ramp.begin)
    return f"{units.format_rate(ramp.begin)} -> {units.format_rate(ramp.end)}"


_RATE = units.RATE_PATTERN[1:-1]
RampField = Annotated[
    Ramp,
    PlainValidator(_ramp),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": rf"^\s*{_RATE}(\s*->\s*{_RATE})?\s*$"}, {"const": 0}]}),
    Unit("rate or rate -> rate", _write_ramp),
]


class Stage(Part):
    """A piece of a ramping arrival rate, as in k6."""

    rate: RampField = Field(description="The rate, or the rates it goes between in a straight line: `50/s -> 200/s`.")
    for_: PositiveDuration = Field(alias="for", description="How long it lasts.")


class Bursty(NamedTuple):
    """An on/off modulated Poisson process.

    On and off spells have exponential lengths with means `on` and `off` (ns). With
    q = on / (on + off), the rate while on is h = rate * peak and while off
    l = rate * (1 - q*peak) / (1 - q), so that the mean rate q*h + (1 - q)*l is the
    stage's; `peak` lies between 1 and 1/q.
    """

    on: int
    off: int
    peak: float


_BURSTY = re.compile(r"bursty\((.*)\)")
_BURSTY_HELP = (
    "write bursty(on=2s off=8s peak=5x): mean length of a burst, mean length of a lull, rate in a burst over mean rate"
)


def _bursty(text: str) -> Bursty:
    match = _BURSTY.fullmatch(text.strip())
    words = re.split(r"[\s,]+", match[1].strip()) if match else []
    pairs = dict(word.partition("=")[::2] for word in words)
    if set(pairs) != {"on", "off", "peak"} or len(words) != 3:
        raise fail(
            "E207", f"{shown(text)} is not an arrival process", "write poisson, constant, or " + _BURSTY_HELP[6:]
        )
    try:
        on, off = units.parse_duration(pairs["on"]), units.parse_duration(pairs["off"])
        peak = units.parse_factor(pairs["peak"])
    except units.UnitError as error:
        raise fail(error.code, str(error), _BURSTY_HELP) from None
    if on <= 0 or off <= 0:
        raise fail("E204", "the lengths of bursts and lulls must be above 0", _BURSTY_HELP)
    most = (on + off) / on
    if not 1 <= peak <= most * (1 + 1e-12):
        raise fail(
            "E204",
            f"with these lengths `peak` lies between 1x and {most:g}x: a higher peak alone would exceed the mean rate",
            "shorten the bursts, lengthen the lulls or lower the peak",
        )
    return Bursty(on, off, min(peak, most))


def _arrivals(value: Any) -> str | Bursty:
    if value in ("poisson", "constant"):
        return str(value)
    if not isinstance(value, str) or len(value) > 200:
        raise fail(
            "E207",
            f"{shown(value)} is not an arrival process",
            "write poisson, constant, or bursty(on=2s off=8s peak=5x)",
        )
    return _bursty(value)


def _write_arrivals(value: str | Bursty) -> str:
    if isinstance(value, str):
        return value
    on, off = units.format_duration(value.on), units.format_duration(value.off)
    return f"bursty(on={on} off={off} peak={units.format_factor(value.peak)})"


Arrivals = Annotated[
    str | Bursty,
    PlainValidator(_arrivals),
    WithJsonSchema({"anyOf": [{"enum": ["poisson", "constant"]}, {"type": "string", "pattern": r"^bursty\(.*\)$"}]}),
    Unit("`poisson`, `constant` or `bursty(on=D off=D peak=Nx)`", _write_arrivals),
]


class Replay(NamedTuple):
    """Recorded arrival times (ns, sorted) and the file they came from."""

    file: str
    times: tuple[int, ...]


def _replay(value: Any, info: ValidationInfo) -> Replay:
    if not isinstance(value, str):
        raise fail("E208", f"a file name is needed here, found {shown(value)}")
    try:
        return Replay(value, read_times(value, folder_of(info)))
    except units.UnitError as error:
        raise fail(error.code, str(error), error.help) from None


ReplayField = Annotated[
    Replay, PlainValidator(_replay), WithJsonSchema({"type": "string"}), Unit("file name", lambda replay: replay.file)
]


class WeightedTarget(Part):
    """One part of a mix of requests."""

    weight: Weight = Field(1.0, description="How likely, relative to the others. A number or a percent.")
    target: EndpointRef = Field(description="The endpoint, as service.endpoint.")


def _target_tag(value: Any) -> str:
    return "<list>" if isinstance(value, list) else "<endpoint>"


Target = Annotated[
    Annotated[EndpointRef, Tag("<endpoint>")] | Annotated[list[WeightedTarget], Field(min_length=1), Tag("<list>")],
    Discriminator(_target_tag),
]


class Visit(Part):
    """A request in a journey."""

    target: EndpointRef = Field(description="The endpoint, as service.endpoint.")
    timeout: PositiveDuration | None = Field(None, description="The client's timeout; by default the source's.")
    retry: Retry | None = Field(None, description="The client's retries; by default the source's.")
    priority: Literal[1, 2] | None = Field(None, description="1 before 2; by default the source's.")
    continue_: bool = Field(False, alias="continue", description="A failure here does not end the journey.")
    think: Time | None = Field(None, description="A pause after this request; by default the source's `think`.")


class Think(Part):
    """A pause in a journey."""

    think: Time = Field(description="How long.")


class JourneyBranch(Part):
    """One way a journey may go."""

    weight: Weight = Field(1.0, description="How likely, relative to the others. A number or a percent.")
    journey: list[JourneyItem] = Field([], description="What is done; may be empty.")


class JourneyChoose(Part):
    """Goes one way, drawn by weight."""

    choose: list[JourneyBranch] = Field(min_length=1, description="The ways.")


class JourneyRepeat(Part):
    """Does a part of the journey several times."""

    repeat: Count = Field(description="How often: a number or a distribution.")
    journey: list[JourneyItem] = Field(description="What is done each time.")


class _NoItem(Part):
    pass


_ITEMS: Final = ("target", "choose", "repeat", "think")


def journey_tag(value: Any) -> str:
    """Which kind of journey item a raw value is."""
    if isinstance(value, str):
        return "<target>"
    if isinstance(value, dict):
        for kind in _ITEMS:
            if kind in value:
                return f"<{kind}>"
    return "<item>"


def _as_visit(value: Any) -> Any:
    return {"target": value} if isinstance(value, str) else value


def _no_item(value: Any) -> Any:
    raise fail(
        "E113",
        f"a journey item is an endpoint or a mapping with target, think, choose or repeat, found {shown(value)}",
        "such as `- shop.browse` or `- think: 5s`",
    )


JourneyItem = Annotated[
    Annotated[Visit, BeforeValidator(_as_visit, json_schema_input_type=EndpointRef | Visit), Tag("<target>")]
    | Annotated[Think, Tag("<think>")]
    | Annotated[JourneyChoose, Tag("<choose>")]
    | Annotated[JourneyRepeat, Tag("<repeat>")]
    | Annotated[_NoItem, PlainValidator(_no_item), WithJsonSchema({"not": {}}), Tag("<item>")],
    Discriminator(journey_tag),
]
AnyItem = Visit | Think | JourneyChoose | JourneyRepeat


class Source(Part):
    """Where requests come from. Open loop: `rate` or `stages`, `at`, `replay`. Closed loop: `users`."""

    target: Target | None = Field(None, description="The endpoint asked, or a list of {weight, target}: a mix.")
    journey: list[JourneyItem] | None = Field(
        None, description="Several requests one after another, with think time between them. A failure ends it."
    )
    rate: Rate | None = Field(None, description="Open loop: a steady rate of arrivals.")
    for_: PositiveDuration | None = Field(
        None, alias="for", description="With `rate` or `users`: how long. By default to the end of the run."
    )
    stages: list[Stage] | None = Field(
        None, min_length=1, description="Open loop: a ramping rate; the source ends after the last stage."
    )
    at: list[Duration] | None = Field(None, min_length=1, description="Open loop: exactly these arrival times.")
    replay: ReplayField | None = Field(
        None,
        description="Open loop: arrival times from a file, one a line (or the first column of a CSV file), in "
        "seconds or with a unit, from `start`. Looked for beside this file.",
    )
    users: Users | None = Field(
        None, description="Closed loop: this many users, each thinks, asks, waits for the answer, thinks again."
    )
    think: Time | None = Field(
        None,
        description="Closed loop: how long a user thinks before each turn (default 0). In a journey also the "
        "pause between its requests.",
    )
    arrivals: Arrivals = Field(
        "poisson",
        description="How arrivals fall: at random, evenly, or in bursts. `bursty(on=2s off=8s peak=5x)` is an "
        "on/off modulated Poisson process: spells of exponential length with those means, `peak` times the mean rate "
        "while on and rate * (1 - q*peak) / (1 - q) while off, q = on/(on+off), so the mean rate is the one written.",
    )
    start: Duration = Field(0, description="When it begins. `constant` sends its first request then.")
    count: Positive | None = Field(None, description="Ends the source after so many arrivals.")
    timeout: PositiveDuration | None = Field(None, description="Longest time the client waits, per try.")
    retry: Retry | None = Field(
        None, description="The client's retries; settings, or the name of some under `policies`."
    )
    priority: Literal[1, 2] = Field(1, description="1 goes before 2 in a queue with `discipline: priority`.")

    def tidy(self, out: dict[str, Any]) -> None:
        if self.drive not in ("rate", "stages"):
            out.pop("arrivals", None)
        if self.replay is not None:
            out["at"] = [units.format_duration(time) for time in self.replay.times]
            del out["replay"]

    @validates(mode="after")
    def _one_form(self) -> Source:
        given = self.model_fields_set
        if (self.target is None) == (self.journey is None):
            raise fail(
                "E403",
                "a source has a `target` or a `journey`" + (", not both" if self.target is not None else ""),
                "target: service.endpoint",
            )
        drivers = [key for key in ("rate", "stages", "at", "replay", "users") if getattr(self, key) is not None]
        if len(drivers) != 1:
            found = " and ".join(f"`{key}`" for key in drivers)
            raise fail(
                "E404",
                f"a source is driven by one of rate, stages, at, replay, users; this one has {found or 'none'}",
                "rate: 50/s is the simplest" if not drivers else "keep one of them",
            )
        driver = drivers[0]
        if "arrivals" in given and driver not in ("rate", "stages"):
            raise fail(
                "E401",
                f"`arrivals` has no meaning with `{driver}`",
                "it spreads the arrivals of a rate; remove it",
                "arrivals",
            )
        if self.for_ is not None and driver not in ("rate", "users"):
            raise fail(
                "E401",
                f"`for` has no meaning with `{driver}`",
                "each stage has its own `for`" if driver == "stages" else "the source ends with its last arrival",
            )
        if self.think is not None and driver != "users" and self.journey is None:
            raise fail(
                "E401",
                "`think` belongs to a closed loop (`users`) or to a journey",
                "remove it, or give users",
                "think",
            )
        return self

    @property
    def drive(self) -> str:
        """What drives it: `rate`, `stages`, `at`, `replay` or `users`."""
        return next(key for key in ("rate", "stages", "at", "replay", "users") if getattr(self, key) is not None)

    @property
    def length(self) -> int | None:
        """When it has ended, in ns from the start of the run; None when it has no end of its own.

        Given times end it at the next whole second after the last of them, which so falls inside the run.
        """
        if self.stages is not None:
            return self.start + sum(stage.for_ for stage in self.stages)
        if self.at is not None:
            return _next_second(self.start + max(self.at))
        if self.replay is not None:
            return _next_second(self.start + self.replay.times[-1])
        return None if self.for_ is None else self.start + self.for_


def _next_second(time: int) -> int:
    return (time // 1_000_000_000 + 1) * 1_000_000_000


for _model in (JourneyBranch, JourneyChoose, JourneyRepeat, Source):
    _model.model_rebuild()
