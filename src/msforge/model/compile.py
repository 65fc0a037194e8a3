"""Spec -> System: every name an index, every default filled in, every reference checked by use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from msforge.model import limits
from msforge.model.digest import digest_of, parts_of
from msforge.model.faults import check_links, faults
from msforge.model.lookup import lookup
from msforge.model.objectives import objectives
from msforge.model.plan import Run, System
from msforge.model.problems import Problems
from msforge.model.services import bodies, channels, consumers, network, services, step_table, stores
from msforge.model.traffic import last_arrival, sources
from msforge.model.variants import check_changes
from msforge.policies.distributions import Dist
from msforge.spec import Spec
from msforge.spec.schema_system import SystemModel


def compile_system(spec: Spec) -> System:
    """The plan of a description. The same description always gives the same plan.

    Raises InvalidFileError with everything that only the plan shows: a run without end or too
    large to simulate, a closed loop that takes no time, timed changes that do not fit.
    """
    system = build(spec)
    problems = Problems(spec)
    check_changes(spec, system, problems)
    limits.check_size(system, problems)
    problems.stop()
    return system


def build(spec: Spec, *, like: System | None = None, digest: str = "") -> System:
    """The plan without a look at its timed changes and its size.

    A variant is built `like` the plan it varies: its zones keep their indices, and it comes with a digest.
    """
    problems = Problems(spec)
    model = spec.model
    names = lookup(model, like.zones if like else ())
    run = _run(model, problems)
    check_links(model, names, problems)
    table = step_table(model, names)
    made_bodies = bodies(model, names, table)
    made_sources = sources(model, names, table, run.duration)
    steps = table.done()
    problems.stop()
    made_stores, made_services = stores(model, names), services(model, names)
    system = System(
        name=model.name,
        services=made_services,
        bodies=made_bodies,
        consumers=consumers(model, names),
        steps=steps,
        edges=tuple(table.edges),
        stores=made_stores,
        channels=channels(model, names),
        zones=tuple(names.zones),
        network=network(model),
        sources=made_sources,
        faults=faults(model, names),
        objectives=objectives(model, names),
        run=run,
        scenario=spec.scenario or "",
        digest=digest,
        document=spec.document,
        file=spec.file,
        folder=str(spec._folder or ""),
    )
    if not digest:
        system = replace(system, digest=digest_of(spec.resolved(), system.sources, _dists(system)))
    limits.check_counts(system, problems)
    limits.check_turns(system, problems)
    problems.stop()
    return system


def _run(model: SystemModel, problems: Problems) -> Run:
    written = model.simulation
    ends = [end for source in model.traffic.values() if (end := last_arrival(source)) is not None]
    duration = written.duration or max(ends, default=0)
    if not duration:
        problems.error("E703", "simulation", "nothing says how long the run is: no source of traffic has an end",
                       "write simulation: {duration: 5m}, or give a source `for` or `stages`")
    elif written.warmup >= duration:
        problems.error("E704", "simulation.warmup", "the warm-up leaves nothing to measure: it is as long as the run",
                       "make warmup shorter or duration longer")
    return Run(duration, written.warmup, written.drain, written.seed, written.replications)


def _dists(system: System) -> Iterator[Dist]:
    for step in system.steps:
        yield from parts_of(step.dist)
        yield from parts_of(step.key)
    for store in system.stores:
        yield from parts_of(store.read)
        yield from parts_of(store.write)
    for service in system.services:
        yield from parts_of(service.startup)
        yield from parts_of(None if service.function is None else service.function.cold_start)
    for channel in system.channels:
        yield from parts_of(channel.publish)
    for source in system.sources:
        yield from parts_of(source.think)
    for fault in system.faults:
        for dist in (fault.every, fault.duration, fault.add):
            yield from parts_of(dist)
    yield from parts_of(system.network.latency)
    yield from parts_of(system.network.zone_latency)
