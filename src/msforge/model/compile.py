"""Spec -> System: every name an index, every default filled in, every reference checked by use."""

from __future__ import annotations

from msforge.model import limits
from msforge.model.digest import digest_of
from msforge.model.faults import check_links, faults
from msforge.model.lookup import lookup
from msforge.model.objectives import objectives
from msforge.model.plan import Run, System
from msforge.model.problems import Problems
from msforge.model.services import bodies, channels, consumers, network, services, step_table, stores
from msforge.model.traffic import sources
from msforge.model.variants import check_changes
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
    run = _run(model)
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
        digest=digest or digest_of(model),
        document=spec.document,
        file=spec.file,
        folder=str(spec.folder or ""),
    )
    limits.check_counts(system, problems)
    limits.check_turns(system, problems)
    problems.stop()
    return system


def _run(model: SystemModel) -> Run:
    written = model.simulation
    return Run(model.length or 0, written.warmup, written.drain, written.seed, written.replications)
