"""The model as a tree of shapes: what stands where, read off the pydantic models' annotations.

Diagnostics (which keys are known here?), overlays (is this part of the path a key of the
language or a name of the user's?), `resolved` and the reference all walk this tree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator, Tag
from pydantic.fields import FieldInfo

from msforge.spec.fields import Unit


@dataclass(frozen=True)
class Leaf:
    """A scalar (or, with `unit` None and no choices, anything)."""

    unit: Unit | None = None
    choices: tuple[Any, ...] = ()
    kind: str = "any"  # any | bool | str | int | literal | unit


@dataclass(frozen=True)
class Items:
    """A list."""

    item: Shape


@dataclass(frozen=True)
class Names:
    """A mapping whose keys the user names."""

    item: Shape


@dataclass(frozen=True)
class Model:
    """A mapping whose keys the language names."""

    model: type[BaseModel]


@dataclass(frozen=True)
class Choice:
    """One of several shapes; `tag` tells which from the raw value."""

    options: dict[str, Shape] = field(hash=False)
    tag: Callable[[Any], str] = field(hash=False)


Shape = Leaf | Items | Names | Model | Choice


@dataclass(frozen=True)
class Key:
    """A key of a model: its attribute, its shape, whether null is allowed, and pydantic's record of it."""

    attribute: str
    shape: Shape
    optional: bool
    info: FieldInfo


@cache
def keys_of(model: type[BaseModel]) -> dict[str, Key]:
    """The keys of a model as YAML writes them."""
    return {
        info.alias or name: Key(name, shape_of(info.annotation, tuple(info.metadata)), _optional(info.annotation), info)
        for name, info in model.model_fields.items()
    }


def shape_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    """The shape of an annotation."""
    while get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        annotation, metadata = inner, (*metadata, *more)
    unit = next((m for m in metadata if isinstance(m, Unit)), None)
    if unit is not None:
        return Leaf(unit, kind="unit")
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _union(tuple(arg for arg in args if arg is not NoneType), metadata)
    if origin is list:
        return Items(shape_of(args[0]))
    if origin is dict:
        return Names(shape_of(args[1]))
    if origin is Literal:
        return Leaf(choices=args, kind="literal")
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Model(annotation)
    return Leaf(kind={bool: "bool", str: "str", int: "int"}.get(annotation, "any"))


def _union(members: tuple[Any, ...], metadata: tuple[Any, ...]) -> Shape:
    if len(members) == 1:
        return shape_of(members[0], metadata)
    for member in members:  # X | None around a tagged union
        if get_origin(member) is Annotated and any(isinstance(m, Discriminator) for m in get_args(member)[1:]):
            return shape_of(member)
    tag = next(m for m in metadata if isinstance(m, Discriminator)).discriminator
    assert callable(tag)
    return Choice({_tag(member): shape_of(member) for member in members}, lambda value: str(tag(value)))


def _tag(member: Any) -> str:
    return next(m.tag for m in get_args(member)[1:] if isinstance(m, Tag))


def _optional(annotation: Any) -> bool:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_origin(annotation) in (Union, UnionType) and NoneType in get_args(annotation)


def settle(shape: Shape, value: Any) -> Shape:
    """The shape a raw value takes: a `Choice` is decided."""
    while isinstance(shape, Choice):
        shape = shape.options[shape.tag(value)]
    return shape


def models_of(shape: Shape) -> list[type[BaseModel]]:
    """Every model of the language below a shape, each once, in the order met."""
    found: dict[type[BaseModel], None] = {}

    def walk(part: Shape) -> None:
        if isinstance(part, Model):
            if part.model not in found:
                found[part.model] = None
                for key in keys_of(part.model).values():
                    walk(key.shape)
        elif isinstance(part, (Items, Names)):
            walk(part.item)
        elif isinstance(part, Choice):
            for option in part.options.values():
                walk(option)

    walk(shape)
    return list(found)
