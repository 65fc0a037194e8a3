"""No key of the language is dropped in silence: each changes the plan, or is on the list of those that may not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from msforge.errors import InvalidFileError
from msforge.model.plan import System
from msforge.spec import schema_lab, schema_steps, schema_traffic
from msforge.spec.fields import Part
from msforge.spec.schema_system import SystemModel
from tests.model.fields import CASES, GENERATION_ONLY
from tests.model.plans import plan

NO_PART_OF_A_FILE = {schema_steps.Verbless, schema_traffic._NoItem}


def _concrete(model: type[Part]) -> set[type[Part]]:
    """All models below one that a file can hold."""
    found = set() if model.__name__.startswith("_") or model is Part else {model}
    for child in model.__subclasses__():
        found |= _concrete(child)
    return found - NO_PART_OF_A_FILE


def _keys() -> list[str]:
    assert SystemModel in _concrete(Part)
    return sorted(
        f"{model.__name__}.{key}"
        for model in _concrete(Part)
        if model.__module__.startswith("msforge.spec.schema") and model.__module__ != schema_lab.__name__
        for key in model.model_fields
    )


def _tables(system: System) -> dict[str, Any]:
    """The plan without its digest and its text."""
    return {f.name: getattr(system, f.name) for f in dataclasses.fields(system) if f.compare and f.name != "digest"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("times")
    (made / "one.csv").write_text("0\n1\n", "utf-8")
    (made / "two.csv").write_text("0\n1\n2\n", "utf-8")
    return made


def test_every_key_has_a_case() -> None:
    assert _keys() == sorted({*CASES, *GENERATION_ONLY})


def _fill(template: str, what: str) -> str:
    """The template with its hole filled; an empty hole leaves no comma behind."""
    return template.replace("<>", what).replace(", }", "}")


def _plan(text: str, folder: Path) -> System:
    try:
        return plan(text, folder=folder)
    except InvalidFileError as error:
        return pytest.fail(f"{text}\n{error.diagnostics}")


@pytest.mark.parametrize("key", CASES)
def test_a_key_changes_the_plan(key: str, folder: Path) -> None:
    template, before, after = CASES[key]
    one, two = _plan(_fill(template, before), folder), _plan(_fill(template, after), folder)
    assert _tables(one) != _tables(two)
    assert one.digest != two.digest or key == "SystemModel.name"
