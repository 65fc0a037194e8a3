"""What a lint rule finds, before it has a place in the text; and words shared by the rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from msforge.analysis.flow import Flow
from msforge.analysis.load import load_at
from msforge.analysis.response import Response
from msforge.analysis.worst import deep
from msforge.model.plan import CallPolicy, Source, Step, System, Verb


@dataclass(frozen=True, slots=True)
class Finding:
    """One warning: its code, where it is (a dotted path), what is wrong and why, what to do."""

    code: str
    path: str
    message: str
    help: str


class Facts:
    """What several rules need to know of a system, worked out once."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.flow = Flow(system)

    @cached_property
    def reached(self) -> set[int]:
        """Bodies that some source's request may come to, through calls, fallbacks, undos and messages."""
        system = self.system
        todo = [s.target for source in system.sources for s in self.steps_of(source) if s.verb is Verb.CALL]
        found: set[int] = set()
        while todo:
            body = todo.pop()
            if body in found:
                continue
            found.add(body)
            for index in self.inside(body):
                step = system.steps[index]
                if step.verb is Verb.CALL:
                    todo.append(step.target)
                elif step.verb is Verb.PUBLISH:
                    todo += [system.consumers[c].body for c in system.channels[step.target].consumers]
                    todo += self._dead_letters(step.target)
        return found

    def _dead_letters(self, channel: int) -> list[int]:
        """Bodies that read where a channel's failed messages go."""
        seen: set[int] = set()
        bodies: list[int] = []
        while (channel := self.system.channels[channel].dead_letter) >= 0 and channel not in seen:
            seen.add(channel)
            bodies += [self.system.consumers[c].body for c in self.system.channels[channel].consumers]
        return bodies

    def steps_of(self, source: Source) -> Iterator[Step]:
        """The steps of a source's journey, branches included."""
        return (self.system.steps[i] for i in deep(self.system, source.journey))

    def inside(self, body: int) -> list[int]:
        """All steps of a body in written order, branches, fallbacks and undos included."""
        if body not in self._inside:
            self._inside[body] = deep(self.system, self.system.bodies[body].block)
        return self._inside[body]

    @cached_property
    def _inside(self) -> dict[int, list[int]]:
        return {}

    def calls(self) -> Iterator[Step]:
        """Call steps of services, in the order of bodies."""
        for body in self.system.bodies:
            for index in self.inside(body.index):
                if self.system.steps[index].verb is Verb.CALL:
                    yield self.system.steps[index]

    def client_calls(self) -> Iterator[tuple[Source, Step, CallPolicy, str]]:
        """(source, call, its policy, where the policy is written) of all clients."""
        for source in self.system.sources:
            for step in self.steps_of(source):
                if step.verb is Verb.CALL:
                    ours, all_ = step.policy, source.policy
                    own = (ours.timeout, ours.deadline, ours.retry) != (all_.timeout, all_.deadline, all_.retry)
                    yield source, step, ours, step.path if own else f"traffic.{source.name}"

    def remote(self, step: Step) -> bool:
        """Whether a call goes over the network."""
        return self.system.bodies[step.target].service != step.service

    def name(self, body: int) -> str:
        """`service.endpoint`."""
        return self.system.body_name(body)

    @cached_property
    def deadlined(self) -> set[int]:
        """Bodies that only ever run under a deadline passed on by some caller."""
        free = {c.body for c in self.system.consumers}
        for _, step, policy, _ in self.client_calls():
            if policy.deadline < 0:
                free.add(step.target)
        for body in self.flow.order:
            for index in self.inside(body):
                step = self.system.steps[index]
                if step.verb is Verb.CALL and body in free and step.policy.deadline < 0:
                    free.add(step.target)
        return self.reached - free

    @cached_property
    def alone(self) -> Response:
        """Times without any load."""
        return Response(load_at(self.system, tuple(0.0 for _ in self.system.sources)), queueing=False, rough=True)

    @cached_property
    def _effects(self) -> dict[int, bool]:
        return {}

    def harmless(self, body: int) -> bool:
        """Whether a body only computes and reads, as do all that it calls: doing it twice changes nothing.

        What it declares counts first: POST and PATCH change something, GET does not.
        """
        plan = self.system.bodies[body]
        method = plan.http.split(" ")[0] if plan.http else ""
        if method in ("GET", "HEAD", "OPTIONS"):
            return True
        if body not in self._effects:
            self._effects[body] = False
            self._effects[body] = all(self._quiet(self.system.steps[i]) for i in self.inside(body))
        return self._effects[body]

    def _quiet(self, step: Step) -> bool:
        if step.verb in (Verb.WRITE, Verb.PUBLISH, Verb.SAGA, Verb.WAIT):
            return False
        return step.verb is not Verb.CALL or self.harmless(step.target)


def ms(ns: float) -> str:
    """A duration in ns for reading: 3 significant digits, in the unit that suits it."""
    if math.isinf(ns):
        return "no end"
    for unit, size in (("d", 86_400e9), ("h", 3_600e9), ("min", 60e9), ("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size * 0.9995:
            return f"{_three(ns / size)}{unit}"
    return "0s" if ns < 0.5 else f"{ns:.0f}ns"


def _three(x: float) -> str:
    if x >= 99.95:
        return f"{x:,.0f}"
    return f"{x:.3g}"


def number(x: float) -> str:
    """A number for reading: 3 significant digits, thousands whole."""
    if math.isinf(x):
        return "unlimited"
    return f"{x:,.0f}" if abs(x) >= 99.95 else f"{x:.3g}"


def percent(x: float) -> str:
    """A share as a percentage."""
    return f"{x * 100:,.0f} %" if x >= 0.095 else f"{x * 100:.2g} %"


def times_word(n: float) -> str:
    """`3 times`, `once`, `for ever`."""
    if math.isinf(n):
        return "for ever"
    return {1: "once", 2: "twice"}.get(int(n), f"{number(n)} times") if n == int(n) else f"{number(n)} times"


def listed(words: list[str]) -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
