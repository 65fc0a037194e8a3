"""Messages of gRPC methods: from a method's fields to bytes and back, without generated code.

The same messages as the service's `.proto` file declares, which is for clients in any language: field numbers are the
places in the list, from 1; every field is `optional`, so that one that is left out is told from an empty one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from msforge.runtime.plan import Method

TYPES: Final = {
    "string": "string", "integer": "int64", "number": "double", "boolean": "bool",
    "object": "google.protobuf.Struct", "array": "google.protobuf.ListValue",
}
"""What a field's type is called in a .proto file."""
_NUMBERS: Final = {"string": 9, "integer": 3, "number": 1, "boolean": 8}
"""FieldDescriptorProto.Type."""
_MESSAGE: Final = 11
_OPTIONAL: Final = 1


def split(name: str) -> tuple[str, str, str]:
    """`shop.v1.Orders/Place` as package, service and method: ("shop.v1", "Orders", "Place")."""
    whole, _, method = name.rpartition("/")
    package, _, service = whole.rpartition(".")
    return package, service, method


def field_names(names: Iterable[str]) -> dict[str, str]:
    """What each field is called in a .proto file: letters, digits and `_`, told apart where two would be the same."""
    made: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        wanted = re.sub(r"[^A-Za-z0-9_]", "_", name)
        wanted = wanted if wanted[:1].isalpha() else f"f_{wanted.lstrip('_')}"
        number, free = 2, wanted
        while _json_name(free) in taken:
            number, free = number + 1, f"{wanted}_{number}"
        taken.add(_json_name(free))
        made[name] = free
    return made


def _json_name(name: str) -> str:
    """Names that differ in this alone clash for protoc."""
    return name.replace("_", "").lower()


class Codec:
    """A message's fields to bytes and back. Fields by their names in the description."""

    def __init__(self, message: Any, fields: tuple[tuple[str, str], ...]) -> None:
        self._message = message
        names = field_names(name for name, _ in fields)
        self._fields = [(name, names[name], kind) for name, kind in fields]

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """Fields that the message has, as bytes; others are left out. Raises ValueError for one of a wrong type."""
        made = self._message()
        for name, attribute, kind in self._fields:
            value = values.get(name)
            if value is None:
                continue
            try:
                _set(made, attribute, kind, value)
            except (TypeError, ValueError, AttributeError) as problem:
                raise ValueError(f"{name}: {value!r:.40} is no {kind}") from problem
        content: bytes = made.SerializeToString()
        return content

    def decode(self, content: bytes) -> dict[str, Any]:
        """The fields that are there. Raises ValueError for what is no such message."""
        from google.protobuf.message import DecodeError

        try:
            made = self._message.FromString(content)
        except (DecodeError, UnicodeDecodeError) as problem:
            raise ValueError("not the message that was expected") from problem
        return {
            name: _value(getattr(made, attribute), kind)
            for name, attribute, kind in self._fields if made.HasField(attribute)
        }


def _set(message: Any, attribute: str, kind: str, value: Any) -> None:
    if kind in ("object", "array"):
        from google.protobuf.json_format import ParseDict, ParseError

        if not isinstance(value, dict if kind == "object" else list):
            raise TypeError(kind)
        part = getattr(message, attribute)
        part.SetInParent()
        try:
            ParseDict(value, part)
        except ParseError as problem:
            raise ValueError(str(problem)) from problem
    elif kind != "boolean" and isinstance(value, bool):
        raise TypeError(kind)
    else:
        setattr(message, attribute, value)


def _value(value: Any, kind: str) -> Any:
    if kind not in ("object", "array"):
        return value
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(value)


@cache
def codecs(method: Method) -> tuple[Codec, Codec]:
    """What reads and writes a method's request and its response. Needs the package `protobuf`."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2

    package, _, name = split(method.name)
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{method.name}.proto", package=package, syntax="proto3", dependency=[struct_pb2.DESCRIPTOR.name]
    )
    parts = ((f"{name}Request", method.request), (f"{name}Response", method.response))
    for title, fields in parts:
        _describe(file.message_type.add(name=title), fields)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    prefix = f"{package}." if package else ""
    request, response = (
        Codec(message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{prefix}{title}")), fields)
        for title, fields in parts
    )
    return request, response


def _describe(message: Any, fields: tuple[tuple[str, str], ...]) -> None:
    names = field_names(name for name, _ in fields)
    for number, (name, kind) in enumerate(fields, 1):
        made = message.field.add(name=names[name], number=number, label=_OPTIONAL)
        if kind in _NUMBERS:
            made.type = _NUMBERS[kind]
            made.proto3_optional = True
            made.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{names[name]}")
        else:
            made.type = _MESSAGE
            made.type_name = f".{TYPES[kind]}"
