"""Numbers in force that differ from those the code was generated with: a change of the description while it runs.

They come as plain data (see `Numbers`); `told` makes it of a value, `understood` the value of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from msforge.policies.distributions import Dist
from msforge.policies.keys import child_key
from msforge.runtime import plan

TYPES: Final[dict[str, Any]] = {
    kind.__name__: kind
    for kind in (plan.Budget, plan.Retry, plan.Breaker, plan.Throttle, plan.Call, plan.Cpu, plan.Function,
                 plan.Service, plan.Consumer, plan.Channel, plan.Store, plan.Cache)
}
SAME: Final[Mapping[str, Any]] = {}
"""The arguments of a step that has not changed."""


def told(value: Any) -> Any:
    """A value of the plan as plain data: its type's name and fields."""
    if isinstance(value, Dist):
        return {"Dist": [value.kind, list(value.params), [told(part) for part in value.parts]]}
    if is_dataclass(value):
        return {type(value).__name__: {f.name: told(getattr(value, f.name)) for f in fields(value) if f.init}}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [told(item) for item in value]
    return value


def understood(plain: Any) -> Any:
    """The value that `told` was given; lists are tuples. Raises ValueError for anything else."""
    if isinstance(plain, list):
        return tuple(understood(item) for item in plain)
    if not isinstance(plain, Mapping):
        return plain
    if len(plain) != 1:
        raise ValueError(f"a value of the plan has one type, not {sorted(plain)}")
    (name, content), = plain.items()
    try:
        if name == "Dist":
            kind, params, parts = content
            return Dist(str(kind), tuple(float(p) for p in params), tuple(understood(part) for part in parts))
        values = {key: understood(item) for key, item in content.items()}
        if name == "Retry":
            values["on"] = frozenset(values["on"])
        return TYPES[name](**values)
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"a {name} cannot be made of this: {problem}") from problem


class Numbers:
    """What differs, for one replica. Its plain data has any of

    service     the service itself (a plan's `Service`)
    steps       by endpoint or consumer, pairs of a step's path (words of the blocks around it, and its own) and the
                arguments that are others now
    stores, channels    by name, as the plan has them
    balance     by called service that its callers balance over, the rule
    gone        guards that no call asks for any more: kind, endpoint, settings
    """

    def __init__(self, plain: Mapping[str, Any]) -> None:
        """Raises ValueError when that makes no sense."""
        try:
            self.service: plan.Service | None = understood(plain.get("service"))
            self.stores = {str(name): understood(store) for name, store in plain.get("stores", {}).items()}
            self.channels = {str(name): understood(channel) for name, channel in plain.get("channels", {}).items()}
            self.balance = {str(name): str(rule) for name, rule in plain.get("balance", {}).items()}
            self.gone = [(str(kind), str(name), understood(how)) for kind, name, how in plain.get("gone", [])]
            self.steps = {
                str(body): [
                    ([str(word) for word in path], {str(key): understood(value) for key, value in arguments.items()})
                    for path, arguments in steps
                ]
                for body, steps in plain.get("steps", {}).items()
            }
        except (TypeError, AttributeError) as problem:
            raise ValueError(f"these are no numbers of a service: {problem}") from problem

    def at(self, body: str, key: int) -> dict[int, Mapping[str, Any]]:
        """The changed steps of a request to `body` whose place has that key, each by its own key."""
        found: dict[int, Mapping[str, Any]] = {}
        for path, arguments in self.steps.get(body, ()):
            place = key
            for word in path:
                place = child_key(place, word)
            found[place] = arguments
        return found
