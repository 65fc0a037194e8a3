"""The whole file: `SystemModel`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from msforge.spec.fields import Duration, Name, Part, PositiveCopies, PositiveDuration, Seed, Unit, fail, shown
from msforge.spec.schema_faults import Fault
from msforge.spec.schema_objectives import ObjectiveField
from msforge.spec.schema_services import Service
from msforge.spec.schema_stores import Channel, Network, Store
from msforge.spec.schema_traffic import Source

VERSION = 1


def _version(value: Any) -> int:
    if value == VERSION and not isinstance(value, bool):
        return VERSION
    if isinstance(value, int) and not isinstance(value, bool) and value > VERSION:
        raise fail(
            "E102",
            f"this file is written in version {value} of the language; this msforge reads version {VERSION}",
            "install a newer msforge",
        )
    raise fail("E102", f"{shown(value)} is not a version of the language", f"the first line is `msforge: {VERSION}`")


Version = Annotated[
    int, PlainValidator(_version), WithJsonSchema({"const": VERSION}), Unit(f"`{VERSION}`", lambda v: v)
]


class Simulation(Part):
    """How long a run is and how often it is repeated."""

    duration: PositiveDuration | None = Field(
        None, description="How long traffic runs, warm-up included. By default until the last source has ended."
    )
    warmup: Duration = Field(0, description="The first part of `duration`, left out of all figures.")
    drain: Duration = Field(30_000_000_000, description="How long the rest may take to finish after `duration`.")
    seed: Seed = Field(1, description="Decides every random draw.")
    replications: PositiveCopies = Field(1, description="Independent repetitions, for intervals.")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Objectives = Annotated[
    list[ObjectiveField], BeforeValidator(_as_list, json_schema_input_type=ObjectiveField | list[ObjectiveField])
]


class SystemModel(Part):
    """A system: its services, what they share, who uses them, and what goes wrong."""

    msforge: Version = Field(description="The version of this language: 1.")
    name: Name = Field("system", description="What the system is called.")
    services: dict[Name, Service] = Field(description="The deployables.", min_length=1)
    stores: dict[Name, Store] = Field({}, description="Databases and caches.")
    channels: dict[Name, Channel] = Field({}, description="Message queues and topics.")
    network: Network = Field(Network(), description="The network between services.")
    traffic: dict[Name, Source] = Field({}, description="Where requests come from.")
    faults: list[Fault] = Field([], description="What goes wrong, and when.")
    objectives: dict[str, Objectives] = Field(
        {}, description="What a run is judged by, per endpoint or source: `[p99 < 800ms, success > 99%]`."
    )
    simulation: Simulation = Field(Simulation(), description="How long a run is and how often it is repeated.")

    @property
    def length(self) -> int | None:
        """How long traffic runs, ns: `simulation.duration`, or until the last source has ended; None without an end."""
        if self.simulation.duration is not None:
            return self.simulation.duration
        lengths = [source.length for source in self.traffic.values()]
        known = [length for length in lengths if length is not None]
        return max(known) if known and len(known) == len(lengths) else None

    @model_validator(mode="after")
    def _filled_in(self) -> SystemModel:
        for service in self.services.values():
            for name, endpoint in service.endpoints.items():
                if endpoint.http is None and endpoint.grpc is None:
                    endpoint.__dict__["http"] = f"POST /{name}"
        return self
