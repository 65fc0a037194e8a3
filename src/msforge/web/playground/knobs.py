"""What can be turned: the knobs of each part of the picture, what they say in the language, how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from msforge import units
from msforge.errors import UsageError
from msforge.model.plan import NEVER, UNLIMITED, CallPolicy, Service, Source, Step, Store, System, Verb
from msforge.spec import Spec
from msforge.spec.places import join, split
from msforge.web.playground.session import Session

Read = Callable[[System, int], Any]
Write = Callable[[Session, Any], None]

COUNT, DURATION, RATE, SHARE, FACTOR, SWITCH = "count", "duration", "rate", "share", "factor", "switch"
BREAKER: Final = {"failure_rate": "50%", "window": 100, "open_for": "5s"}
"""What switching on a breaker gives to a call that has none in the file."""
RETRY: Final = {"backoff": "50ms", "jitter": "full"}
"""The same for retries."""


@dataclass(frozen=True)
class Knob:
    """Something to turn.

    owner: what it belongs to in the plan: ("service" | "store" | "source", index) or ("call", edge index).
    kind: count, duration (ms), rate (per second), share (0 to 1), factor, switch.
    low, high: the bounds of its value. optional: it may be None: not there.
    """

    id: str
    owner: tuple[str, int]
    label: str
    kind: str
    low: float
    high: float
    read: Callable[[Session], Any]
    write: Write
    optional: bool = False

    def turn(self, session: Session, value: Any) -> None:
        """Set it. Raises UsageError for a value that it cannot have, InvalidFileError for one that does not fit."""
        self.write(session, self._checked(value))

    def _checked(self, value: Any) -> Any:
        if value is None and self.optional:
            return None
        if self.kind == SWITCH:
            if not isinstance(value, bool):
                raise UsageError(f"{self.id} is on or off", hint="true or false")
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UsageError(f"{self.id} takes a number")
        if not self.low <= value <= self.high or (self.kind == COUNT and value != int(value)):
            whole = "a whole number " if self.kind == COUNT else ""
            raise UsageError(f"{self.id} takes {whole}from {self.low:g} to {self.high:g}")
        return int(value) if self.kind == COUNT else value


def knobs_of(spec: Spec, system: System, hidden: frozenset[int] = frozenset()) -> dict[str, Knob]:
    """Every knob of a system, by id, in the order in which they are shown.

    hidden: services that are drawn in a group; who calls them and whom they call has no knob either.
    """
    resolved = spec.resolved()
    made: list[Knob] = []
    for source in system.sources:
        made += _of_source(system, source)
    for service in (s for s in system.services if s.index not in hidden):
        made += _of_service(service)
    for store in system.stores:
        made += _of_store(store)
    for edge in system.edges:
        ends = {system.bodies[edge.caller].service, system.bodies[edge.callee].service}
        if not edge.local and not ends & hidden:
            made += _of_call(system, edge.index, spec.document, resolved)
    return {knob.id: knob for knob in made}


# -- traffic -----------------------------------------------------------------------------------


def _of_source(system: System, source: Source) -> Iterator[Knob]:
    owner, path, index = ("source", source.index), f"traffic.{source.name}", source.index
    if source.users:
        many = max(100, 4 * source.users)
        yield _number(owner, f"{path}.users", "Users", COUNT, 1, many, lambda s, _: s.sources[index].users)
    elif source.stages:
        most = max(50.0, 4 * max(rate for stage in source.stages for rate in (stage.begin, stage.end)))
        yield _number(owner, f"{path}.rate", "Rate", RATE, 0, most, lambda s, t: rate_at(s.sources[index], t))
    yield from _patience(owner, path, lambda system: system.sources[index].policy, system.sources[index].policy)


def rate_at(source: Source, time: int) -> float:
    """The rate (per second) that a source is meant to have at `time` (ns); 0 before and after."""
    begin = source.start
    for stage in source.stages:
        if begin <= time < begin + stage.duration:
            return stage.begin + (stage.end - stage.begin) * (time - begin) / stage.duration
        begin += stage.duration
    return 0.0


# -- services and stores -------------------------------------------------------------------------


def _of_service(service: Service) -> Iterator[Knob]:
    owner, path, index, name = ("service", service.index), f"services.{service.name}", service.index, service.name
    if service.function is None and service.autoscale is None:
        most = max(12, 4 * service.replicas)
        yield _number(owner, f"{path}.replicas", "Replicas", COUNT, 1, most, lambda s, _: s.services[index].replicas)
    if service.threads != UNLIMITED and service.function is None:
        most = max(128, 4 * service.threads)
        yield _number(owner, f"{path}.threads", "Threads each", COUNT, 1, most, lambda s, _: s.services[index].threads)
    yield from _troubles(owner, name)
    yield _fault(owner, f"crash {name}", "Crashed", SWITCH, 0, 1, lambda on: {"crash": name} if on else None)


def _of_store(store: Store) -> Iterator[Knob]:
    owner, path, index = ("store", store.index), f"stores.{store.name}", store.index
    if store.connections != UNLIMITED:
        most = max(40, 4 * store.connections)
        yield _number(
            owner, f"{path}.connections", "Connections", COUNT, 1, most, lambda s, _: s.stores[index].connections)
    yield from _troubles(owner, store.name)
    yield _fault(owner, f"pause {store.name}", "Paused", SWITCH, 0, 1, lambda on: {"pause": store.name} if on else None)


def _troubles(owner: tuple[str, int], name: str) -> Iterator[Knob]:
    yield _fault(owner, f"slow {name}", "Slower by", FACTOR, 1, 50,
                 lambda by: {"slow": name, "by": units.format_factor(float(by))} if by > 1 else None)
    yield _fault(owner, f"fail {name}", "Errors", SHARE, 0, 1,
                 lambda rate: {"fail": name, "rate": round(float(rate), 4)} if rate > 0 else None)


# -- calls -----------------------------------------------------------------------------------------


def _of_call(system: System, edge: int, document: dict[str, Any], resolved: dict[str, Any]) -> Iterator[Knob]:
    step = system.steps[system.edges[edge].step]
    owner, path = ("call", edge), as_written(document, step.path)

    def policy(now: System) -> CallPolicy:
        return _step_at(now, step.path).policy

    yield from _patience(owner, path, policy, step.policy)
    written = _at(resolved, f"{step.path}.circuit_breaker") or BREAKER
    yield Knob(
        f"{path}.circuit_breaker", owner, "Circuit breaker", SWITCH, 0, 1,
        lambda session: policy(session.engine.system).breaker is not None,
        lambda session, on: _change(
            session, f"{path}.circuit_breaker", written if on else None,
            lambda now: (policy(now).breaker is not None) == on),
    )


def _patience(
    owner: tuple[str, int], path: str, policy: Callable[[System], CallPolicy], first: CallPolicy
) -> Iterator[Knob]:
    """How long a caller waits and how often it tries; a client's as well as a service's."""

    def attempts(now: System) -> int:
        retry = policy(now).retry
        return 1 if retry is None else 100 if retry.attempts == UNLIMITED else retry.attempts

    def backoff(now: System) -> float:
        retry = policy(now).retry
        return 50.0 if retry is None else retry.backoff / units.MILLISECOND

    def set_retry(session: Session, **said: Any) -> None:
        known = policy(session.engine.system).retry is not None
        _change(session, f"{path}.retry", {**({} if known else RETRY), **said})

    def timeout(session: Session) -> float | None:
        found = policy(session.engine.system).timeout
        return None if found == NEVER else found / units.MILLISECOND

    def set_timeout(session: Session, value: float | None) -> None:
        wanted = None if value is None else duration(value)
        _change(session, f"{path}.timeout", wanted, lambda now: (policy(now).timeout == NEVER) == (value is None))

    yield Knob(f"{path}.timeout", owner, "Timeout", DURATION, 1, 60_000, timeout, set_timeout, optional=True)
    yield Knob(f"{path}.retry.attempts", owner, "Tries", COUNT, 1, max(10, attempts_of(first)),
               lambda session: attempts(session.engine.system),
               lambda session, value: set_retry(session, attempts=value))
    yield Knob(f"{path}.retry.backoff", owner, "Backoff", DURATION, 0, 10_000,
               lambda session: backoff(session.engine.system),
               lambda session, value: set_retry(
                   session, attempts=attempts(session.engine.system), backoff=duration(value)))


def attempts_of(policy: CallPolicy) -> int:
    """The most tries a policy has; without end counts as a hundred."""
    if policy.retry is None:
        return 1
    return 100 if policy.retry.attempts == UNLIMITED else policy.retry.attempts


def duration(milliseconds: float) -> str | int:
    """As the language writes it."""
    return units.format_duration(round(milliseconds * 1000) * units.MICROSECOND) if milliseconds else 0


# -- the two kinds of knob ---------------------------------------------------------------------------


def _number(owner: tuple[str, int], path: str, label: str, kind: str, low: float, high: float, read: Read) -> Knob:
    """A value of the description."""

    def write(session: Session, value: Any) -> None:
        _change(session, path, units.format_rate(value) if kind == RATE and value else value)

    return Knob(path, owner, label, kind, low, high, lambda session: read(session.engine.system, session.time), write)


def _fault(
    owner: tuple[str, int], key: str, label: str, kind: str, low: float, high: float,
    written: Callable[[Any], dict[str, Any] | None],
) -> Knob:
    """A fault that lasts until it is turned back. `written` is None for a value that means all is well."""

    def read(session: Session) -> Any:
        if key not in session.running:
            return False if kind == SWITCH else low
        said = session.running[key][0].written
        return True if kind == SWITCH else units.parse_factor(said["by"]) if kind == FACTOR else said["rate"]

    def write(session: Session, value: Any) -> None:
        fault = written(value)
        if fault is None:
            session.end(key)
        else:
            session.begin(key, fault)

    return Knob(key, owner, label, kind, low, high, read, write)


def _change(session: Session, path: str, value: Any, done: Callable[[System], bool] = lambda now: True) -> None:
    """Change one value; says so when the file's `defaults` bring the old one back."""
    if not done(session.engine.system.variant((*session.engine.changes, (path, value)))):
        raise UsageError(f"{path} cannot be taken away: the file's defaults give it", hint="change its value instead")
    session.change({path: value})


@lru_cache(maxsize=1)
def _steps(system: _Same) -> dict[str, Step]:
    return {step.path: step for step in system.plan.steps if step.verb is Verb.CALL}


def _step_at(system: System, path: str) -> Step:
    return _steps(_Same(system))[path]


class _Same:
    """A plan as a key: by identity, since its own hash looks at all of it."""

    def __init__(self, plan: System) -> None:
        self.plan = plan

    def __hash__(self) -> int:
        return id(self.plan)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.plan is self.plan


def as_written(document: Any, path: str) -> str:
    """The path of a step in the document, where one step may stand in place of a list of one."""
    parts: list[str | int] = []
    for part in split(path) or ():
        if isinstance(part, int) and not isinstance(document, list):
            continue
        parts.append(part)
        document = _inside(document, (part,))
    return join(tuple(parts))


def _at(data: Any, path: str) -> Any:
    """What stands at a path of plain data; None for nothing."""
    return _inside(data, split(path) or ())


def _inside(data: Any, parts: tuple[int | str, ...]) -> Any:
    for part in parts:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data
