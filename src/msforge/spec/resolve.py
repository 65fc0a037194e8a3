"""A description with every default filled in: what was written stays as written, the rest is written out."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from msforge.policies.distributions import Dist
from msforge.spec.fields import Part
from msforge.spec.overlays import SYSTEM
from msforge.spec.schema_system import SystemModel
from msforge.spec.shape import Choice, Items, Leaf, Model, Names, Shape, keys_of, settle
from msforge.spec.source import Map, Seq


def resolve(model: SystemModel, lowered: Map) -> dict[str, Any]:
    """Plain data that loads to the same model: policies, defaults and files of numbers written out in place."""
    out = _value(SYSTEM, model, lowered)
    assert isinstance(out, dict)
    return out


def _value(shape: Shape, value: Any, raw: Any) -> Any:
    if isinstance(shape, Choice):
        shape = settle(shape, raw) if raw is not None else _by_value(shape, value)
    if isinstance(shape, Model):
        return _model(value, raw if isinstance(raw, Map) else Map())
    if isinstance(shape, Names):
        entries = raw if isinstance(raw, Map) else Map()
        return {key: _value(shape.item, item, entries.get(key)) for key, item in value.items()}
    if isinstance(shape, Items):
        items = raw if isinstance(raw, Seq) else [raw] if raw is not None else []
        padded = [*items, *[None] * (len(value) - len(items))]
        return [_value(shape.item, item, given) for item, given in zip(value, padded, strict=True)]
    assert isinstance(shape, Leaf)
    return _leaf(shape, value, raw)


def written_value(shape: Shape, value: Any) -> Any:
    """A default as a file would write it."""
    return _value(shape, value, None)


def _leaf(shape: Leaf, value: Any, raw: Any) -> Any:
    named_file = isinstance(value, Dist) and (
        value.kind == "empirical" or any(p.kind == "empirical" for p in value.parts)
    )
    if raw is not None and not (named_file and value.kind == "empirical"):
        return _plain(raw)
    return shape.unit.write(value) if shape.unit is not None else value


def _plain(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {key: _plain(value) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_plain(item) for item in raw]
    return raw


def _model(value: Any, raw: Map) -> dict[str, Any]:
    out: dict[str, Any] = {}
    model: type[BaseModel] = type(value)
    for name, key in keys_of(model).items():
        item = getattr(value, key.attribute)
        if item is not None:
            out[name] = _value(key.shape, item, raw.get(name))
    if isinstance(value, Part):
        value.tidy(out)
    return out


def _by_value(shape: Choice, value: Any) -> Shape:
    """The option of a default, or of what a shorthand was turned into."""
    for option in shape.options.values():
        if isinstance(option, Model) and isinstance(value, BaseModel) and type(value) is option.model:
            return option
        if isinstance(option, Items) and isinstance(value, list):
            return option
    return next(option for option in shape.options.values() if isinstance(option, Leaf))
