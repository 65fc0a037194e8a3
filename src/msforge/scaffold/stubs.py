"""Handlers in the user's file: which are there, which are missing, and how a missing one is appended."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from msforge.errors import MsforgeError


class UnreadableError(MsforgeError):
    """The user's handlers are no Python at the moment."""


@dataclass(frozen=True, slots=True)
class Appended:
    """The user's file with new handlers at its end, the names of those, and what is worth saying."""

    content: bytes
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def functions(content: bytes) -> dict[str, str]:
    """The functions of a module, each with its source text. Raises UnreadableError."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    found: dict[str, str] = {}
    for node in _parsed(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            begin = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found[node.name] = "\n".join(text.split("\n")[begin - 1 : node.end_lineno])
    return found


def bound(content: bytes) -> set[str]:
    """Every name that a module defines at its top, `import *` included as `*`. Raises UnreadableError."""
    names: set[str] = set()
    for node in ast.walk(_parsed(content.decode("utf-8", "replace"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def append(mine: bytes, generated: bytes) -> Appended:
    """`mine` with those functions of `generated` that it lacks; else not a byte changes. Raises UnreadableError."""
    there = bound(mine)
    wanted = functions(generated)
    missing = [name for name in wanted if name not in there]
    if not missing or "*" in there:
        return Appended(mine, ())
    text = "".join(f"\n\n{wanted[name]}\n" for name in missing)
    if mine and not mine.endswith(b"\n"):
        text = "\n" + text
    if mine.count(b"\r\n") * 2 > mine.count(b"\n"):
        text = text.replace("\n", "\r\n")
    notes = [
        f"the new handlers use `{module}`, which your file no longer imports"
        for module in ("models", "steps")
        if f"{module}." in text and module not in there
    ]
    return Appended(mine + text.encode(), tuple(missing), tuple(notes))


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        raise UnreadableError(f"it is not valid Python at the moment{where}, so its handlers cannot be seen") from error
