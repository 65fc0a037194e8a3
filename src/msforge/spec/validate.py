"""One document checked: shared parts put in place, shapes and units by the model, references, and the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from msforge import names
from msforge.errors import Diagnostic
from msforge.names import did_you_mean
from msforge.spec.diagnose import diagnose
from msforge.spec.fields import shown
from msforge.spec.lower import Lowering, policy_type
from msforge.spec.overlays import SYSTEM
from msforge.spec.places import Path as Parts
from msforge.spec.places import join, place_of
from msforge.spec.references import References
from msforge.spec.schema_services import Consumer, Service
from msforge.spec.schema_steps import CallStep
from msforge.spec.schema_stores import Channel, Store
from msforge.spec.schema_system import SystemModel
from msforge.spec.shape import Model, keys_of
from msforge.spec.source import Map, Mark, problem
from msforge.units import format_duration

# What may be shared: the model, what stands in for its required keys, and keys that are each one's own.
DEFAULTS: Final[dict[str, tuple[type[BaseModel], dict[str, Any], tuple[str, ...]]]] = {
    "services": (Service, {}, ("endpoints", "consumers")),
    "calls": (CallStep, {"call": "a.b"}, ("call", "id")),
    "stores": (Store, {}, ("owner",)),
    "channels": (Channel, {}, ()),
    "consumers": (Consumer, {"from": "a"}, ("from", "steps")),
}
SECTIONS: Final = ("policies", "defaults", "scenarios")


@dataclass
class Checked:
    """A document after checking. `model` is None when it has errors."""

    document: Map
    lowered: Map
    model: SystemModel | None
    problems: list[Diagnostic]


def check(document: Map, root: Mark | None, folder: Path | None) -> Checked:
    """Everything that is wrong with a document, and its model when nothing is."""
    problems: list[Diagnostic] = []
    lowering = Lowering(document, root)
    _sections(document, root, folder, lowering, problems)
    lowered = lowering.run()
    problems += lowering.problems
    model: SystemModel | None = None
    try:
        model = SystemModel.model_validate(lowered, context={"folder": folder})
    except ValidationError as error:
        problems += diagnose(error, lowered, root, SYSTEM)
    problems += References(lowered, root).run()
    if model is not None:
        problems += _whole(model, lowered, root)
    return Checked(document, lowered, None if problems else model, problems)


def _whole(model: SystemModel, document: Map, root: Mark | None) -> list[Diagnostic]:
    """What only the whole shows: whether the run has a beginning and an end."""
    problems = []

    def report(path: Parts, code: str, message: str, hint: str, key: bool = False) -> None:
        problems.append(problem(place_of(document, path, root, key), code, message, hint, join(path)))

    if not model.traffic:
        report(
            ("traffic",),
            "E406",
            "nothing sends requests to this system",
            "add a source under `traffic`, e.g. users: {target: service.endpoint, rate: 10/s, for: 60s}",
        )
    elif model.length is None:
        for name, source in model.traffic.items():
            if source.length is None:
                report(
                    ("traffic", name),
                    "E408",
                    f"the source `{name}` ends at no set time and the run has no `duration`",
                    "set simulation.duration, or `for` at the source",
                    key=True,
                )
    elif model.simulation.warmup >= model.length:
        report(
            ("simulation", "warmup"),
            "E402",
            f"the warm-up of {format_duration(model.simulation.warmup)} is no shorter than the whole run of "
            f"{format_duration(model.length)}: nothing would be measured",
            "let the run take longer, or leave the warm-up out: `--set simulation.warmup=0s`",
        )
    return problems


# -- sections that are not part of the model ---------------------------------------------------


def _sections(
    document: Map, root: Mark | None, folder: Path | None, lowering: Lowering, problems: list[Diagnostic]
) -> None:
    def report(path: Parts, code: str, message: str, hint: str = "", key: bool = False) -> None:
        problems.append(problem(place_of(document, path, root, key), code, message, hint, join(path)))

    for section in SECTIONS:
        content = document.get(section)
        if section in document and not isinstance(content, Map):
            report(
                (section,),
                "E104",
                f"expected a mapping, found {shown(content)}",
                "write what belongs below this key, or remove the key" if content is None else "",
            )
            continue
        for name in content if isinstance(content, Map) else ():
            assert isinstance(content, Map)
            wrong = names.problem(name) if section != "defaults" else ""
            if wrong:
                report((section, name), "E301", wrong, names.RULE, key=True)
            elif not isinstance(content[name], Map):
                report((section, name), "E104", f"expected a mapping, found {shown(content[name])}")
    policies = document.get("policies")
    for name, settings in policies.items() if isinstance(policies, Map) else ():
        if isinstance(settings, Map):
            settings = lowering.lone(settings, ("policies", name))
            _part(policy_type(settings), settings, None, folder, problems, document, ("policies", name), root)
    defaults = document.get("defaults")
    for section, settings in defaults.items() if isinstance(defaults, Map) else ():
        if section not in DEFAULTS:
            report(("defaults", section), "E101", f"unknown key `{section}`", did_you_mean(section, DEFAULTS), key=True)
        elif isinstance(settings, Map):
            shared_model, required, own = DEFAULTS[section]
            for key in own:
                if key in settings:
                    report(
                        ("defaults", section, key),
                        "E108",
                        f"`{key}` cannot be shared by all {section}",
                        f"write it at each; to share are {', '.join(k for k in keys_of(shared_model) if k not in own)}",
                        key=True,
                    )
            shared = Map(
                {key: value for key, value in settings.items() if key not in own and value is not None}, settings.marks
            )
            shared = lowering.lone(shared, ("defaults", section))
            _part(shared_model, shared, required, folder, problems, document, ("defaults", section), root)


def _part(
    model: type[BaseModel],
    settings: Map,
    required: dict[str, Any] | None,
    folder: Path | None,
    problems: list[Diagnostic],
    document: Map,
    path: Parts,
    root: Mark | None,
) -> None:
    """Checks settings that stand apart from where they are used; `required` (for defaults) completes them."""
    try:
        model.model_validate({**settings, **(required or {})}, context={"folder": folder})
    except ValidationError as error:
        place = place_of(document, path, root, key=True)
        for found in diagnose(error, settings, None, Model(model)):
            if required is not None and found.code.startswith("E4"):
                continue  # a contradiction of defaults shows where they are used, if they are
            full = join(path) + ("." + found.path if found.path else "")
            if found.line == 0 and place is not None:
                found = problem(place, found.code, found.message, found.help, full)
            problems.append(replace(found, path=full))
