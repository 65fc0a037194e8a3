"""Values cut in two by a comma: `{read: lognormal(mean=6ms, p99=40ms)}`.

Inside `{ }` and `[ ]` YAML ends a value at each comma. The pieces are joined again, so that
the one thing wrong is reported once and the rest of the file is still checked.
"""

from __future__ import annotations

from typing import Any

from msforge.errors import Diagnostic
from msforge.spec.source import Map, Place, Seq, Source, problem, spot


def mend(data: Map | Seq, source: Source, path: str) -> list[Diagnostic]:
    """Joins the pieces of cut values in a flow collection, in place; one diagnostic for each."""
    return _mend_map(data, source, path) if isinstance(data, Map) else _mend_seq(data, source, path)


def _open(value: Any) -> int:
    if not isinstance(value, str) or ("(" not in value and ")" not in value):
        return 0
    return value.count("(") - value.count(")")


def _mend_map(data: Map, source: Source, path: str) -> list[Diagnostic]:
    if not any(isinstance(value, str) and _open(value) > 0 for value in data.values()):
        return []
    problems = []
    keys = list(data)
    for index, key in enumerate(keys):
        if key not in data or _open(data[key]) <= 0:
            continue
        pieces, taken, last = [data[key]], [], data.marks[key][2]
        for later in keys[index + 1 :]:
            if sum(_open(piece) for piece in pieces) <= 0 or data[later] is not None:
                break
            pieces.append(later)
            taken.append(later)
            last = data.marks[later][1]
        if not taken or sum(_open(piece) for piece in pieces) != 0:
            continue
        problems.append(_cut(source, data.marks[key][2], last, pieces, f"{path}.{key}" if path else key))
        data[key] = ", ".join(pieces)
        for later in taken:
            del data[later], data.marks[later]
    return problems


def _mend_seq(data: Seq, source: Source, path: str) -> list[Diagnostic]:
    problems = []
    index = 0
    while index < len(data):
        item = data[index]
        key = next(iter(item)) if isinstance(item, Map) and len(item) == 1 else None
        value = item[key] if key is not None else item
        if _open(value) > 0:
            pieces, end = [value], index + 1
            while (
                end < len(data)
                and sum(_open(piece) for piece in pieces) > 0
                and isinstance(data[end], (str, int, float))
            ):
                pieces.append(str(data[end]))
                end += 1
            mark = data.marks[index]
            last = data.marks[end - 1]
            if end > index + 1 and sum(_open(piece) for piece in pieces) == 0 and mark is not None and last is not None:
                begin = item.marks[key][2] if key is not None else mark[2]
                problems.append(_cut(source, begin, last[2], pieces, f"{path}[{index}]" + (f".{key}" if key else "")))
                if key is not None:
                    item[key] = ", ".join(pieces)
                else:
                    data[index] = ", ".join(pieces)
                del data[index + 1 : end], data.marks[index + 1 : end]
        index += 1
    return problems


def _cut(source: Source, begin: Any, end: Any, pieces: list[str], path: str) -> Diagnostic:
    first, last = spot(source, begin), spot(source, end)
    place = Place(source, first.line, first.column, last.end if last.line == first.line else first.end)
    return problem(
        place,
        "E017",
        f"a comma inside {{ }} or [ ] ends the value: `{pieces[0]}` is cut off",
        f"separate the arguments by spaces: {' '.join(pieces)}",
        path,
    )
