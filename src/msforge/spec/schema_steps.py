"""What an endpoint or a consumer does: its steps. A step has exactly one verb; the other keys are its options."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, PlainValidator, Tag, WithJsonSchema, model_validator

from msforge.spec.fields import (
    Count,
    EndpointRef,
    Limit,
    Name,
    Part,
    PositiveDuration,
    Ratio,
    Time,
    Unit,
    Weight,
    fail,
    shown,
)
from msforge.spec.schema_policies import CircuitBreaker, Hedge, Retry, Throttle

VERBS: Final = (
    "work",
    "wait",
    "call",
    "parallel",
    "choose",
    "repeat",
    "read",
    "write",
    "publish",
    "saga",
    "fail",
)


class _Step(Part):
    verb: ClassVar[str]
    id: Name | None = Field(None, description="Names the step: in reports, traces, and as the key of its random draws.")


class WorkStep(_Step):
    """Uses a CPU core of this replica."""

    verb = "work"
    work: Time = Field(description="How much CPU time it takes.")


class WaitStep(_Step):
    """Takes time but no CPU: I/O, a sleep, a third party."""

    verb = "wait"
    wait: Time = Field(description="How long it takes.")


class Fallback(Part):
    """What answers instead when a call has failed for good; the request then ends `degraded`."""

    steps: list[Step] = Field(
        [], description="Run in the caller; what they take is the fallback's latency. May be empty."
    )


class CallStep(_Step):
    """A request to an endpoint of another service; waits for the answer. To the same service it runs in place."""

    verb = "call"
    call: EndpointRef = Field(description="The endpoint, as service.endpoint.")
    timeout: PositiveDuration | None = Field(None, description="Longest time one try may take, seen from the caller.")
    deadline: PositiveDuration | None = Field(
        None, description="Longest time the whole call may take, retries and backoff included. Passed on to callees."
    )
    cancel: Literal["none", "queued", "all"] = Field(
        "none", description="What giving up does at the callee: nothing, takes it out of the queue, or also stops it."
    )
    retry: Retry | None = Field(None, description="Retries; settings, or the name of some under `policies`.")
    circuit_breaker: CircuitBreaker | None = Field(
        None, description="A circuit breaker; settings, or the name of some under `policies`."
    )
    bulkhead: Limit = Field(-1, description="Calls in flight to this callee, at most, per caller replica.")
    hedge: Hedge | None = Field(
        None, description="A second try when the first is slow; settings, or a name under `policies`."
    )
    fallback: Fallback | None = Field(
        None, description="Steps that answer when the call has failed; or the name of some under `policies`."
    )
    throttle: Throttle | None = Field(
        None, description="Adaptive throttling at the client; settings, or a name under `policies`."
    )
    priority: Literal[1, 2] = Field(1, description="1 goes before 2 in a queue with `discipline: priority`.")
    protocol: Literal["http", "grpc"] | None = Field(
        None,
        description="What the generated code speaks; by default what the endpoint declares, else http. "
        "The simulation makes no difference between them.",
    )

    @model_validator(mode="after")
    def _sensible(self) -> CallStep:
        if self.deadline is not None and self.timeout is not None and self.timeout > self.deadline:
            raise fail(
                "E401",
                "`timeout` (one try) is longer than `deadline` (all tries)",
                "the deadline always fires first",
                "timeout",
            )
        if self.hedge is not None:
            limit = self.timeout if self.timeout is not None else self.deadline
            if limit is not None and self.hedge.after >= limit:
                raise fail(
                    "E401",
                    "`hedge.after` is not shorter than the time a try may take: no hedge is ever sent",
                    "hedge earlier or allow more time",
                    "hedge",
                )
        return self


def _need(value: Any) -> int | str:
    if value in ("all", "any"):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise fail("E205", f"expected `all`, `any` or a whole number from 1, found {shown(value)}")
    return value


Need = Annotated[
    int | str,
    PlainValidator(_need),
    WithJsonSchema({"anyOf": [{"enum": ["all", "any"]}, {"type": "integer", "minimum": 1}]}),
    Unit("`all`, `any` or whole number", lambda value: value),
]


def _copies_or_steps(value: Any) -> str:
    return "<list>" if isinstance(value, list) else "<number>"


class ParallelStep(_Step):
    """Runs branches at once and goes on when those it needs are done."""

    verb = "parallel"
    parallel: Annotated[
        Annotated[list[Step], Tag("<list>")] | Annotated[Copies, Tag("<number>")], Discriminator(_copies_or_steps)
    ] = Field(description="The branches, or a number: that many copies of `steps`.")
    need: Need = Field("all", description="How many branches must succeed: `all`, `any` (one) or a number.")
    steps: list[Step] | None = Field(None, description="With a number: the steps of each copy.")

    @model_validator(mode="after")
    def _one_form(self) -> ParallelStep:
        branches = self.parallel if isinstance(self.parallel, int) else len(self.parallel)
        if isinstance(self.parallel, int):
            if self.steps is None:
                raise fail(
                    "E403", f"`parallel: {self.parallel}` needs `steps`", "say what runs that many times at once"
                )
        elif self.steps is not None:
            raise fail(
                "E403", "`steps` beside a list of branches", "put the steps into the list, or write a number", "steps"
            )
        if isinstance(self.need, int) and self.need > branches:
            raise fail("E402", f"`need: {self.need}` can never be met by {branches} branches", "", "need")
        return self


class Branch(Part):
    """One way a `choose` may go."""

    weight: Weight = Field(
        1.0, description="How likely, relative to the other branches' weights. A number or a percent."
    )
    steps: list[Step] = Field([], description="What runs; may be empty.")


class ChooseStep(_Step):
    """Runs one branch, drawn by weight."""

    verb = "choose"
    choose: list[Branch] = Field(min_length=1, description="The branches.")

    @model_validator(mode="after")
    def _some_weight(self) -> ChooseStep:
        if sum(branch.weight for branch in self.choose) <= 0:
            raise fail("E402", "the weights add up to 0: no branch can be drawn", "", "choose")
        return self


class RepeatStep(_Step):
    """Runs its steps several times in a row."""

    verb = "repeat"
    repeat: Count = Field(
        description="How often: a number, or a distribution whose draw is rounded to the nearest whole one."
    )
    steps: list[Step] = Field(description="What runs each time.")


class Cache(Part):
    """A cache in front of a store: a hit costs the cache alone, a miss costs both."""

    store: Name = Field(description="The store that is the cache.")
    hit: Ratio | None = Field(None, description="Share of hits, when keys are not modelled.")
    keys: Count | None = Field(
        None, description="Which key a read asks for, e.g. zipf(n=1000 s=1.1): hits then follow."
    )
    capacity: Limit = Field(-1, description="Entries it holds; the least recently used leaves. With `keys`.")
    ttl: PositiveDuration | None = Field(None, description="How long an entry stays good. With `keys`.")
    single_flight: bool = Field(
        False, description="Misses of the same key wait for the first one's read instead of reading too. With `keys`."
    )

    def tidy(self, out: dict[str, Any]) -> None:
        if self.hit is not None:
            del out["capacity"], out["single_flight"]

    @model_validator(mode="after")
    def _one_form(self) -> Cache:
        if (self.hit is None) == (self.keys is None):
            raise fail(
                "E403",
                "a cache needs either `hit` or `keys`" + (", not both" if self.hit is not None else ""),
                "write {store: cache, hit: 90%} or {store: cache, keys: zipf(n=1000 s=1.1)}",
            )
        extra = sorted(self.model_fields_set & {"capacity", "ttl", "single_flight"})
        if self.hit is not None and extra:
            raise fail(
                "E401", f"`{extra[0]}` has no meaning with a fixed `hit` share", "model the `keys`, or remove it"
            )
        return self


class ReadStep(_Step):
    """Reads from a store."""

    verb = "read"
    read: Name = Field(description="The store.")
    timeout: PositiveDuration | None = Field(
        None, description="Longest time to wait, the wait for a connection included."
    )
    cache: Cache | None = Field(None, description="A cache that is asked first; settings, or a name under `policies`.")


class WriteStep(_Step):
    """Writes to a store."""

    verb = "write"
    write: Name = Field(description="The store.")
    timeout: PositiveDuration | None = Field(
        None, description="Longest time to wait, the wait for a connection included."
    )


class PublishStep(_Step):
    """Hands a message to a channel; goes on once the broker has it."""

    verb = "publish"
    publish: Name = Field(description="The channel.")
    outbox: bool = Field(
        False, description="Writes message and data in one store operation; a relay publishes it soon after."
    )
    key: Count | None = Field(
        None, description="For a topic: the message's key number, which picks the partition. Without it: round robin."
    )
    timeout: PositiveDuration | None = Field(None, description="Longest time to wait for the broker.")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


StepOrSteps = Annotated[list["Step"], BeforeValidator(_as_list)]


class SagaItem(Part):
    """One action of a saga and what takes it back."""

    do: StepOrSteps = Field(description="The action: a step or a list of steps.")
    undo: StepOrSteps = Field([], description="Its compensation, a step or a list; run when a later action fails.")


class SagaStep(_Step):
    """Runs each `do` in turn; on a failure runs the `undo` of those done, in reverse."""

    verb = "saga"
    saga: list[SagaItem] = Field(min_length=1, description="The actions in order.")


class FailStep(_Step):
    """Ends this request with an error, by chance."""

    verb = "fail"
    fail: Ratio = Field(description="How likely.")
    status: Annotated[int, Field(ge=400, le=599)] = Field(
        500, description="The HTTP status. 4xx counts as `rejected`: not retried and no failure to a breaker."
    )
    kind: Literal["error", "crash"] = Field("error", description="`crash` lets the bug kill the whole replica.")


class GroupStep(_Step):
    """Several steps in a row where one is expected, such as a branch of `parallel`."""

    verb = "steps"
    steps: list[Step] = Field(description="What runs, in order.")


class Verbless(Part):
    """Stands for what is no step; its reading fails with a message about the verbs."""


def step_tag(value: Any) -> str:
    """Which verb a raw step has; `<none>` when there is not exactly one."""
    if not isinstance(value, dict):
        return "<step>"
    found = [verb for verb in VERBS if verb in value]
    if len(found) == 1:
        return f"<{found[0]}>"
    return "<steps>" if not found and "steps" in value else "<step>"


def _no_step(value: Any) -> Any:
    if not isinstance(value, dict):
        raise fail("E110", f"a step is a mapping with a verb, found {shown(value)}", "such as `- work: 5ms`")
    found = [verb for verb in VERBS if verb in value]
    if len(found) > 1:
        listed = " and ".join(f"`{verb}`" for verb in found)
        raise fail(
            "E111", f"a step has one verb, this one has {listed}", "write each as a step of its own, with its own `-`"
        )
    raise fail("E112", "this step has no verb", f"the verbs are {', '.join(VERBS)}")


NotAStep = Annotated[Verbless, PlainValidator(_no_step), WithJsonSchema({"not": {}})]

Step = Annotated[
    Annotated[WorkStep, Tag("<work>")]
    | Annotated[WaitStep, Tag("<wait>")]
    | Annotated[CallStep, Tag("<call>")]
    | Annotated[ParallelStep, Tag("<parallel>")]
    | Annotated[ChooseStep, Tag("<choose>")]
    | Annotated[RepeatStep, Tag("<repeat>")]
    | Annotated[ReadStep, Tag("<read>")]
    | Annotated[WriteStep, Tag("<write>")]
    | Annotated[PublishStep, Tag("<publish>")]
    | Annotated[SagaStep, Tag("<saga>")]
    | Annotated[FailStep, Tag("<fail>")]
    | Annotated[GroupStep, Tag("<steps>")]
    | Annotated[NotAStep, Tag("<step>")],
    Discriminator(step_tag),
]


def _copies(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
        raise fail("E205", f"expected a list of steps or a number from 1 to 10000, found {shown(value)}")
    return value


Copies = Annotated[
    int,
    PlainValidator(_copies),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 10_000}),
    Unit("whole number", lambda value: value),
]

AnyStep = (
    WorkStep
    | WaitStep
    | CallStep
    | ParallelStep
    | ChooseStep
    | RepeatStep
    | ReadStep
    | WriteStep
    | PublishStep
    | SagaStep
    | FailStep
    | GroupStep
)
STEP_TYPES: Final = {
    model.verb: model
    for model in (
        WorkStep,
        WaitStep,
        CallStep,
        ParallelStep,
        ChooseStep,
        RepeatStep,
        ReadStep,
        WriteStep,
        PublishStep,
        SagaStep,
        FailStep,
        GroupStep,
    )
}
for _model in (Fallback, Branch, SagaItem, *STEP_TYPES.values()):
    _model.model_rebuild()
