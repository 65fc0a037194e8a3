"""One log of a system: a file a replica on disk, a prefix a line when shown."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from msforge.errors import UsageError
from msforge.live.state import logs_folder
from msforge.names import did_you_mean

TAIL: Final = 65_536
"""Bytes read from the end of a log to show its last lines."""

Line = tuple[str, str]
"""Who wrote it (order.1), and what."""


def last_lines(log: Path, count: int = 12) -> list[str]:
    """The last lines of a log; none when it can't be read."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL))
            return file.read().decode("utf-8", "replace").splitlines()[-count:]
    except OSError:
        return []


def files(system: Path, service: str | None) -> list[Path]:
    """The logs of a service, or all. Raises UsageError for a service that has none."""
    found = sorted(logs_folder(system).glob("*.log"), key=_by_replica)
    if not found:
        raise UsageError(f"there are no logs in {system}", hint="they begin with `msforge up`")
    if service is None:
        return found
    known = {_service(file): None for file in found}
    chosen = [file for file in found if _service(file) == service or file.stem == service]
    if not chosen:
        raise UsageError(
            f"no log of {service}", hint=did_you_mean(service, known) or f"there are logs of: {', '.join(known)}"
        )
    return chosen


def _service(file: Path) -> str:
    return file.stem.rpartition(".")[0] or file.stem


def _by_replica(file: Path) -> tuple[str, int]:
    service, _, ordinal = file.stem.rpartition(".")
    return (service, int(ordinal)) if ordinal.isdigit() else (file.stem, -1)


def read(system: Path, service: str | None = None, *, last: int = 0) -> list[Line]:
    """What was written so far, in the order of the times that the lines bear; `last` > 0: that many of each file."""
    lines: list[tuple[str, int, Line]] = []
    for file in files(system, service):
        try:
            texts = last_lines(file, last) if last else file.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        stamp = ""
        for number, text in enumerate(texts):
            stamp = time_of(text) or stamp
            lines.append((stamp, number, (file.stem, text)))
    lines.sort(key=lambda line: line[0])
    return [line for _, _, line in lines]


def time_of(text: str) -> str:
    """The time in a line of JSON, as text that sorts; empty when there is none."""
    if not text.startswith("{"):
        return ""
    try:
        plain: Any = json.loads(text)
    except ValueError:
        return ""
    return str(plain.get("@timestamp", "")) if isinstance(plain, dict) else ""


def follow(
    system: Path, service: str | None = None, *, last: int = 10, goes_on: Callable[[], bool] = lambda: True,
    pause: float = 0.15,
) -> Iterator[Line]:
    """The last lines, then each new one as it is written, while `goes_on()`; logs that appear later too."""
    places: dict[Path, int] = {}
    for file in files(system, service):
        places[file] = _size(file)
    yield from read(system, service, last=last)
    left: dict[Path, bytes] = {}
    while True:
        more = goes_on()
        for file in files(system, service):
            size = _size(file)
            at = places.get(file, 0)
            at = 0 if size < at else at  # it was begun anew
            if size > at:
                with file.open("rb") as opened:
                    opened.seek(at)
                    data = left.pop(file, b"") + opened.read(size - at)
                *whole, rest = data.split(b"\n")
                if rest:
                    left[file] = rest
                for text in whole:
                    yield file.stem, text.decode("utf-8", "replace").rstrip("\r")
            places[file] = size
        if not more:
            return
        time.sleep(pause)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
