"""The plan after timed changes: the same names, and so the same indices, with other values.

Several changes may be in force at once. They are then laid over the description one after
another in the order in which they began, so the later of two that touch the same value wins;
when one ends, the rest are laid over the unchanged description again.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from msforge.errors import Diagnostic, InvalidFileError, Severity
from msforge.model.plan import System
from msforge.model.problems import Problems
from msforge.spec import Spec, from_data

Changes = tuple[tuple[str, Any], ...]

FIXED: Final = ("msforge", "name", "faults", "objectives", "simulation", "scenarios", "policies", "defaults")
"""Parts of a description that a run has already used, or that mean nothing by themselves."""
NAMED: Final = ("services", "endpoints and consumers", "stores", "channels", "sources")
KEPT: Final = 64
# Keyed by the whole plan: one digest may stand for several orders of the same services.
_specs: OrderedDict[System, Spec] = OrderedDict()
_variants: OrderedDict[tuple[System, str], System] = OrderedDict()


def variant_of(system: System, changes: Changes) -> System:
    """The plan after `changes`, pairs of a dotted path and a plain value, in order.

    Raises InvalidFileError when a change does not fit the language, touches what a run cannot
    change, or adds or removes something that has a name.
    """
    if not changes:
        return system
    key = (system, json.dumps(changes, default=str))
    found = _variants.get(key)
    if found is None:
        found = _variants[key] = _variant(system, changes, key[1])
        if len(_variants) > KEPT:
            _variants.popitem(last=False)
    else:
        _variants.move_to_end(key)
    return found


def remember(spec: Spec, system: System) -> None:
    """Keeps the description behind a plan, so that this process need not read its document again."""
    _specs[system] = spec
    _specs.move_to_end(system)
    if len(_specs) > 8:
        _specs.popitem(last=False)


def check_changes(spec: Spec, system: System, problems: Problems) -> None:
    """Makes the variant of every change and deploy, so that what is wrong with one is told before the run."""
    remember(spec, system)
    for fault in system.faults:
        if not fault.changes:
            continue
        try:
            variant_of(system, fault.changes)
        except InvalidFileError as error:
            key = "change" if fault.kind == "change" else "changes"
            for found in error.diagnostics:
                problems.error("E706", f"{fault.path}.{key}", f"after this change: {found.message}", found.help)


def _variant(system: System, changes: Changes, told: str) -> System:
    from msforge.model.compile import build

    for path, _ in changes:
        if path.partition(".")[0].partition("[")[0] in FIXED:
            raise _invalid(system, path, f"`{path}` cannot change while a run is under way",
                           "services, stores, channels, network and traffic can")
    spec = _spec_of(system).overlay(changes)
    digest = hashlib.sha256(f"{system.digest}{told}".encode()).hexdigest()
    made = replace(build(spec, like=system, digest=digest), scenario=system.scenario)
    _check_names(system, made, changes)
    return made


def _spec_of(system: System) -> Spec:
    spec = _specs.get(system)
    if spec is None:
        spec = from_data(system.document, file=system.file, folder=Path(system.folder) if system.folder else None)
        remember(spec, system)
    return spec


def _check_names(system: System, made: System, changes: Changes) -> None:
    for what, before, after in zip(NAMED, _names(system), _names(made), strict=True):
        if before != after:
            differing = sorted(set(before) ^ set(after))
            raise _invalid(system, changes[0][0], f"a change cannot add or remove {what}: {', '.join(differing)}",
                           "declare it from the start, and change its numbers")


def _names(system: System) -> Sequence[tuple[str, ...]]:
    return (
        tuple(service.name for service in system.services),
        tuple(system.body_name(body.index) for body in system.bodies),
        tuple(store.name for store in system.stores),
        tuple(channel.name for channel in system.channels),
        tuple(source.name for source in system.sources),
    )


def _invalid(system: System, path: str, message: str, help: str) -> InvalidFileError:
    return InvalidFileError([Diagnostic(Severity.ERROR, "E706", message, file=system.file, help=help, path=path)])
