"""What would change the advice: the nearest value of each number at which another style is recommended."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from msforge.analysis.style.advice import Advice, advise
from msforge.analysis.style.fields import BY_NAME
from msforge.analysis.style.situation import Situation
from msforge.units import UnitError

WATCHED: Final = (
    "engineers", "deploys", "deploy_time", "languages", "rate", "peak", "budget", "alone", "hop", "availability",
    "each",
)
FARTHEST: Final = 100.0
"""Times, or parts, of its value that a number is moved."""
STEP: Final = 1.25
CLOSE: Final = 1.0002


@dataclass(frozen=True, slots=True)
class Change:
    """Where the advice turns."""

    name: str
    above: bool                   # from this value on upwards, else downwards
    value: str
    style: str
    deployables: int


def changes(advice: Advice) -> list[Change]:
    """Every turning point within a factor of 100, by number."""
    return [found for name in WATCHED for above in (True, False)
            if (found := _turn(advice, name, above)) is not None]


def _turn(advice: Advice, name: str, above: bool) -> Change | None:
    """The nearest value on one side at which the style is another one."""
    near = 1.0
    for factor in _factors(above):
        found = _moved(advice.situation, name, factor)
        if found is None:
            return None
        if found.style != advice.style:
            far = _nearest(lambda at: _moved(advice.situation, name, at), advice.style, near, factor)
            return _change(advice.situation, name, above, far)
        near = factor
    return None


def _factors(above: bool) -> Iterator[float]:
    factor = STEP
    while factor <= FARTHEST:
        yield factor if above else 1 / factor
        factor *= STEP


def _nearest(at: Callable[[float], Advice | None], style: str, near: float, far: float) -> float:
    """Between a factor where all is as before and one where not: where it turns, to two in ten thousand."""
    while max(near, far) / min(near, far) > CLOSE:
        middle = math.sqrt(near * far)
        found = at(middle)
        if found is not None and found.style != style:
            far = middle
        else:
            near = middle
    return far


def _change(situation: Situation, name: str, above: bool, factor: float) -> Change | None:
    value = _value(situation, name, factor)
    if value is None:
        return None
    said = _rounded(name, value, above)
    found = advise(replace(situation, **{name: said}))
    return Change(name, above, str(BY_NAME[name].format(said)), found.style, found.deployables)


def _moved(situation: Situation, name: str, factor: float) -> Advice | None:
    value = _value(situation, name, factor)
    return None if value is None else advise(replace(situation, **{name: value}))


def _value(situation: Situation, name: str, factor: float) -> Any:
    """The number moved by a factor (a share by the factor of what is missing to 1); None beyond what can be said."""
    current = situation.deploys_a_day if name == "deploys" else getattr(situation, name)
    if name in ("availability", "each"):
        value: Any = 1 - (1 - current) / factor
    elif name in ("engineers", "languages"):
        value = round(current * factor) if current * factor >= 1 else None
    else:
        value = current * factor
    if value is None:
        return None
    try:
        BY_NAME[name].parse(BY_NAME[name].format(_rounded(name, value, True)))
    except UnitError:
        return None
    return value


def _rounded(name: str, value: Any, above: bool) -> Any:
    """Three digits, as a person would say it, away from where all is as before."""
    if name in ("availability", "each"):
        return 1 - _three(1 - value, not above)
    if name in ("engineers", "languages"):
        return value
    found = _three(value, above)
    return round(found) if name in ("budget", "alone", "hop", "deploy_time") else found


def _three(value: float, up: bool) -> float:
    scale = 10.0 ** (2 - math.floor(math.log10(value)))
    digits = math.ceil(value * scale - 1e-6) if up else math.floor(value * scale + 1e-6)
    return float(f"{digits / scale:.6g}")
