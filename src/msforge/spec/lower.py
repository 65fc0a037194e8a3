"""Shared parts put where they are used: named policies and `defaults`. Works on raw data; places travel along.

A default and what a thing says itself merge as overlays do (RFC 7386): the thing's own
keys win, maps merge, null removes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from msforge.errors import Diagnostic
from msforge.names import did_you_mean
from msforge.spec.fields import Part
from msforge.spec.merge import merge
from msforge.spec.places import join, place_of
from msforge.spec.schema_policies import Budget, CircuitBreaker, Hedge, Retry, Throttle
from msforge.spec.schema_services import NOT_OF_FUNCTIONS
from msforge.spec.schema_steps import Cache, Fallback
from msforge.spec.schema_stores import NOT_OF_QUEUES, NOT_OF_TOPICS
from msforge.spec.shape import keys_of
from msforge.spec.source import Map, Mark, Seq, problem

POLICY_TYPES: Final[dict[str, type[Part]]] = {
    "retry": Retry,
    "circuit_breaker": CircuitBreaker,
    "hedge": Hedge,
    "throttle": Throttle,
    "fallback": Fallback,
    "cache": Cache,
    "budget": Budget,
}
_WORDS: Final = {
    "retry": "retries",
    "circuit_breaker": "a circuit breaker",
    "hedge": "a hedge",
    "throttle": "a throttle",
    "fallback": "a fallback",
    "cache": "a cache",
    "budget": "a retry budget",
}
_STEP_LISTS: Final = ("parallel", "steps")
_MOST_FALLBACKS: Final = 20_000


def policy_kind(settings: Map) -> str:
    """Which policy a mapping is: the one most of its keys belong to."""
    return max(POLICY_TYPES, key=lambda kind: sum(key in keys_of(POLICY_TYPES[kind]) for key in settings))


def policy_type(settings: Map) -> type[Part]:
    """The model of the policy that a mapping is."""
    return POLICY_TYPES[policy_kind(settings)]


class Lowering:
    """One pass over a document. `result` shares with it all that did not change."""

    def __init__(self, document: Map, root: Mark | None) -> None:
        self.root = root
        self.document = document
        self.problems: list[Diagnostic] = []
        self.policies = _map(document.get("policies"))
        self.defaults = _map(document.get("defaults"))
        self.active: list[str] = []  # fallbacks being put in place, by policy name; "" for one written out
        self.expanded = 0
        self.call_defaults = Map()
        self._budgets()

    def run(self) -> Map:
        """The document with policies and defaults in place, and without those sections and scenarios."""
        out = self.document.copy()
        for section in ("policies", "defaults", "scenarios"):
            out.pop(section, None)
        calls = self._options(_map(self.defaults.get("calls")), ("defaults", "calls"))
        self.call_defaults = calls
        services = _map(self.document.get("services"))
        out_services = _each(services, lambda name, s: self._service(s, ("services", name)))
        if out_services is not services:
            out["services"] = out_services
        for section, fitting in (("stores", _same), ("channels", _for_channel)):
            base = _map(self.defaults.get(section))
            items = _map(self.document.get(section))
            if base and items:
                out[section] = _each(items, lambda _, item, base=base, fit=fitting: merge(fit(base, item), item))
        traffic = _map(self.document.get("traffic"))
        out_traffic = _each(traffic, lambda name, s: self._source(s, ("traffic", name)))
        if out_traffic is not traffic:
            out["traffic"] = out_traffic
        return out

    def lone(self, settings: Map, path: tuple[int | str, ...]) -> Map:
        """Settings that stand apart (a policy, a default), with the policies they name in place."""
        return self._step(settings, path)

    def _budgets(self) -> None:
        """A named retry may itself use a named budget."""
        for name, settings in self.policies.items():
            if isinstance(settings, Map) and isinstance(settings.get("budget"), str):
                self.policies = self.policies.copy()
                self.policies[name] = self._named(settings, "budget", ("policies", name))

    def _service(self, service: Map, path: tuple[int | str, ...]) -> Map:
        base = self.defaults.get("services")
        if isinstance(base, Map) and base:
            service = merge(_without(base, NOT_OF_FUNCTIONS if "function" in service else ()), service)
        out = service
        for section, handle in (("endpoints", self._body), ("consumers", self._consumer)):
            items = service.get(section)
            if isinstance(items, Map):
                changed = _each(items, lambda name, body, h=handle, s=section: h(body, (*path, s, name)))
                if changed is not items:
                    out = _with(out, section, changed)
        return out

    def _consumer(self, consumer: Map, path: tuple[int | str, ...]) -> Map:
        base = self.defaults.get("consumers")
        consumer = self._options(consumer, path)
        if isinstance(base, Map) and base:
            consumer = merge(self._options(base, ("defaults", "consumers")), consumer)
        return self._body(consumer, path)

    def _body(self, body: Map, path: tuple[int | str, ...]) -> Map:
        steps = body.get("steps")
        changed = self._steps(steps, (*path, "steps"))
        return body if changed is steps else _with(body, "steps", changed)

    def _steps(self, steps: Any, path: tuple[int | str, ...]) -> Any:
        if isinstance(steps, Map):  # a single step, as in a saga's `do`
            return self._step(steps, path)
        if not isinstance(steps, Seq):
            return steps
        out = steps
        for index, step in enumerate(steps):
            if isinstance(step, Map):
                changed = self._step(step, (*path, index))
                if changed is not step:
                    if out is steps:
                        out = Seq(steps, list(steps.marks))
                    out[index] = changed
        return out

    def _step(self, step: Map, path: tuple[int | str, ...]) -> Map:
        name = step.get("fallback")
        out = self._options(step, path)
        if "call" in out and self.call_defaults:
            out = merge(self.call_defaults, out)
            if self.active and "fallback" not in step:  # else a default fallback that calls would never end
                out.pop("fallback", None)
        for key in _STEP_LISTS:
            if isinstance(out.get(key), Seq):
                changed = self._steps(out[key], (*path, key))
                out = out if changed is out[key] else _with(out, key, changed)
        for key, inner in (("choose", ("steps",)), ("saga", ("do", "undo"))):
            if isinstance(out.get(key), Seq):
                out = self._branches(out, key, inner, path)
        return self._fallback(out, name if isinstance(name, str) else "", path)

    def _fallback(self, step: Map, name: str, path: tuple[int | str, ...]) -> Map:
        """Lowers the steps of a fallback; one that contains itself is reported and left out."""
        fallback = step.get("fallback")
        if not isinstance(fallback, Map):
            return step
        self.expanded += bool(name)
        if name and (name in self.active or self.expanded > _MOST_FALLBACKS):
            self._report(
                (*path, "fallback"),
                step,
                "fallback",
                "E511",
                f"the fallback `{name}` contains itself"
                if name in self.active
                else "the fallbacks of this file contain each other too often",
                "end it with steps that need no fallback",
            )
            return _with(step, "fallback", Map())
        self.active.append(name)
        changed = self._body(fallback, (*path, "fallback"))
        self.active.pop()
        return step if changed is fallback else _with(step, "fallback", changed)

    def _branches(self, step: Map, key: str, inner: tuple[str, ...], path: tuple[int | str, ...]) -> Map:
        branches = step[key]
        out = branches
        for index, branch in enumerate(branches):
            if not isinstance(branch, Map):
                continue
            changed = branch
            for name in inner:
                steps = branch.get(name)
                new = self._steps(steps, (*path, key, index, name))
                changed = changed if new is steps else _with(changed, name, new)
            if changed is not branch:
                if out is branches:
                    out = Seq(branches, list(branches.marks))
                out[index] = changed
        return step if out is branches else _with(step, key, out)

    def _source(self, source: Map, path: tuple[int | str, ...]) -> Map:
        out = self._options(source, path)
        journey = out.get("journey")
        changed = self._journey(journey, (*path, "journey"))
        return out if changed is journey else _with(out, "journey", changed)

    def _journey(self, journey: Any, path: tuple[int | str, ...]) -> Any:
        if not isinstance(journey, Seq):
            return journey
        out = journey
        for index, item in enumerate(journey):
            if not isinstance(item, Map):
                continue
            here = (*path, index)
            changed = self._options(item, here)
            if isinstance(changed.get("journey"), Seq):
                inner = self._journey(changed["journey"], (*here, "journey"))
                changed = changed if inner is changed["journey"] else _with(changed, "journey", inner)
            if isinstance(changed.get("choose"), Seq):
                ways = Seq(changed["choose"], list(changed["choose"].marks))
                for way, branch in enumerate(ways):
                    if isinstance(branch, Map) and isinstance(branch.get("journey"), Seq):
                        inner = self._journey(branch["journey"], (*here, "choose", way, "journey"))
                        ways[way] = branch if inner is branch["journey"] else _with(branch, "journey", inner)
                changed = _with(changed, "choose", ways)
            if changed is not item:
                if out is journey:
                    out = Seq(journey, list(journey.marks))
                out[index] = changed
        return out

    # -- named policies ------------------------------------------------------------------

    def _options(self, holder: Map, path: tuple[int | str, ...]) -> Map:
        """The holder with its policy names replaced by the policies."""
        for kind in POLICY_TYPES:
            if kind in holder:
                value = holder[kind]
                if isinstance(value, str):
                    holder = self._named(holder, kind, path)
                elif kind == "retry" and isinstance(value, Map) and isinstance(value.get("budget"), str):
                    holder = _with(holder, "retry", self._named(value, "budget", (*path, "retry")))
        return holder

    def _named(self, holder: Map, kind: str, path: tuple[int | str, ...]) -> Map:
        name = holder[kind]
        policy = self.policies.get(name)
        if isinstance(policy, Map):
            actual = policy_kind(policy)
            if actual == kind or not policy:
                return _with(holder, kind, policy)
            self._report(
                (*path, kind),
                holder,
                kind,
                "E509",
                f"the policy `{name}` is {_WORDS[actual]}, not {_WORDS[kind]}",
                "name another, or write settings",
            )
        elif name not in self.policies:
            hint = did_you_mean(name, self.policies)
            self._report(
                (*path, kind),
                holder,
                kind,
                "E508",
                f"there is no policy `{name[:60]}`",
                hint or f"name it under `policies`, or write the settings: {', '.join(keys_of(POLICY_TYPES[kind]))}",
            )
        out = holder.copy()
        del out[kind]
        return out

    def _report(self, path: tuple[int | str, ...], holder: Map, kind: str, code: str, message: str, hint: str) -> None:
        place = place_of(holder, (kind,), None) or place_of(self.document, path, self.root)
        self.problems.append(problem(place, code, message, hint, join(path)))


def _without(base: Map, keys: Collection[str]) -> Map:
    """Defaults that have a meaning for this one."""
    if not any(key in base for key in keys):
        return base
    return Map({key: value for key, value in base.items() if key not in keys}, base.marks)


def _same(base: Map, _item: Map) -> Map:
    return base


def _for_channel(base: Map, channel: Map) -> Map:
    kind = channel.get("kind", base.get("kind", "queue"))
    return _without(base, NOT_OF_TOPICS if kind == "topic" else NOT_OF_QUEUES)


def _map(value: Any) -> Map:
    return value if isinstance(value, Map) else Map()


def _with(holder: Map, key: str, value: Any) -> Map:
    out = holder.copy()
    out[key] = value
    return out


def _each(items: Map, handle: Any) -> Map:
    """The map with each Map in it handled; itself when nothing changed."""
    out = items
    for key, value in items.items():
        if isinstance(value, Map):
            changed = handle(key, value)
            if changed is not value:
                if out is items:
                    out = items.copy()
                out[key] = changed
    return out
