"""Which services need no events for what can be known without them.

A service is *quiet* when nothing in the plan can change what happens to a request once it is
sent there: its requests queue in order for threads, no fault, change, limit or cancellation
touches it, and the network takes a constant time. Quiet are *leaves*, whose endpoints only work
and wait (`leaf`), and *inner* services, which also call quiet services (`inner`).

At one instant the order of events decides. So the times that lie between events must not
tie by construction: what is left out is preceded by a random duration.
"""

from __future__ import annotations

from msforge.model.plan import Block, Body, Service, Step, System, Verb
from msforge.policies.distributions import Dist
from msforge.sim.operations import constant_of

TIMES = (Verb.WORK, Verb.WAIT)
MOST_PATHS = 20_000
LUMPY = ("constant", "empirical", "zipf")  # kinds that give some values again and again


def quiet_leaves(system: System) -> frozenset[int]:
    """The services whose requests need no events of their own."""
    if not _calm(system):
        return frozenset()
    hit = _hit(system)
    quiet = {s.index for s in system.services if s.index not in hit and _is_leaf(system, s)}
    for step in system.steps:
        if step.verb == Verb.CALL:
            target = system.bodies[step.target].service
            if target in quiet and not _plain_call(system, step, target):
                quiet.discard(target)
    return frozenset(quiet)


def quiet_inner(system: System, leaves: frozenset[int]) -> frozenset[int]:
    """The services whose requests need an event only where they send."""
    if not leaves:
        return frozenset()
    hit = _hit(system) | leaves | _called_with_care(system)
    left = [s for s in system.services if s.index not in hit and _has_plain_threads(s) and _lets_all_in(s)]
    quiet = leaves
    below: dict[int, int] = {}
    while True:
        found = [
            s for s in left
            if all(_is_inner(system, s, system.bodies[b], quiet) and _few_below(system, b, below) for b in s.bodies)
        ]
        if not found:
            return quiet - leaves
        quiet |= {s.index for s in found}
        left = [s for s in left if s.index not in quiet]


def stages_of(system: System, block: Block) -> list[tuple[list[Step], Step | None]]:
    """A block as stages: work and wait steps, then a call or parallel calls; None behind the last times."""
    stages: list[tuple[list[Step], Step | None]] = []
    times: list[Step] = []
    for step in (system.steps[i] for i in block):
        if step.verb in TIMES:
            times.append(step)
        else:
            stages.append((times, step))
            times = []
    return [*stages, (times, None)]


def calls_of(system: System, step: Step) -> list[Step]:
    """The calls that a call or a parallel step sends at once."""
    if step.verb == Verb.CALL:
        return [step]
    return [system.steps[i] for block in step.blocks for i in block]


# -- the system as a whole ------------------------------------------------------------------


def _calm(system: System) -> bool:
    """Whether messages take a constant time and no caller goes away before its answer."""
    if constant_of(system.network.latency) < 0 or len(system.zones) > 1:
        return False
    if any(f.kind not in ("slow", "fail", "pause") or f.crash for f in system.faults):
        return False
    return not any(s.crash or s.policy.cancel != "none" or s.policy.deadline >= 0 for s in system.steps)


def _hit(system: System) -> frozenset[int]:
    """The services that faults reach."""
    bodies = frozenset(system.bodies[f.body].service for f in system.faults if f.body >= 0)
    return bodies | {f.service for f in system.faults}


# -- calls ------------------------------------------------------------------------------------


def _plain_call(system: System, step: Step, target: int) -> bool:
    """Whether a call to `target` can do without events at the callee."""
    policy = step.policy
    if policy.breaker is not None or policy.bulkhead >= 0 or policy.throttle is not None or policy.hedge >= 0:
        return False
    if policy.fallback is not None:
        return False
    if policy.retry is not None and policy.retry.budget is not None:
        return False
    if step.service < 0:
        return policy.timeout < 0 and policy.retry is None and _single(system, step)
    return step.service != target and system.bodies[step.body].consumer < 0


def _single(system: System, step: Step) -> bool:
    return any(s.single and s.arrivals != "closed" and step.index in s.journey for s in system.sources)


def _called_with_care(system: System) -> frozenset[int]:
    """The services that some caller gives a timeout, retries, or any other policy but patience."""
    calls = [(step, system.bodies[step.target].service) for step in system.steps if step.verb == Verb.CALL]
    return frozenset(
        target for step, target in calls
        if step.policy.timeout >= 0 or step.policy.retry is not None or not _plain_call(system, step, target))


# -- services -----------------------------------------------------------------------------------


def _has_plain_threads(service: Service) -> bool:
    """Whether requests take threads in turn, first come, first served, and nothing else decides."""
    if service.cpu is not None or service.rate > 0 or service.discipline != "fifo" or service.function is not None:
        return False
    if service.replicas < 1:
        return False
    return service.autoscale is None and service.balance == "round_robin" and not service.client_balancer


def _lets_all_in(service: Service) -> bool:
    return service.queue < 0 or service.threads < 0


def _is_leaf(system: System, service: Service) -> bool:
    return _has_plain_threads(service) and all(_is_short(system, system.bodies[b]) for b in service.bodies)


def _is_short(system: System, body: Body) -> bool:
    """Whether an endpoint only works and waits, and for no constant time: constants alone would tie."""
    steps = [system.steps[i] for i in body.block]
    return body.consumer < 0 and all(s.verb in TIMES for s in steps) and any(constant_of(s.dist) < 0 for s in steps)


def _is_inner(system: System, service: Service, body: Body, quiet: frozenset[int]) -> bool:
    """Whether an endpoint works, waits, and calls quiet services, and never at a time that ties by construction."""
    if body.consumer >= 0 or not body.block:
        return False
    stages = stages_of(system, body.block)
    if service.threads >= 0 and not _vary(stages[0][0]):
        return False  # a thread that comes free and an answer on its way could send at once
    return all(
        sends is None or (_sends_all(system, sends, quiet) and (not times or _vary(times))) for times, sends in stages)


def _few_below(system: System, body: int, below: dict[int, int]) -> bool:
    """Whether a request leads to so few calls that each path of them can be kept; counts them into `below`."""
    steps = [step for _, step in stages_of(system, system.bodies[body].block) if step is not None]
    below[body] = sum(1 + below.get(call.target, 0) for step in steps for call in calls_of(system, step))
    return below[body] <= MOST_PATHS


def _sends_all(system: System, step: Step, quiet: frozenset[int]) -> bool:
    """Whether a step calls quiet services whose answers do not tie, and waits for all of them."""
    if step.verb == Verb.PARALLEL:
        if step.copies != 1 or step.need not in (0, len(step.blocks)) or any(len(b) != 1 for b in step.blocks):
            return False
    elif step.verb != Verb.CALL:
        return False
    return all(c.verb == Verb.CALL and _answers(system, c, quiet) for c in calls_of(system, step))


def _answers(system: System, call: Step, quiet: frozenset[int]) -> bool:
    body = system.bodies[call.target]
    if body.service == call.service or body.service not in quiet:
        return False
    steps = [system.steps[i] for i in body.block]
    return any(s.verb not in TIMES for s in steps) or _vary(steps)


def _vary(times: list[Step]) -> bool:
    """Whether their sum hardly ever gives the same nanosecond twice."""
    return any(s.dist is not None and _varies(s.dist) for s in times)


def _varies(dist: Dist) -> bool:
    if dist.kind == "mixture":
        return all(_varies(part) for part in dist.parts)
    return dist.kind not in LUMPY and constant_of(dist) < 0
