"""What is installed: Python, msforge, and what it depends on, held to the bounds that its metadata gives."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from msforge.errors import UsageError
from msforge.report.bundle import bundle
from msforge.workshop.checks import Check, State, either, some

GROUP = "software"
OLDEST = (3, 11)
EXTRAS = {"grpc": "gRPC between services", "tracing": "traces to a collector", "labs": "the tests that lab 18 runs"}
"""Extras of msforge's that no server goes with, and what for."""

Installed = Callable[[str], str]
"""The installed version of a package; raises PackageNotFoundError."""


def software() -> Iterator[Check]:
    """All of it."""
    yield python(sys.version_info[:2])
    yield _msforge()
    yield dependencies(_requirements())
    yield _command()
    yield browser_side()
    yield from extras(_requirements())


def python(found: tuple[int, int]) -> Check:
    """Whether Python is new enough."""
    word = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    good = found >= OLDEST
    return Check(GROUP, "Python", either(good, State.FAIL), word, "" if good else "msforge needs Python 3.11 or newer")


def _msforge() -> Check:
    try:
        return Check(GROUP, "msforge", State.OK, version("msforge"))
    except PackageNotFoundError:
        return Check(GROUP, "msforge", State.WARN, "runs from a folder that is not installed", "pip install -e .")


def _requirements() -> list[Requirement]:
    try:
        return [Requirement(line) for line in requires("msforge") or ()]
    except PackageNotFoundError:
        return []


def dependencies(required: Iterable[Requirement], installed: Installed = version) -> Check:
    """Whether every dependency is there, in a version that msforge works with."""
    needed = [one for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = [problem for one in needed if (problem := _problem(one, installed))]
    if wrong:
        return Check(GROUP, "dependencies", State.FAIL, some(wrong), "install msforge again: pip install -U msforge")
    return Check(GROUP, "dependencies", State.OK, f"all {len(needed)} in versions that msforge works with")


def _problem(required: Requirement, installed: Installed) -> str:
    try:
        found = installed(required.name)
    except PackageNotFoundError:
        return f"{required.name} is missing"
    if required.specifier.contains(found, prereleases=True):
        return ""
    return f"{required.name} is {found}, wanted {required.specifier}"


def extras(required: Iterable[Requirement], installed: Installed = version) -> Iterator[Check]:
    """The optional parts."""
    known = list(required)
    for extra, purpose in EXTRAS.items():
        asked = [one for one in known if one.marker is not None and one.marker.evaluate({"extra": extra})
                 and not one.marker.evaluate({"extra": ""})]
        if not asked:
            continue
        wrong = [problem for one in asked if (problem := _problem(one, installed))]
        found = f"for {purpose}" + (f": {some(wrong)}" if wrong else "")
        yield Check("optional", extra, either(not wrong, State.NOTE), found,
                    f"pip install 'msforge[{extra}]'" if wrong else "")


def browser_side() -> Check:
    """Whether `--html` and `play` have their pages: they are built when msforge is installed."""
    try:
        for page in ("report", "play"):
            bundle(page)
    except UsageError as lacking:
        return Check(GROUP, "browser side", State.WARN, lacking.message.partition(": ")[2], lacking.hint)
    return Check(GROUP, "browser side", State.OK, "built: --html and msforge play work")


def _command() -> Check:
    found = shutil.which("msforge")
    if found:
        return Check(GROUP, "command", State.OK, found)
    return Check(GROUP, "command", State.NOTE, "`msforge` is not on the PATH",
                 "activate the environment, or type ./forge or python -m msforge instead")
