"""Dataclasses to plain JSON data and back, by their type hints alone.

Fields keep their written order and dictionaries are sorted, so equal objects give equal
bytes. A float that is not finite has no place in JSON: results use None for "no value".
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

T = TypeVar("T")


class CodecError(ValueError):
    """Plain data that does not fit the type it should become; `path` says where."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'the top'}: {message}")
        self.path = path


_PLAIN = frozenset({str, int, float, bool, type(None)})


@cache
def _fields(kind: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@cache
def _floats(kind: type) -> frozenset[str]:
    """Fields that hold a float, or a float or None: an integer put there is written as the float it stands for."""
    return frozenset(name for name, hint in _hints(kind).items() if hint is float or hint == float | None)


@cache
def _default_of(field: dataclasses.Field[Any]) -> tuple[bool, Any]:
    if field.default is not dataclasses.MISSING:
        return True, field.default
    if field.default_factory is not dataclasses.MISSING:
        return True, field.default_factory()
    return False, None


def encode(value: Any, *, sparse: bool = False, skip: frozenset[str] = frozenset()) -> Any:
    """Plain data of `value`. `sparse` leaves out fields at their default; `skip` names fields left out always."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Enum):
        return encode(value.value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):  # numpy's own float64 is one
        return float(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _encode_dataclass(value, sparse, skip)
    if isinstance(value, Mapping):
        return {str(key): encode(value[key], sparse=sparse, skip=skip) for key in sorted(value)}
    if isinstance(value, list | tuple):
        if _PLAIN.issuperset(map(type, value)):
            return list(value)
        return [encode(item, sparse=sparse, skip=skip) for item in value]
    raise TypeError(f"no plain form for {type(value).__name__}")


def _encode_dataclass(value: Any, sparse: bool, skip: frozenset[str]) -> dict[str, Any]:
    kind: type = type(value)
    floats = _floats(kind)
    plain: dict[str, Any] = {}
    for field in _fields(kind):
        name = field.name
        if name in skip:
            continue
        item = getattr(value, name)
        if name in floats and item is not None:
            item = float(item)
        if sparse and _default_of(field) == (True, item):
            continue
        plain[name] = item if type(item) in _PLAIN else encode(item, sparse=sparse, skip=skip)
    return plain


def decode(kind: type[T], plain: Any, path: str = "") -> T:
    """The `kind` that `plain` describes. Missing fields take their defaults.

    Raises CodecError where the data does not fit.
    """
    return cast(T, _decode(kind, plain, path))


def _decode(kind: Any, plain: Any, path: str) -> Any:
    if kind is Any:
        return plain
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(kind, plain, path)
    if origin in (list, tuple):
        return _decode_sequence(kind, origin, plain, path)
    if origin is not None and issubclass(origin, Mapping):
        key, item = typing.get_args(kind)
        _expect(isinstance(plain, dict), path, "a mapping", plain)
        return {_key(key, k): _decode(item, v, f"{path}.{k}") for k, v in plain.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(cast(type, kind), plain, path)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(plain)
    if kind is float:
        _expect(isinstance(plain, int | float) and not isinstance(plain, bool), path, "a number", plain)
        return float(plain)
    _expect(isinstance(plain, kind) and (kind is bool or not isinstance(plain, bool)), path, kind.__name__, plain)
    return plain


def _decode_union(kind: Any, plain: Any, path: str) -> Any:
    options = [option for option in typing.get_args(kind) if option is not type(None)]
    if plain is None:
        _expect(len(options) < len(typing.get_args(kind)), path, "a value", plain)
        return None
    return _decode(options[0], plain, path)


def _decode_sequence(kind: Any, origin: Any, plain: Any, path: str) -> Any:
    _expect(isinstance(plain, list | tuple), path, "a list", plain)
    args = typing.get_args(kind)
    if origin is list or (len(args) == 2 and args[1] is Ellipsis):
        return origin(_decode(args[0], item, f"{path}[{n}]") for n, item in enumerate(plain))
    _expect(len(plain) == len(args), path, f"{len(args)} items", plain)
    return tuple(_decode(arg, item, f"{path}[{n}]") for n, (arg, item) in enumerate(zip(args, plain, strict=True)))


def _decode_dataclass(kind: type, plain: Any, path: str) -> Any:
    _expect(isinstance(plain, dict), path, "a mapping", plain)
    hints = _hints(kind)
    values: dict[str, Any] = {}
    for field in _fields(kind):
        where = f"{path}.{field.name}" if path else field.name
        if field.name in plain:
            values[field.name] = _decode(hints[field.name], plain[field.name], where)
        elif not _default_of(field)[0]:
            raise CodecError(where, "is missing")
    return kind(**values)


def _key(kind: Any, text: str) -> Any:
    return int(text) if kind is int else text


def _expect(holds: bool, path: str, wanted: str, got: Any) -> None:
    if not holds:
        raise CodecError(path, f"should be {wanted}, not {type(got).__name__}")
