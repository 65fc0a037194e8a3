"""YAML text -> plain data with places: one pass over the parser's events, nothing built but maps, lists and scalars.

Reads events instead of letting the library compose nodes: so nesting is bounded, duplicate
keys are seen, and what aliases expand to is counted before anything is expanded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from msforge.errors import Diagnostic
from msforge.names import quoted
from msforge.spec.commas import mend
from msforge.spec.scalars import plain
from msforge.spec.source import Map, Mark, Place, Seq, Source, problem, sound, spot

DEEPEST: Final = 100
MOST_EXPANDED: Final = 200_000
"""Nodes that aliases may add to a document."""
PARSER: Final[Any] = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_STRING: Final = "tag:yaml.org,2002:str"
_CORE: Final = {f"tag:yaml.org,2002:{kind}": kind for kind in ("str", "int", "float", "bool", "null", "map", "seq")}
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "null": (type(None),),
}


class _Stop(Exception):
    """Reading cannot go on; the diagnostics say why."""


class _Open:
    """A collection that is being read."""

    __slots__ = ("anchor", "data", "discard", "event", "key", "key_event", "merges", "odd", "size")

    def __init__(self, data: Map | Seq, event: Any) -> None:
        self.data = data
        self.event = event
        self.key: str | None = None
        self.key_event: Any = None
        self.merges: list[tuple[Any, Any]] = []
        self.discard = False  # stands where a key should
        self.odd = False  # has keys that are no words, named \0... until it closes
        self.size = 1
        self.anchor: str | None = event.anchor


class _Reader:
    def __init__(self, source: Source, text: str) -> None:
        self.source = source
        self.text = text
        self.problems: list[Diagnostic] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int, Any]] = {}  # value, expanded size, event
        self.added = 0
        self.root: Any = None
        self.root_event: Any = None
        self.documents = 0

    def report(self, event: Any, code: str, message: str, help: str = "") -> None:
        self.problems.append(problem(spot(self.source, event), code, message, help, self.path()))

    def path(self) -> str:
        text = ""
        for level in self.stack:
            if isinstance(level.data, Seq):
                text += f"[{len(level.data)}]"
            elif level.key is not None:
                text += f".{level.key}" if text else level.key
        return text

    # -- events ------------------------------------------------------------------------

    def run(self) -> None:
        handlers: dict[type, Callable[[Any], None]] = {
            ScalarEvent: self.scalar,
            MappingStartEvent: self.open,
            SequenceStartEvent: self.open,
            MappingEndEvent: self.close,
            SequenceEndEvent: self.close,
            AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
        }
        for event in self.events():
            handle = handlers.get(type(event))
            if handle is not None:
                handle(event)

    def document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self.report(event, "E016", "the file has more than one document", "keep one; a system is one document")
            raise _Stop

    def events(self) -> Iterator[Any]:
        loader = None
        try:
            loader = PARSER(self.text)
            more, following = loader.check_event, loader.get_event
            while more():
                yield following()
        except yaml.MarkedYAMLError as error:
            self.syntax(error)
            raise _Stop from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            self.problems.append(problem(None, "E010", f"this is not YAML: {str(error)[:200]}", file=self.source.name))
            raise _Stop from None
        finally:
            if loader is not None and hasattr(loader, "dispose"):
                loader.dispose()

    def syntax(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line + 1, len(self.source.lines)) if mark else 1
        column = mark.column + 1 if mark and mark.line + 1 == line else len(self.source.line(line)) + 1
        text = self.source.line(line)
        what = (error.problem or error.context or "unreadable").strip()
        hint = ""
        if "\t" in text[: len(text) - len(text.lstrip())] or "'\\t'" in what:
            what, hint = "a tab indents this line", "YAML is indented with spaces"
            column = text.index("\t") + 1 if "\t" in text else column
        elif "mapping values are not allowed" in what:
            hint = "quote a value that contains `: `, or begin a new line for the next key"
        elif error.context and error.context_mark and error.context_mark.line + 1 != line:
            what = f"{what} ({error.context}, begun on line {error.context_mark.line + 1})"
        if not hint and "did not find expected" in what:
            at = Place(self.source, line, column, column + 1)
            if re.search(r"[A-Za-z]\[[0-9]+\]", at.source.line(line)):
                hint = 'inside { } a path with [0] stands in quotes: {"services.a.endpoints.x.steps[0].work": 3ms}'
            else:
                hint = "look for a missing quote, bracket or comma, or a line that is indented differently"
        self.problems.append(
            problem(Place(self.source, line, column, column + 1), "E010", f"this is not YAML: {what}", hint)
        )

    # -- values --------------------------------------------------------------------------

    def scalar(self, event: Any) -> None:
        tag = event.tag
        if tag is None and event.implicit[0]:
            value: Any = plain(event.value)
        else:
            value = sound(event.value) if tag in (None, "!", _STRING) else self.tagged(event, tag)
        self.add(value, event, 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1, event)

    def tagged(self, event: Any, tag: str) -> Any:
        kind = _CORE.get(tag)
        value = plain(event.value)
        if kind is None or kind not in _TYPES or not isinstance(value, _TYPES[kind]):
            self.report(
                event,
                "E015",
                f"the tag `{_short(tag)}` has no place here",
                "a description has no tags; write the plain value",
            )
            return event.value
        return value

    def open(self, event: Any) -> None:
        if len(self.stack) >= DEEPEST:
            self.report(event, "E012", f"nested more than {DEEPEST} levels deep", "flatten it")
            raise _Stop
        kind = _CORE.get(event.tag) if event.tag is not None else ""
        mapping = isinstance(event, MappingStartEvent)
        if event.tag not in (None, "!") and kind != ("map" if mapping else "seq"):
            self.report(
                event,
                "E015",
                f"the tag `{_short(event.tag)}` has no place here",
                "a description has no tags; write the plain value",
            )
        if self.stack and isinstance(self.stack[-1].data, Map) and self.stack[-1].key is None:
            self.report(
                event,
                "E013",
                "a key must be a word, found a " + ("mapping" if mapping else "list"),
                "quote a key that begins with { or [",
            )
            self.stack[-1].key, self.stack[-1].key_event = f"\0{len(self.stack[-1].data)}", event
            self.stack[-1].odd = True
            self.stack.append(_Open(Map() if mapping else Seq(), event))
            self.stack[-1].discard = True
            return
        self.stack.append(_Open(Map() if mapping else Seq(), event))

    def close(self, _event: Any) -> None:
        done = self.stack.pop()
        if isinstance(done.data, Map):
            if done.discard:
                return
            for merge, event in done.merges:
                self.merge(done, merge, event)
            if done.event.flow_style:
                self.problems += mend(done.data, self.source, self.path())
            if done.odd:
                for key in [key for key in done.data if key.startswith("\0")]:
                    del done.data[key]
        elif done.discard:
            return
        elif done.event.flow_style:
            self.problems += mend(done.data, self.source, self.path())
        if done.anchor is not None:
            self.anchors[done.anchor] = (done.data, done.size, done.event)
        self.add(done.data, done.event, done.size)

    def alias(self, event: Any) -> None:
        name = event.anchor
        if any(level.anchor == name for level in self.stack):
            self.report(
                event, "E014", f"`*{_short(name)}` contains itself", "an alias cannot stand inside its own anchor"
            )
            raise _Stop
        if name not in self.anchors:
            self.report(event, "E014", f"there is no anchor `&{_short(name)}` before this line")
            top = self.stack[-1] if self.stack else None
            if top is not None and isinstance(top.data, Map):
                if top.key is None:
                    self.add("", event, 1)
                else:
                    top.key = None  # the entry is left out: its value is not known
            return
        value, size, _ = self.anchors[name]
        self.added += size
        if self.added > MOST_EXPANDED or sum(level.size for level in self.stack) + size > MOST_EXPANDED * 10:
            self.report(
                event,
                "E014",
                f"the aliases of this file expand to more than {MOST_EXPANDED:,} values",
                "write fewer aliases of aliases",
            )
            raise _Stop
        self.add(value, event, size)

    def add(self, value: Any, event: Any, size: int) -> None:
        if not self.stack:
            self.root, self.root_event = value, event
            return
        top = self.stack[-1]
        top.size += size
        if isinstance(top.data, Seq):
            top.data.append(value)
            top.data.marks.append((self.source, None, event))
        elif top.key is None:
            self.key(top, value, event)
        else:
            key, top.key = top.key, None
            if key == "<<" and isinstance(value, (Map, Seq)):
                top.merges.append((value, event))
            elif key not in top.data:
                top.data[key] = value
                top.data.marks[key] = (self.source, top.key_event, event)

    def key(self, top: _Open, value: Any, event: Any) -> None:
        if isinstance(value, (Map, Seq)):
            self.report(event, "E013", "a key must be a word, found an alias of a collection")
            value = f"\0{len(top.data)}"
            top.odd = True
        text = value if isinstance(value, str) else str(event.value) if isinstance(event, ScalarEvent) else str(value)
        if not text.isprintable() and not top.odd:
            bad = next(char for char in text if not char.isprintable())
            self.report(event, "E013", f"a key cannot contain {quoted(bad)}")
            text, top.odd = f"\0{len(top.data)}", True
        assert isinstance(top.data, Map)
        earlier = top.data.marks.get(text)
        if earlier is not None:
            first = spot(earlier[0], earlier[1])
            self.problems.append(
                problem(
                    spot(self.source, event),
                    "E011",
                    f"`{_short(text)}` is written twice: here and on line {first.line}",
                    "keep one of the two",
                    self.path() + ("." if self.path() else "") + text,
                )
            )
            self.problems.append(
                problem(
                    first,
                    "E011",
                    f"`{_short(text)}` is written again on line {event.start_mark.line + 1}",
                    "keep one of the two",
                    self.path() + ("." if self.path() else "") + text,
                )
            )
        top.key, top.key_event = text, event

    def merge(self, level: _Open, value: Any, event: Any) -> None:
        """`<<: *base`: the map's own keys win, then those of the first map in a list."""
        maps = value if isinstance(value, Seq) else [value]
        assert isinstance(level.data, Map)
        for base in maps:
            if not isinstance(base, Map):
                self.report(event, "E014", "`<<` merges a mapping or a list of mappings")
                return
            for key, item in base.items():
                if key not in level.data:
                    level.data[key] = item
                    level.data.marks[key] = base.marks[key]


def _short(text: str) -> str:
    text = text.replace("tag:yaml.org,2002:", "!!")
    return text if len(text) <= 60 else text[:57] + "..."


def read(source: Source, text: str | None = None) -> tuple[Any, Mark | None, list[Diagnostic]]:
    """The document of a text as Map, Seq or scalar, the root's mark, and what is wrong with it as YAML.

    `text` is read instead of the source's own where the two have the same columns.
    """
    reader = _Reader(source, source.text if text is None else text)
    try:
        reader.run()
    except _Stop:
        return None, None, reader.problems
    mark: Mark | None = (source, None, reader.root_event) if reader.root_event is not None else None
    return reader.root, mark, reader.problems
