"""Strangers' names made into names of the language: the same for the same, another for another."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from msforge.draft.notes import Notes, plain
from msforge.names import problem
from msforge.spec.scalars import reads_as_string
from msforge.traces import Span

LONGEST: Final = 63
_ODD: Final = re.compile(r"[^A-Za-z0-9_-]+")
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_VARIABLE: Final = re.compile(r"\d+|[0-9a-fA-F]{8,}|[0-9a-fA-F-]{32,}|.*\d{4,}.*|.{41,}")
_METHODS: Final = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9\-._~]{1,60}\Z")
_PARAMETER: Final = re.compile(r"[{<:\[(*].*")
_GRPC: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*/[A-Za-z_][A-Za-z0-9_]*\Z")


class Names:
    """The names of one kind of thing, e.g. services: by what they stand for."""

    def __init__(self, what: str, notes: Notes) -> None:
        self.what = what
        self.notes = notes
        self.of: dict[str, str] = {}
        self.taken: set[str] = set()

    def name(self, key: str, wanted: str = "") -> str:
        """The name for `key`: `wanted` (or `key`), made valid, with a number when another thing has it."""
        found = self.of.get(key)
        if found is None:
            wished = wanted or key
            base = valid(wished, self.what)
            found, number = base, 1
            while found in self.taken:
                number += 1
                found = f"{base[: LONGEST - len(str(number)) - 1]}-{number}"
            if wished and found != wished and not wanted:
                self.notes.add(f"the {self.what} `{plain(wished)}` is called {found} here")
            self.taken.add(found)
            self.of[key] = found
        return found


def valid(text: str, fallback: str) -> str:
    """The nearest name that the language allows and YAML reads as a string (`true` is none)."""
    if not problem(text) and reads_as_string(text):
        return text
    name = _ODD.sub("-", text).strip("-_")[:LONGEST].rstrip("-_")
    if name and not name[0].isalpha():
        name = f"x-{name}"[:LONGEST]
    if problem(name):
        return fallback
    return name if reads_as_string(name) else f"{name}-{fallback}"


class Operation:
    """What a request asks for: its key, the endpoint's name, and HTTP's or gRPC's words when they are known."""

    __slots__ = ("grpc", "http", "key", "name")

    def __init__(self, key: str, name: str, http: str = "", grpc: str = "") -> None:
        self.key, self.name, self.http, self.grpc = key, name, http, grpc


def operation_of(span: Span) -> Operation:
    """What a server's or client's span says was asked for."""
    said = span.attributes
    given = said.get("msforge.endpoint")
    own = given if isinstance(given, str) else ""
    service, method = said.get("rpc.service"), said.get("rpc.method")
    if isinstance(method, str) and method:
        full = method if "/" in method else f"{service}/{method}" if isinstance(service, str) else method
        return Operation(full, own or _kebab(full.rpartition("/")[2]), grpc=full if _GRPC.match(full) else "")
    verb = said.get("http.request.method", said.get("http.method"))
    if isinstance(verb, str) and verb.upper() in _METHODS:
        route = _route(span)
        if route:
            http = f"{verb.upper()} {route}"
            words = [part for part in route.split("/") if part and not part.startswith("{")]
            return Operation(http, own or "-".join([verb.lower(), *(words or ["root"])]), http)
    name = own or span.name.rpartition("/")[2] or span.name
    return Operation(own or span.name, own or _kebab(name) or "request")


def _route(span: Span) -> str:
    """The path with parameters in place of what varies; "" when it is not known."""
    said = span.attributes
    for key in ("http.route", "url.template", "url.path", "http.target", "url.full", "http.url"):
        value = said.get(key)
        if isinstance(value, str) and value:
            break
    else:
        verb, _, value = span.name.partition(" ")
        if verb.upper() not in _METHODS or not value.startswith("/"):
            return ""
    try:
        path = urlsplit(value).path if key not in ("http.route", "url.template") else value
    except ValueError:
        return ""
    parts: list[str] = []
    for part in path.split("?")[0].strip("/").split("/")[:12]:
        if not part:
            continue
        variable = _PARAMETER.match(part) or (key not in ("http.route", "url.template") and _VARIABLE.fullmatch(part))
        parts.append(_parameter(part) if variable or not _SEGMENT.match(part) else part)
    return "/" + "/".join(parts)


def _parameter(part: str) -> str:
    inner = re.sub(r"[^A-Za-z0-9_]", "", part)[:20]
    return "{" + (inner if inner and _PARAMETER.match(part) and not inner[0].isdigit() else "id") + "}"


def _kebab(text: str) -> str:
    return _HUMPS.sub("-", text).lower()
