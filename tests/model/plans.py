"""YAML text in, System out: the front door as the tests of the plan use it."""

from __future__ import annotations

from pathlib import Path

from msforge.errors import Diagnostic, InvalidFileError
from msforge.model import compile_system
from msforge.model.plan import Fault, Service, Source, Step, System
from msforge.spec import load_text

TRAFFIC = "traffic: {users: {target: a.x, rate: 10/s, for: 60s}}\n"


def plan(text: str, *, scenario: str | None = None, sets: tuple[str, ...] = (), folder: Path | None = None) -> System:
    """The plan of a description; `msforge: 1` and, where there is none, some traffic are added."""
    whole = f"msforge: 1\n{text}\n" + ("" if "traffic:" in text else TRAFFIC)
    return compile_system(load_text(whole, file="t.yaml", scenario=scenario, sets=sets, folder=folder))


def problems(text: str) -> list[Diagnostic]:
    """What is wrong with a description; fails the test when nothing is."""
    try:
        plan(text)
    except InvalidFileError as error:
        return error.diagnostics
    raise AssertionError("the description is valid")


def words(system: System) -> dict[str, list[str]]:
    """The words of the steps of each body and source, in written order."""
    found: dict[str, list[str]] = {}
    for body in system.bodies:
        found[system.body_name(body.index)] = [s.word for s in system.steps if s.body == body.index]
    for source in system.sources:
        found[source.name] = [s.word for s in system.steps if s.path.startswith(f"traffic.{source.name}.")]
    return found


def step(system: System, path: str) -> Step:
    """The step written at a path."""
    return next(s for s in system.steps if s.path == path)


def service(system: System, name: str) -> Service:
    """A service by name."""
    return next(s for s in system.services if s.name == name)


def source(system: System, name: str = "users") -> Source:
    """A source by name."""
    return next(s for s in system.sources if s.name == name)


def only_fault(system: System) -> Fault:
    """The one fault of a system."""
    (fault,) = system.faults
    return fault
