"""Overlays: JSON Merge Patch (RFC 7386) on documents that know their places, and assignment by path.

Maps merge, lists and scalars replace, null removes; a key that ends in `+` appends to a list.
"""

from __future__ import annotations

from typing import Any

from msforge.names import did_you_mean
from msforge.spec.places import Path, join
from msforge.spec.shape import Items, Key, Leaf, Model, Names, Shape, keys_of, settle
from msforge.spec.source import Map, Mark, Seq


class PathError(ValueError):
    """A path that leads nowhere. `help` says what there is."""

    def __init__(self, message: str, help: str = "", code: str = "E602") -> None:
        super().__init__(message)
        self.help = help
        self.code = code


def merge(base: Map, patch: Map) -> Map:
    """`patch` laid over `base`; both stay as they are."""
    out = base.copy()
    for key, value in patch.items():
        mark = patch.marks.get(key)
        if value is None:
            out.pop(key, None)
            out.marks.pop(key, None)
            continue
        if key.endswith("+") and len(key) > 1 and isinstance(value, Seq):
            _append(out, key[:-1], value, mark)
            continue
        present = out.get(key)
        if isinstance(value, Map):
            out[key] = merge(present, value) if isinstance(present, Map) else _clean(value)
            if isinstance(present, Map) and key in out.marks:
                continue
        else:
            out[key] = value
        if mark is not None:
            out.marks[key] = mark
        else:
            out.marks.pop(key, None)
    return out


def _append(out: Map, key: str, items: Seq, mark: Mark | None) -> None:
    present = out.get(key)
    if isinstance(present, Seq):
        out[key] = Seq([*present, *items], [*present.marks, *items.marks])
        return
    out[key] = items
    if mark is not None:
        out.marks[key] = mark


def _clean(value: Map) -> Map:
    """A patch where nothing was: its nulls remove nothing and are left out."""
    if not any(item is None or isinstance(item, Map) or key.endswith("+") for key, item in value.items()):
        return value
    return merge(Map(), value)


def assign(document: Map, path: Path, value: Any, mark: Mark | None, shape: Shape, create: bool = True) -> Map:
    """The document with the value at `path` replaced (a map is merged). Raises PathError.

    A part of the path that the language names (`autoscale`) may be absent and is made; a
    part that the user names must exist, but for the last one when `create` is set.
    """
    path = _objective(document, path)
    out = _assign(document, path, (), value, mark, shape, create, document)
    assert isinstance(out, Map)
    return out


def _objective(document: Map, path: Path) -> Path:
    """`objectives.gateway.checkout`: the key itself has a dot."""
    if len(path) > 2 and path[0] == "objectives" and isinstance(path[1], str) and isinstance(path[2], str):
        entries = document.get("objectives")
        if not (isinstance(entries, Map) and path[1] in entries):
            return ("objectives", f"{path[1]}.{path[2]}", *path[3:])
    return path


def _assign(
    holder: Any, path: Path, done: Path, value: Any, mark: Mark | None, shape: Shape, create: bool, document: Map
) -> Any:
    part, rest = path[0], path[1:]
    if isinstance(holder, str) and isinstance(document.get("policies"), Map):
        holder = document["policies"].get(holder)  # a named policy: change this use of it alone
    shape = settle(shape, holder) if holder is not None else shape
    if isinstance(part, int):
        return _assign_item(holder, part, rest, done, value, mark, shape, create, document)
    if isinstance(holder, Seq):
        raise PathError(f"`{join(done)}` is a list", f"write {join(done)}[0] for its first item")
    out = holder.copy() if isinstance(holder, Map) else Map()
    key = part[:-1] if part.endswith("+") and not rest else part
    inner = _inner(shape, key)
    if key not in out and isinstance(shape, Names) and (rest or not create):
        raise PathError(f"there is no `{join((*done, key))}`", did_you_mean(key, out), "E601")
    if not rest:
        return merge(out, Map({part: value}, {part: mark} if mark is not None else {}))
    out[key] = _assign(out.get(key), rest, (*done, key), value, mark, inner, create, document)
    if key not in out.marks and mark is not None:
        out.marks[key] = mark
    return out


def _assign_item(
    holder: Any,
    index: int,
    rest: Path,
    done: Path,
    value: Any,
    mark: Mark | None,
    shape: Shape,
    create: bool,
    document: Map,
) -> Any:
    if not isinstance(holder, Seq):
        raise PathError(
            f"`{join(done)}` is not a list" if holder is not None else f"there is no `{join(done)}`",
            "only lists have items by number",
        )
    if index >= len(holder):
        many = (
            "is empty"
            if not holder
            else f"has {len(holder)} item{'s' * (len(holder) != 1)}, the last is [{len(holder) - 1}]"
        )
        raise PathError(f"there is no `{join((*done, index))}`", f"the list {many}")
    out = Seq(holder, list(holder.marks))
    if rest:
        item = shape.item if isinstance(shape, Items) else Leaf()
        out[index] = _assign(holder[index], rest, (*done, index), value, mark, item, create, document)
        return out
    if value is None:
        del out[index], out.marks[index]
        return out
    present = holder[index]
    merged = merge(present, value) if isinstance(present, Map) and isinstance(value, Map) else value
    out[index], out.marks[index] = merged, mark
    return out


def _inner(shape: Shape, key: str) -> Shape:
    if isinstance(shape, (Names, Items)):
        return shape.item
    if isinstance(shape, Model):
        found: Key | None = keys_of(shape.model).get(key)
        if found is not None:
            return found.shape
    return Leaf()
