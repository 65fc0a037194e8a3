"""Requests, answers and messages as pydantic models, and the routes that take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msforge.scaffold.context import Data
from msforge.scaffold.python.literals import Code, call, text, written
from msforge.scaffold.python.names import FIELDS_TAKEN, numbered, snake

TYPES: Final = {
    "string": ("str", '""'),
    "integer": ("int", "0"),
    "number": ("float", "0.0"),
    "boolean": ("bool", "False"),
    "object": ("dict[str, Any]", "Field(default_factory=dict)"),
    "array": ("list[Any]", "Field(default_factory=list)"),
}
"""A field's type and default: all have one, so that an emulated caller may leave them out."""
SCALARS: Final = frozenset(["string", "integer", "number", "boolean"])
BODILESS: Final = frozenset(["GET", "HEAD", "DELETE", "OPTIONS"])
"""Methods whose fields travel in the query, as `resilience/transport.py` sends them."""
ANY_VALUE: Final = '"1"'
"""What stands for a path parameter that an emulated caller does not choose."""


def fields(declared: dict[str, str], parameters: Sequence[str] = ()) -> list[Data]:
    """The fields of a model: path parameters first, then what the description declares."""
    scalars = {name: kind for name, kind in declared.items() if kind in SCALARS}
    kinds = {**declared, **{name: scalars.get(name, "string") for name in parameters}}
    kinds = {name: kinds[name] for name in [*parameters, *declared]}
    names = numbered(kinds, snake_field, FIELDS_TAKEN)
    return [_field(name, names[name], kind, name in parameters) for name, kind in kinds.items()]


def sendable(method: str, declared: dict[str, str]) -> dict[str, str]:
    """The fields of a request that go over the wire: a query has no place for objects and arrays."""
    return {name: kind for name, kind in declared.items() if method not in BODILESS or kind in SCALARS}


def snake_field(name: str) -> str:
    """A field keeps its name when that is an identifier; one that begins with `_` would be private to its model."""
    return name if name.isidentifier() and not name.startswith("_") else snake(name)


def _field(name: str, attribute: str, kind: str, in_path: bool) -> Data:
    annotation, default = TYPES[kind]
    if in_path and kind == "string":
        default = ANY_VALUE
    if attribute != name:
        inner = default.removeprefix("Field(").removesuffix(")") if default.startswith("Field(") else default
        first = inner if inner.startswith("default_factory") else f"default={inner}"
        code: Code = call("Field", first, f"alias={text(name)}")
    else:
        code = call("Field", default[6:-1]) if default.startswith("Field(") else default
    return {
        "name": name, "attribute": attribute, "kind": kind, "type": annotation, "in_path": in_path,
        "line": written(code, indent=4, before=f"{attribute}: {annotation} = "),
    }  # fmt: skip


def request_parts(method: str, request: list[Data]) -> Data:
    """Which fields of a request come in the path, which in the query, and whether there is a body."""
    path = [field for field in request if field["in_path"]]
    rest = [field for field in request if not field["in_path"]]
    if method in BODILESS:
        return {"path": path, "query": [field for field in rest if field["kind"] in SCALARS], "body": False}
    return {"path": path, "query": [], "body": True}
