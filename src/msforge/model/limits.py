"""What a run may not be: too large, endless, without time, without an end."""

from __future__ import annotations

from math import isfinite
from typing import Final

from msforge.model.estimate import (
    EVENTS_LIMIT,
    LIMIT,
    TREE_LIMIT,
    WIDTH_LIMIT,
    RunEstimate,
    body_times,
    estimate,
    turn_time,
)
from msforge.model.plan import Source, System, Verb
from msforge.model.problems import Problems
from msforge.model.visits import visits, widths
from msforge.records import SECOND

MOST_REPLICAS: Final = 10_000
MOST_REPLICAS_IN_ALL: Final = 100_000
MOST_USERS: Final = 1_000_000
LONGEST: Final = 10 * 365 * 24 * 3600 * SECOND
_YEAR: Final = 365.25 * 24 * 3600
_SIZES: Final = ((_YEAR, "year"), (24 * 3600.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def check_counts(system: System, problems: Problems) -> None:
    """Bounds on what exists: replicas, users, and the length of the run."""
    total = 0
    for service in system.services:
        path = f"services.{service.name}.replicas"
        most = service.replicas
        if service.autoscale is not None and service.autoscale.maximum > most:
            path, most = f"services.{service.name}.autoscale.max", service.autoscale.maximum
        total += most
        if most > MOST_REPLICAS:
            problems.error("E702", path, f"{most} replicas of one service: the most is {MOST_REPLICAS}",
                           "simulate a smaller share of the system and of its traffic")
    if total > MOST_REPLICAS_IN_ALL and not problems.found:
        problems.error("E702", "services", f"{total} replicas in all: the most is {MOST_REPLICAS_IN_ALL}",
                       "simulate a smaller share of the system and of its traffic")
    for source in system.sources:
        if source.users > MOST_USERS:
            problems.error("E702", f"traffic.{source.name}.users", f"{source.users} users: the most is {MOST_USERS}",
                           "an open loop (`rate`) needs no user of its own for each request")
    length = system.run.duration + system.run.drain
    if length > LONGEST:
        problems.error("E703", "simulation.duration", f"a run of {in_words(length / SECOND)} is too long: "
                       f"the most is {in_words(LONGEST / SECOND)}", "write a shorter duration, and a shorter drain")


def check_turns(system: System, problems: Problems) -> None:
    """A turn must send something, and a closed loop must take time: else it would never end."""
    for source, visit in zip(system.sources, visits(system), strict=True):
        if visit.roots == 0:
            problems.error("E704", f"traffic.{source.name}.journey", f"`{source.name}` never sends a request",
                           "give its journey at least one target that can be reached")
    if not any(source.arrivals == "closed" for source in system.sources):
        return
    times = body_times(system)
    for source in system.sources:
        if source.arrivals == "closed" and turn_time(system, source, times) == 0 and _calls(system, source):
            problems.error("E705", f"traffic.{source.name}.users", f"a turn of `{source.name}` takes no time at all: "
                           "its users would ask again and again while the clock stands still",
                           "give it `think`, or let the endpoint take some time")


def _calls(system: System, source: Source) -> bool:
    return any(step.verb is Verb.CALL for step in system.steps if step.path.startswith(f"traffic.{source.name}."))


def check_size(system: System, problems: Problems) -> None:
    """Refuses a run that would not end in this life, with the estimate."""
    for source, visit in zip(system.sources, visits(system), strict=True):
        if visit.service_requests > TREE_LIMIT:
            problems.error("E701", _turn(system, source), f"one arrival of `{source.name}` leads to "
                           f"{_about(visit.service_requests)} requests: the most is {_about(TREE_LIMIT)}",
                           "look for `parallel` and `repeat` inside each other, and for messages that cause messages")
    for source, width in zip(system.sources, widths(system), strict=True):
        if width > WIDTH_LIMIT and not problems.found:
            problems.error("E701", _turn(system, source), f"one arrival of `{source.name}` does {_about(width)} "
                           f"things at once: the most is {_about(WIDTH_LIMIT)}",
                           "look for `parallel` inside `parallel`")
    if problems.found:
        return
    expected = estimate(system)
    if expected.service_requests <= LIMIT and expected.events <= EVENTS_LIMIT:
        return
    largest = max(range(len(system.sources)), key=lambda index: expected.by_source[index])
    problems.error("E701", problems.driver(system.sources[largest].name), _too_large(expected),
                   "lower the rate or the repetitions, or make the run shorter (simulation.duration)")


def _turn(system: System, source: Source) -> str:
    """The path of what a client does in a turn, or of its beginning."""
    return system.steps[source.journey[0]].path


def _too_large(expected: RunEstimate) -> str:
    if expected.service_requests > LIMIT:
        size, limit = f"{_about(expected.service_requests)} requests to services", _about(LIMIT)
    else:
        size, limit = f"{_about(expected.events)} steps", _about(EVENTS_LIMIT)
    return f"this run would have {size} and take {in_words(expected.seconds)}: the most is {limit}"


def _about(count: float) -> str:
    if not isfinite(count):
        return "endlessly many"
    return f"about {count:.0f}" if count < 1e4 else f"about {count:.1g}".replace("e+0", "e").replace("e+", "e")


def in_words(seconds: float) -> str:
    """`about 6 years`; a span in its largest fitting unit."""
    if not isfinite(seconds):
        return "for ever"
    if seconds >= 1000 * _YEAR:
        return "more than a thousand years"
    for size, unit in _SIZES:
        if seconds >= size:
            count = round(seconds / size)
            return f"about {count} {unit}{'s' if count != 1 else ''}"
    return "less than a second"
