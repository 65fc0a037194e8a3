"""The file `lab.yaml`: what a lab asks, judges and tells."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from msforge import units
from msforge.spec.fields import Name, Part, Unit, fail, shown
from msforge.spec.schema_system import Objectives

FORMAT = 1


def _format(value: Any) -> int:
    if value == FORMAT and not isinstance(value, bool):
        return FORMAT
    if isinstance(value, int) and not isinstance(value, bool) and value > FORMAT:
        said = f"this lab has format {value}; this msforge reads format {FORMAT}"
        raise fail("E102", said, "install a newer msforge")
    raise fail("E102", f"{shown(value)} is not a format of labs", f"the first line is `lab: {FORMAT}`")


def _words(value: Any) -> str:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool) and str(value).strip():
        return " ".join(str(value).split())
    raise fail("E199", f"expected a text, found {shown(value)}", "put it in quotes when it holds `: ` or ` #`")


def _minutes(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 600:
        return value
    raise fail("E203", f"expected minutes as a whole number from 1 to 600, found {shown(value)}")


def _seeds(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 20:
        return value
    raise fail("E203", f"expected a whole number from 1 to 20, found {shown(value)}")


def _file(value: Any) -> str:
    path = PurePosixPath(value) if isinstance(value, str) and value else None
    if path is None or path.is_absolute() or ".." in path.parts or "\\" in value or ":" in value:
        raise fail("E199", f"expected a file beside lab.yaml, found {shown(value)}", "write e.g. monolith.yaml")
    return str(value)


def _window(value: Any) -> tuple[int, int]:
    begin, dots, end = value.partition("..") if isinstance(value, str) else ("", "", "")
    try:
        span = units.parse_duration(begin.strip()), units.parse_duration(end.strip())
    except units.UnitError as error:
        raise fail("E201", f"{shown(value)} is not a window", error.help or "write e.g. 30s..60s") from None
    if not dots or span[0] >= span[1]:
        raise fail("E201", f"{shown(value)} is not a window", "write e.g. 30s..60s")
    return span


def _value(value: Any) -> Any:
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_TEXT = {"type": "string"}
Words = Annotated[str, PlainValidator(_words), WithJsonSchema(_TEXT), Unit("text", str)]
File = Annotated[str, PlainValidator(_file), WithJsonSchema(_TEXT), Unit("file", str)]
Minutes = Annotated[int, PlainValidator(_minutes), WithJsonSchema({"type": "integer"}), Unit("minutes", int)]
Seeds = Annotated[int, PlainValidator(_seeds), WithJsonSchema({"type": "integer"}), Unit("number", int)]
Window = Annotated[tuple[int, int], PlainValidator(_window), WithJsonSchema(_TEXT), Unit("window", str)]
Anything = Annotated[Any, PlainValidator(_value), WithJsonSchema({}), Unit("value", _value)]
WordsList = Annotated[list[Words], BeforeValidator(_listed, json_schema_input_type=Words | list[Words])]


class LabRun(Part):
    """One run of a check. Without keys: the learner's `system.yaml` as it stands."""

    system: File | None = Field(None, description="Another system of the lab, e.g. monolith.yaml, to compare with.")
    scenario: Name | None = Field(None, description="A scenario of that file to lay over it.")
    set: dict[str, Anything] = Field({}, description="Values to change, by path, as `--set` does.")
    window: Window | None = Field(None, description="Report on this part of the run alone, e.g. `30s..60s`.")
    result: File | None = Field(
        None, description="In place of a run: a Result that the learner measures, with `msforge verify --measured`."
    )

    @model_validator(mode="after")
    def _alone(self) -> LabRun:
        if self.result and (self.system or self.scenario or self.set or self.window):
            raise fail("E402", "a `result` is read, not run", "leave the other keys out")
        return self


class LabFigure(Part):
    """A number of the run, under a name that goals, questions and prose use."""

    of: Words = Field(description="A place in the Result, e.g. `services[payment].utilisation`, or arithmetic of such.")
    says: Words | None = Field(None, description="What it is called on the screen. By default its name.")
    unit: Literal["ns", "ratio", "per_second", "cost", "count"] | None = Field(
        None, description="How it is written, where arithmetic leaves that open."
    )


def _figure(value: Any) -> Any:
    return {"of": value} if isinstance(value, str) else value


