"""Three-way merges: msforge's changes since the base, laid over the user's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged text; with `conflicts` it has markers where both changed the same lines."""

    content: bytes
    conflicts: int


def merge(base: bytes, mine: bytes, new: bytes) -> Merged:
    """Lays the changes from `base` to `new` over the user's text `mine`; lines keep the ending that `mine` has."""
    from merge3 import Merge3

    crlf = mine.count(b"\r\n") * 2 > mine.count(b"\n")
    merger = Merge3(_lines(base), _lines(mine), _lines(new))
    conflicts = sum(1 for group in merger.merge_groups() if group[0] == "conflict")
    lines = merger.merge_lines(
        name_a=b"yours", name_b=b"msforge's", start_marker=b"<<<<<<<", mid_marker=b"=======", end_marker=b">>>>>>>"
    )
    content = b"".join(lines)
    return Merged(content.replace(b"\n", b"\r\n") if crlf else content, conflicts)


def _lines(content: bytes) -> list[bytes]:
    lines = content.replace(b"\r\n", b"\n").splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    return lines
