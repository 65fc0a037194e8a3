"""Rolling deployments and autoscaling: processes that replace, add and remove replicas."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from msforge.model.plan import Fault
from msforge.policies.autoscaler import PERIOD, Scaling, Use
from msforge.policies.rollout import GRACE, batches
from msforge.sim.programs import Programs

if TYPE_CHECKING:
    from msforge.sim.engine import Engine
    from msforge.sim.replica import Replica
    from msforge.sim.service import ServiceRun



def deploy(engine: Engine, fault: Fault) -> Generator[Any, Any, None]:
    """Replace every replica of a service, a few at a time; with a canary, its share first."""
    service = engine.services[fault.service]
    service.version += 1
    version = service.version
    service.deploying = fault.changes
    system = engine.base.variant((*engine.changes, *fault.changes)) if fault.changes else engine.system
    service.next_programs = Programs(engine, system) if fault.changes else service.programs
    service.next_plan = system.services[service.index]
    old = [r for r in service.replicas if not r.leaving]
    engine.note("deploy", service.name, f"version {version} begins", service.index)
    canary, rest = batches(old, fault.max_unavailable, fault.canary)
    for batch in canary:
        yield from _replace(engine, service, batch, version)
    if canary:
        engine.note("deploy", service.name, f"version {version}: canary runs", service.index)
        if fault.canary_for:
            yield engine.pause(fault.canary_for)
    for batch in rest:
        yield from _replace(engine, service, batch, version)
    if fault.changes:
        service.deploying = ()
        engine.settle_deploy(fault.changes)
    engine.note("deploy", service.name, f"version {version} done", service.index)
    engine.note("fault_end", fault.label or fault.kind, service=fault.service, fault=fault.index)


def _replace(engine: Engine, service: ServiceRun, batch: list[Replica], version: int) -> Generator[Any, Any, None]:
    if service.plan.function is not None:  # new instances are of the new version at once, old ones finish
        service.add_replica(engine.env.now, ready=True, version=version)
        for replica in batch:
            service.retire(replica)
        return
    leaving = []
    for replica in batch:
        if replica.died >= 0:
            continue
        gone = engine.env.event()
        service.retire(replica, gone.succeed)
        leaving.append((replica, gone))
    if leaving:
        done = engine.env.all_of([gone for _, gone in leaving])
        yield done | engine.pause(GRACE)
        for replica, gone in leaving:
            if not gone.triggered:
                replica.crash()
                service.end_of(replica)
    started = []
    for _ in batch:
        replica = service.add_replica(engine.env.now, ready=False, version=version)
        started.append((engine.faults.startup(service, replica), replica))
    for delay, replica in sorted(started, key=lambda s: (s[0], s[1].ordinal)):
        wait = delay - (engine.env.now - replica.born)
        if wait > 0:
            yield engine.pause(wait)
        service.make_ready(replica)
        engine.note("ready", f"{service.name}#{replica.ordinal}", f"version {version}", service.index)


def autoscale(engine: Engine, service: ServiceRun) -> Generator[Any, Any, None]:
    """The HorizontalPodAutoscaler's loop: look every 15 s, scale by its rule."""
    scaling = Scaling()
    while True:
        yield engine.pause(PERIOD)
        rule = service.plan.autoscale
        if rule is None:
            scaling.rest()
            continue
        now = engine.env.now
        uses = [_use(replica, rule.metric, now) for replica in service.replicas if not replica.leaving]
        wanted, mean = scaling.look(now, rule.minimum, rule.maximum, rule.target, uses)
        service.scale(wanted, f"{rule.metric} {mean:.0%}")


def _use(replica: Replica, metric: str, now: int) -> Use:
    """A replica's threads or CPU, and what they have done so far."""
    if metric == "cpu" and replica.cpu is not None:
        return Use(replica.number, replica.cpu.area(now), replica.cpu.cores, replica.up)
    return Use(replica.number, float(replica.gauge_busy.area(now)), float(max(1, replica.slots)), replica.up)
