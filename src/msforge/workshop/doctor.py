"""`msforge doctor`: looks at everything, changes nothing, needs no network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msforge.workshop.around import around
from msforge.workshop.checks import Check, Checkup, State
from msforge.workshop.machine import console, machine
from msforge.workshop.software import software
from msforge.workshop.speed import speed


def examine(folder: Path, *, tell: Callable[[str], None] = lambda line: None) -> Checkup:
    """Everything about this laptop and the working folder `folder`; `tell` hears what is being looked at."""
    begun = time.perf_counter()
    found: list[Check] = []
    for name, look in _looks(folder):
        tell(name)
        found += _carefully(name, look)
    found.sort(key=lambda check: check.group == "optional")  # last, as they matter least; the order stays else
    return Checkup(tuple(found), time.perf_counter() - begun)


def _looks(folder: Path) -> Iterator[tuple[str, Callable[[], Iterator[Check]]]]:
    yield "software", software
    yield "console", console
    yield "machine", lambda: machine(folder)
    yield "network", around
    yield "speed", lambda: iter((speed(),))


def _carefully(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """What a look finds; one that breaks is a finding too, and the others go on."""
    try:
        yield from look()
    except Exception as error:
        words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        yield Check(name, name, State.FAIL, words, "this laptop does something unexpected; MSFORGE_DEBUG=1 says more")