class LabQuestion(Part):
    """A question whose answer is a number of the run, or one of several choices."""

    ask: Words = Field(description="The question.")
    figure: Words | None = Field(None, description="The number that is right: a figure's name, or an expression.")
    within: Words | None = Field(None, description="How far off still counts, e.g. `20%` of it, or `5ms`.")
    choices: dict[Name, Words] | None = Field(None, description="The answers to choose from.")
    right: Name | None = Field(None, description="The choice that is right.")
    proof: WordsList = Field([], description="What has to hold in the run for that choice to be right.")
    because: Words | None = Field(None, description="Said once it is answered; may hold `{{figures}}`.")
    when: Literal["start", "solved"] = Field(
        "start", description="For predictions: about the system as it is given, or about the one that solves the lab."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> LabQuestion:
        if (self.figure is None) == (self.choices is None):
            raise fail("E403", "a question is answered by a number or by a choice", "write `figure`, or `choices`")
        if self.choices is not None and self.right not in self.choices:
            raise fail("E401", "`right` is none of the choices", f"the choices are {', '.join(self.choices)}")
        if self.figure is not None and self.within is None:
            raise fail("E402", "a number needs `within`: how far off still counts", "write e.g. within: 20%")
        return self


class LabGoal(Part):
    """What has to hold in each run, for every seed."""

    run: Name | None = Field(None, description="The run it is about. By default the first.")
    says: Words | None = Field(None, description="What it means, in a sentence.")
    objectives: dict[str, Objectives] = Field({}, description="Per endpoint or source, as in a description.")
    figures: WordsList = Field([], description="Comparisons of figures, e.g. `bill < 450` or `busy < 80%`.")
    why: Words | None = Field(None, description="Said when it does not hold; may hold `{{figures}}`.")

    @model_validator(mode="after")
    def _something(self) -> LabGoal:
        if not self.objectives and not self.figures:
            raise fail("E402", "a goal without objectives and figures holds always", "write one of them")
        return self


class LabCommand(Part):
    """Something to be run in the learner's folder: for labs about generated services."""

    says: Words = Field(description="What it shows.")
    run: Words = Field(description="The command. It begins with `msforge` or `python`.")
    exit: int = Field(0, description="The exit code it has to end with.")


class LabModel(Part):
    """A lab: what it teaches, what it asks, what has to hold and what may be changed."""

    lab: Annotated[
        int, PlainValidator(_format), WithJsonSchema({"const": FORMAT}), Unit(f"`{FORMAT}`", lambda v: v)
    ] = Field(description="The format of this file: 1.")
    title: Words = Field(description="The lab's name.")
    minutes: Minutes = Field(description="How long it takes a learner.")
    teaches: Words = Field(description="What is understood afterwards, in a sentence.")
    seeds: Seeds = Field(3, description="How many seeds a check runs; the goals have to hold for each.")
    runs: dict[Name, LabRun] = Field({"run": LabRun()}, description="What a check runs.", min_length=1)
    figures: dict[Name, Annotated[LabFigure, BeforeValidator(_figure, json_schema_input_type=str | LabFigure)]] = Field(
        {}, description="Numbers of the runs, by name."
    )
    predict: dict[Name, LabQuestion] = Field({}, description="Asked before the first run; kept, and compared later.")
    questions: dict[Name, LabQuestion] = Field({}, description="Asked after the run; they have to be right.")
    goals: list[LabGoal] = Field([], description="What has to hold.")
    limits: WordsList = Field([], description="What may be spent, e.g. `services.payment.replicas <= 3`.")
    allow_change: WordsList | None = Field(None, description="What may be changed, by path; all else has to stay.")
    forbid_change: WordsList = Field(
        ["traffic", "faults", "objectives", "simulation"],
        description="What has to stay, when `allow_change` is left out.",
    )
    commands: list[LabCommand] = Field([], description="What has to run well, in the learner's folder.")
    solve: WordsList = Field([], description="Commands that solve the lab beside its solution.yaml, for `self-test`.")
    files: list[File] = Field([], description="More files that the learner gets.")
    hints: list[Words] = Field(description="Three, from a nudge to nearly all.", min_length=3, max_length=3)

    @model_validator(mode="after")
    def _judged(self) -> LabModel:
        if not self.goals and not self.questions and not self.commands:
            raise fail("E402", "nothing is judged", "write `goals`, `questions` or `commands`")
        return self
