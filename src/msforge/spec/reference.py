"""The reference of the language as Markdown pages, generated from the model's own field texts."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from msforge.spec import reference_texts as texts
from msforge.spec.codes import CODES, OF_LABS, OF_THE_PLAN
from msforge.spec.dump import scalar
from msforge.spec.lower import POLICY_TYPES
from msforge.spec.resolve import written_value
from msforge.spec.schema_faults import FAULT_TYPES
from msforge.spec.schema_lab import LabCommand, LabFigure, LabGoal, LabModel, LabQuestion, LabRun
from msforge.spec.schema_objectives import METRICS
from msforge.spec.schema_policies import Budget, CircuitBreaker, Hedge, Retry, SlowCall, Throttle
from msforge.spec.schema_services import (
    Autoscale,
    Consumer,
    Cpu,
    Endpoint,
    Function,
    Instance,
    Queue,
    RateLimit,
    Scaling,
    Service,
)
from msforge.spec.schema_steps import STEP_TYPES, Branch, Cache, Fallback, SagaItem
from msforge.spec.schema_stores import BetweenZones, Channel, Network, Store
from msforge.spec.schema_system import Simulation, SystemModel
from msforge.spec.schema_traffic import (
    JourneyBranch,
    JourneyChoose,
    JourneyRepeat,
    Source,
    Stage,
    Think,
    Visit,
    WeightedTarget,
)
from msforge.spec.shape import Choice, Items, Key, Leaf, Model, Names, Shape, keys_of
from msforge.spec.validate import DEFAULTS

Parts = tuple[tuple[str, type[BaseModel]], ...]

# page -> title, introduction, and its tables: heading and model
_PAGES: dict[str, tuple[str, str, Parts]] = {
    "services.md": ("Services", texts.SERVICES, (
        ("services.NAME", Service), ("endpoints.NAME", Endpoint), ("consumers.NAME", Consumer), ("queue", Queue),
        ("cpu", Cpu), ("cpu.scaling", Scaling), ("rate_limit", RateLimit), ("autoscale", Autoscale),
        ("instance", Instance), ("function", Function))),
    "policies.md": ("Policies", texts.POLICIES, (
        ("retry", Retry), ("retry.budget", Budget), ("circuit_breaker", CircuitBreaker),
        ("circuit_breaker.slow_call", SlowCall), ("hedge", Hedge), ("throttle", Throttle), ("fallback", Fallback),
        ("cache", Cache))),
    "stores-and-channels.md": ("Stores, channels and the network", texts.STORES, (
        ("stores.NAME", Store), ("channels.NAME", Channel), ("network", Network),
        ("network.between_zones", BetweenZones))),
    "traffic.md": ("Traffic", texts.TRAFFIC, (
        ("traffic.NAME", Source), ("target: [...]", WeightedTarget), ("stages", Stage),
        ("journey: a request", Visit), ("journey: a pause", Think), ("journey: a choice", JourneyChoose),
        ("choose: [...]", JourneyBranch), ("journey: a repetition", JourneyRepeat))),
    "simulation.md": ("Objectives and the run", texts.SIMULATION.replace("METRICS", ", ".join(METRICS)), (
        ("simulation", Simulation),)),
}  # fmt: skip


def reference_pages() -> dict[str, str]:
    """Every page of the reference: its file name and its Markdown text."""
    pages = {"index.md": "".join(_index())}
    for name, (title, introduction, parts) in _PAGES.items():
        pages[name] = f"# {title}\n\n{introduction}\n" + "".join(_part(*part) for part in parts)
    pages["steps.md"] = "".join(_steps())
    pages["faults.md"] = "".join(_faults())
    pages["values.md"] = texts.VALUES
    pages["overlays.md"] = texts.OVERLAYS + "".join(_defaults())
    pages["diagnostics.md"] = "".join(_diagnostics())
    return pages


def _index() -> Iterator[str]:
    yield f"# The system description\n\n{texts.INDEX}\n\n## The file\n\n"
    yield _table(SystemModel)
    yield texts.INDEX_REST


def _part(heading: str, model: type[BaseModel]) -> str:
    return f"\n## {heading}\n\n{_doc(model)}\n\n{_table(model)}"


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _steps() -> Iterator[str]:
    yield f"# Steps\n\n{texts.STEPS}\n"
    for verb, model in STEP_TYPES.items():
        yield f"\n## {verb}\n\n{_doc(model)}\n\n{_table(model)}"
    yield "\n## The parts of choose and saga\n\n"
    yield f"`choose` lists branches:\n\n{_table(Branch)}\n`saga` lists actions:\n\n{_table(SagaItem)}"


def _faults() -> Iterator[str]:
    yield f"# Faults\n\n{texts.FAULTS}\n"
    for kind, model in FAULT_TYPES.items():
        yield f"\n## {kind}\n\n{_doc(model)}\n\n{_table(model)}"


def lab_page() -> str:
    """The format of `lab.yaml` as Markdown."""
    parts = (("lab.yaml", LabModel), ("runs.NAME", LabRun), ("figures.NAME", LabFigure), ("goals", LabGoal),
             ("predict.NAME and questions.NAME", LabQuestion), ("commands", LabCommand))
    return f"# lab.yaml\n\n{texts.LAB}\n" + "".join(f"\n## {title}\n\n{_table(model)}" for title, model in parts)


def _defaults() -> Iterator[str]:
    yield "\n## What `defaults` may hold\n\n| key | shared by | keys |\n|---|---|---|\n"
    for section, (model, _, own) in DEFAULTS.items():
        keys = ", ".join(f"`{key}`" for key in keys_of(model) if key not in own)
        yield f"| `{section}` | all {section} | {keys} |\n"


def _diagnostics() -> Iterator[str]:
    yield f"# Errors\n\n{texts.DIAGNOSTICS}\n\n| code | meaning |\n|---|---|\n"
    for code, meaning in (CODES | OF_THE_PLAN | OF_LABS).items():
        yield f"| {code} | {_cell(meaning)} |\n"


# -- tables ------------------------------------------------------------------------------


def _table(model: type[BaseModel]) -> str:
    rows = [_row(name, key) for name, key in keys_of(model).items()]
    return "| key | value | default | |\n|---|---|---|---|\n" + "".join(rows)


def _row(name: str, key: Key) -> str:
    return f"| `{name}` | {_cell(_kind(key.shape))} | {_default(key)} | {_cell(key.info.description or '')} |\n"


def _default(key: Key) -> str:
    if key.info.is_required():
        return "needed"
    default = key.info.get_default()
    if default is None:
        return ""
    written = written_value(key.shape, default)
    if isinstance(written, dict):
        return ""
    text = f"[{', '.join(scalar(item) for item in written)}]" if isinstance(written, list) else scalar(written)
    return f"`{text}`"


def _kind(shape: Shape) -> str:
    if isinstance(shape, Model):
        return next((kind for kind, model in POLICY_TYPES.items() if model is shape.model), "mapping").replace("_", " ")
    if isinstance(shape, Names):
        return "anything, by path" if isinstance(shape.item, Leaf) and shape.item.kind == "any" else "mapping by name"
    if isinstance(shape, Items):
        return f"list of {_plural(shape.item)}"
    if isinstance(shape, Choice):
        return " or ".join(dict.fromkeys(_kind(option) for option in shape.options.values()))
    if shape.unit is not None:
        return shape.unit.shown
    if shape.choices:
        return ", ".join(f"`{choice}`" for choice in shape.choices)
    return {"bool": "`true` or `false`", "int": "whole number"}.get(shape.kind, "text")


def _plural(shape: Shape) -> str:
    if isinstance(shape, Choice):
        return "steps" if "<work>" in shape.options else "faults" if "<crash>" in shape.options else "items"
    if isinstance(shape, Model):
        return "mappings"
    if isinstance(shape, Leaf) and shape.choices:
        return "outcomes: " + ", ".join(f"`{choice}`" for choice in shape.choices)
    return f"{_kind(shape)}s"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
