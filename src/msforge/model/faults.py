"""Faults: whom each hits, when, and how reports name it."""

from __future__ import annotations

from typing import Any

from msforge.model import labels
from msforge.model.lookup import Lookup
from msforge.model.plan import CLIENTS, NEVER, NONE, Fault
from msforge.model.problems import Problems
from msforge.model.steps import Words
from msforge.spec import schema_faults as written
from msforge.spec.fields import Link
from msforge.spec.schema_system import SystemModel


def faults(model: SystemModel, names: Lookup) -> tuple[Fault, ...]:
    """All faults in written order. A fault's word counts among faults of its kind and target only."""
    words = Words()
    return tuple([_fault(index, fault, names, words) for index, fault in enumerate(model.faults)])


def check_links(model: SystemModel, names: Lookup, problems: Problems) -> None:
    """Reports links along which nothing is ever sent: only services and clients call, only services answer both."""
    for index, fault in enumerate(model.faults):
        if not isinstance(fault, written.CutFault | written.DelayFault | written.DropFault):
            continue
        link = getattr(fault, fault.kind)
        message = _no_link(link, names)
        if not message and fault.kind != "cut" and link.caller not in (*names.services, "clients"):
            problems.error("E707", f"faults[{index}].{fault.kind}",
                           f"`{fault.kind}` has no meaning for what `{link.caller}` delivers: a channel delivers until "
                           "the message is acknowledged",
                           f"cut it, or let {link.callee} be slow or fail")
        elif message:
            problems.error("E707", f"faults[{index}].{fault.kind}", message,
                           "a link goes from a service or `clients` to a service, from a service to a store or "
                           "channel, or from a channel to a service that reads it")


def _no_link(link: Link, names: Lookup) -> str:
    if link.caller in names.stores and link.caller not in names.services:
        return f"`{link.caller}` is a store: it answers, but sends nothing of its own"
    if link.callee not in names.services:
        if link.callee not in names.stores and link.callee not in names.channels:
            return "`clients` send requests, nothing is sent to them"
        if link.caller not in names.services:
            return f"nothing passes from `{link.caller}` to `{link.callee}`: only a service uses stores and channels"
    return ""


def target_of(fault: object) -> str:
    """What a fault is about, as one word or link."""
    kind = getattr(fault, "kind", "")
    if kind == "change":
        return ""
    target = getattr(fault, kind)
    return f"{target.caller} -> {target.callee}" if isinstance(target, Link) else str(target)


def _fault(index: int, fault: Any, names: Lookup, words: Words) -> Fault:
    replicas = getattr(fault, "replicas", "all")
    return Fault(
        index=index,
        word=words.next(fault.id, fault.kind, target_of(fault)),
        path=f"faults[{index}]",
        kind=fault.kind,
        at=NEVER if fault.at is None else fault.at,
        every=fault.every,
        duration=getattr(fault, "for_", None),
        replicas="some" if isinstance(replicas, int) else replicas,
        number=replicas if isinstance(replicas, int) else 0,
        label=labels.label(fault, target_of(fault)),
        **(_whom(fault, names) | _how(fault)),
    )


def _whom(fault: Any, names: Lookup) -> dict[str, Any]:
    """Indices of the target."""
    match fault:
        case written.CrashFault():
            return {"service": names.services[fault.crash]}
        case written.DeployFault():
            return {"service": names.services[fault.deploy]}
        case written.SlowFault() | written.FailFault() | written.PauseFault():
            return _subject(target_of(fault), names)
        case written.CutFault() | written.DelayFault() | written.DropFault():
            return _link(getattr(fault, fault.kind), names)
        case written.ZoneFault():
            return {"zone": names.zones[fault.zone]}
    return {}


def _subject(subject: str, names: Lookup) -> dict[str, Any]:
    if subject in names.bodies:
        return {"body": names.bodies[subject]}
    if subject in names.services:
        return {"service": names.services[subject]}
    return {"store": names.stores[subject]}


def _link(link: Link, names: Lookup) -> dict[str, Any]:
    found = {"caller": NONE, "callee": NONE}
    if link.caller in names.services:
        found["caller"] = names.services[link.caller]
    elif link.caller in names.channels:
        found["channel"] = names.channels[link.caller]
    else:
        found["caller"] = CLIENTS
    if link.callee in names.services:
        found["callee"] = names.services[link.callee]
    elif link.callee in names.channels:
        found["channel"] = names.channels[link.callee]
    else:
        found["callee_store"] = names.stores[link.callee]
    return found


def _how(fault: Any) -> dict[str, Any]:
    """What it does."""
    match fault:
        case written.SlowFault():
            return {"factor": 1.0 if fault.by is None else fault.by, "add": fault.add}
        case written.FailFault():
            return {"rate": fault.rate, "status": fault.status, "crash": fault.how == "crash"}
        case written.DelayFault():
            return {"add": fault.add}
        case written.DropFault():
            return {"rate": fault.rate}
        case written.DeployFault():
            return {
                "max_unavailable": fault.max_unavailable, "canary": fault.canary, "canary_for": fault.canary_for,
                "changes": tuple((f"services.{fault.deploy}.{path}", value) for path, value in fault.changes.items()),
            }
        case written.ChangeFault():
            return {"changes": tuple(fault.change.items())}
    return {}
