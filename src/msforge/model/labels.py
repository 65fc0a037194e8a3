"""What a fault is called in reports: plain words, e.g. `payment 10x slower`."""

from __future__ import annotations

from typing import Any

from msforge import units
from msforge.policies.distributions import Dist
from msforge.spec import distributions
from msforge.spec import schema_faults as written


def label(fault: Any, target: str) -> str:
    """The plain words for a fault on `target`; its `id` comes first when it has one."""
    text = _words(fault, target)
    return f"{fault.id}: {text}" if fault.id else text


def _words(fault: Any, target: str) -> str:
    match fault:
        case written.CrashFault():
            return f"{_who(fault, target)} down"
        case written.PauseFault():
            return f"{_who(fault, target)} paused"
        case written.SlowFault():
            how = f"{units.format_factor(fault.by)} slower" if fault.by is not None else f"{_time(fault.add)} slower"
            return f"{_who(fault, target)} {how}"
        case written.FailFault():
            verb = "crash" if fault.how == "crash" else "fail"
            share = "all" if fault.rate == 1 else units.format_ratio(fault.rate)
            return f"{share} of {_who(fault, target)}'s requests {verb}"
        case written.CutFault():
            return f"{target} cut"
        case written.DelayFault():
            return f"{target} {_time(fault.add)} later"
        case written.DropFault():
            return f"{target} loses {units.format_ratio(fault.rate)}"
        case written.ZoneFault():
            return f"zone {target} down"
        case written.DeployFault():
            return f"deploy of {target}"
        case written.ChangeFault():
            return ", ".join(f"{path} = {value}" for path, value in fault.change.items())
    raise AssertionError(f"no such fault: {type(fault).__name__}")


def _who(fault: Any, target: str) -> str:
    if fault.replicas == "all":
        return target
    if fault.replicas == "each":
        return f"each replica of {target}"
    return f"{fault.replicas} {'replica' if fault.replicas == 1 else 'replicas'} of {target}"


def _time(dist: Dist | None) -> str:
    return "" if dist is None else str(distributions.write_duration(dist))
