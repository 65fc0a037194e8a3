"""What a service does by itself, apart from what its callees and callers make of it: where a difference begins."""


from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from msforge.model.plan import NONE, Block, System, Verb
from msforge.model.visits import call_order
from msforge.recording.records import EDGE_TICKS, REPLICA_TICKS, N, Records
from msforge.records import OUTCOMES, Outcome
from msforge.results.figures import doc

Calls = Mapping[tuple[str, str], Mapping[str, int]]
"""By calling service and called endpoint: `calls`, `tries`, `retries`, and `try WORD` for the tries that ended so."""

WAITED, OWN, STORE = 0, 1, 2
PARTS: Final = {OWN: "own", STORE: "store"}
"""Columns of `Records.parts` that are the service's alone."""
BACKLOG: Final = (0.30, 3.0)
"""Share, and messages, that a channel's mean backlog may be off."""
VERBS: Final = {OWN: (Verb.WORK, Verb.WAIT), STORE: (Verb.READ, Verb.WRITE, Verb.PUBLISH)}
LEAST: Final = 1e6
"""ns on the clock that an endpoint's times may be off in the mean: a rare request finds a machine that was asleep,
which no calibration at a steady rate sees."""
TOLERANCE: Final = (0.12, LEAST)
SHARE: Final = (0.0, 0.01)
FEW: Final = 20
"""Fewer requests say nothing about a mean, and fewer failed tries nothing about what follows them."""
CERTAIN: Final = 3.5
"""Standard errors apart at which two shares differ for certain."""
SPARE: Final = 2
"""Requests that may seem to wait, or to be served, beyond the limit: those to whom a thread is just being handed."""
RETRIED: Final = tuple(o for o in Outcome if o in (
    Outcome.ERROR, Outcome.TIMEOUT, Outcome.OVERLOADED, Outcome.RATE_LIMITED, Outcome.UNAVAILABLE, Outcome.RESET))


@dataclass
class Finding:
    """A place where the running system does not do what the description says."""

    service: str = doc("the service; empty when no single one is to blame")
    endpoint: str = doc("its endpoint or consumer; empty for the service as a whole")
    step: str = doc("what it is about: steps, `queue`, `threads`, a call")
    at: int | None = doc("since when; null: over the whole run", "ns")
    text: str = doc("what differs, in a sentence")


@dataclass
class Local:
    """A figure of one endpoint in all runs."""

    name: str
    unit: str
    measured: float
    twin: float
    further: list[float]
    tolerance: tuple[float, float]
    least: float = 0.0


def local_figures(
    system: System, measured: Records, twin: Records, further: Sequence[Records], calls: Calls
) -> Iterator[Local]:
    """Each endpoint's own time and time in stores, tries per call, channels' backlogs, each entry's outcomes."""
    yield from _tries(system, twin, further, calls)
    for channel in system.channels:
        backlogs = [_backlog(r, channel.index, system) for r in (measured, twin, *further)]
        yield Local(f"channel/{channel.name}/backlog", "count", backlogs[0], backlogs[1], backlogs[2:], BACKLOG)
    entries = len(measured.entries)
    for body in system.bodies:
        kind = "endpoint" if body.consumer == NONE else "consumer"
        for part, word in PARTS.items():
            values = [_mean_part(r, entries + body.index, part, system) for r in (measured, twin, *further)]
            if values[0] is None or values[1] is None or not (values[0] or values[1]):
                continue
            known = [v for v in values[2:] if v is not None]
            name = f"{kind}/{system.body_name(body.index)}/{word}"
            yield Local(name, "ns", values[0], values[1], known, TOLERANCE)
    for group, (source, target) in enumerate(measured.entries):
        counts = [_outcomes(r, group, system) for r in (measured, twin, *further)]
        for outcome in Outcome:
            if outcome >= OUTCOMES or not any(c[outcome] for c in counts):
                continue
            shares = [float(c[outcome] / max(1, c.sum())) for c in counts]
            name = f"entry/{system.sources[source].name} -> {system.body_name(target)}/{outcome.word}"
            yield Local(name, "ratio", shares[0], shares[1], shares[2:], SHARE, 1.5 / max(1, int(counts[1].sum())))


def _tries(system: System, twin: Records, further: Sequence[Records], calls: Calls) -> Iterator[Local]:
    """Tries per call of each service that tries again, over the whole run."""
    ours: dict[str, Counter[str]] = {}
    for (caller, _), counts in calls.items():
        ours.setdefault(caller, Counter()).update({name: counts.get(name, 0) for name in ("calls", "tries")})
    predicted = [_sent(system, records) for records in (twin, *further)]
    for service in system.services:
        made = ours.get(service.name)
        ratios = [found[service.index] for found in predicted]
        if not made or not made["calls"] or ratios[0] is None:
            continue
        measured = made["tries"] / made["calls"]
        if measured != 1.0 or any(ratio != 1.0 for ratio in ratios):
            known = [ratio for ratio in ratios[1:] if ratio is not None]
            yield Local(f"service/{service.name}/tries per call", "count", measured, ratios[0], known, (0.03, 0.01))


def _sent(system: System, records: Records) -> list[float | None]:
    """Tries per call of each service, None without calls."""
    calls, tries = np.zeros(len(system.services)), np.zeros(len(system.services))
    ticks = records.edge_ticks
    for edge in system.edges:
        mine = ticks[ticks[:, 1] == edge.index]
        if len(mine):
            last = mine[mine[:, 0].argmax()]
            service = system.bodies[edge.caller].service
            calls[service] += last[EDGE_TICKS.index("calls")]
            tries[service] += last[EDGE_TICKS.index("tries")]
    return [float(t / c) if c else None for t, c in zip(tries, calls, strict=True)]


def _span(records: Records, system: System) -> slice:
    return slice(-(-system.run.warmup // records.window), max(1, -(-system.run.duration // records.window)))


def _mean_part(records: Records, group: int, part: int, system: System) -> float | None:
    """Mean ns of a part, per request that was answered; None when there were too few."""
    span = _span(records, system)
    count = float(records.moments[group, 0, span, N].sum())
    return float(records.parts[group, 0, span, part].sum()) / count if count >= FEW else None


def _backlog(records: Records, channel: int, system: System) -> float:
    """Messages of a channel that wait for a consumer's thread, on average over the run: Little's law, L = λ W.

    Not by looking now and then: an outbox is relayed on the second, and so is looked at. One side sees the moment
    before all of a second's messages come, the other the moment after.
    """
    groups = [len(records.entries) + c.body for c in system.consumers if c.channel == channel]
    span = _span(records, system)
    waited = float(records.parts[groups, :, span, WAITED].sum())
    return waited / float((span.stop - span.start) * records.window)


def _outcomes(records: Records, group: int, system: System) -> Any:
    return records.outcomes[group, _span(records, system)].sum(axis=0)


# -- where it begins --------------------------------------------------------------------------------


def findings(
    system: System, measured: Records, twin: Records, calls: Calls, differing: Sequence[str], scale: float = 1.0
) -> list[Finding]:
    """Where the running system departs from its description, the most likely cause first.

    What a service does by itself comes first: a queue or threads beyond their limit, time of its own, retries. Only
    when there is nothing of that kind are figures named that depend on others; `differing` are all that differ. `scale`
    is the slow motion.
    """
    found = [*_beyond_limits(system, measured), *_times(system, measured, twin, differing, scale),
             *_retries(system, twin, calls)]
    if found:
        return sorted(found, key=lambda f: -1 if f.at is None else f.at)
    return _consequences(system, differing)


def _beyond_limits(system: System, measured: Records) -> Iterator[Finding]:
    for service in system.services:
        if service.function is not None:
            continue
        replicas = [r for r in measured.replicas if r.service == service.index]
        consumers = any(c.service == service.index for c in system.consumers)
        changed = any(f.kind in ("change", "deploy") for f in system.faults)
        limits = (("queue", service.queue, "wait_time", "waiting"), ("threads", service.threads, "busy_time", "busy"))
        for what, limit, table, column in limits:
            if limit < 0 or consumers or changed:
                continue
            most = max((int(np.flatnonzero(getattr(r, table)).max(initial=0)) for r in replicas), default=0)
            if most > limit + SPARE + limit // 10:
                verb = "waited" if what == "queue" else "were served"
                text = f"up to {most} requests {verb} at one replica at once; the file says {what}: {limit}"
                yield Finding(service.name, "", what, _since(measured, replicas, column, limit + SPARE), text)


def _since(measured: Records, replicas: Sequence[Any], column: str, limit: int) -> int | None:
    ticks, place = measured.replica_ticks, REPLICA_TICKS.index(column)
    numbers = [r.number for r in replicas]
    beyond = ticks[np.isin(ticks[:, 1], numbers) & (ticks[:, place] > limit), 0]
    return int(beyond.min()) * measured.window if len(beyond) else None


def _times(
    system: System, measured: Records, twin: Records, differing: Sequence[str], scale: float
) -> Iterator[Finding]:
    entries = len(measured.entries)
    for body in system.bodies:
        kind = "endpoint" if body.consumer == NONE else "consumer"
        for part, word in PARTS.items():
            if f"{kind}/{system.body_name(body.index)}/{word}" not in differing:
                continue
            ours, theirs = (_mean_part(r, entries + body.index, part, system) for r in (measured, twin))
            assert ours is not None and theirs is not None
            where = "work and waiting" if part == OWN else "stores and brokers"
            text = f"{ours / 1e6:.3g} ms in {where} per request, where the description has {theirs / 1e6:.3g} ms"
            steps = ", ".join(dict.fromkeys(_steps(system, body.block, VERBS[part]))) or where
            since = _departs(measured, twin, entries + body.index, part, system, scale)
            yield Finding(system.services[body.service].name, body.name, steps, since, text)


def _steps(system: System, block: Block, verbs: tuple[Verb, ...]) -> Iterator[str]:
    for index in block:
        step = system.steps[index]
        if step.verb in verbs:
            yield step.word
        for inner in step.blocks:
            yield from _steps(system, inner, verbs)


def _departs(
    measured: Records, twin: Records, group: int, part: int, system: System, scale: float
) -> int | None:
    """When a part's mean per request first leaves the twin's by more than its tolerance for two windows in a row."""
    span = _span(measured, system)
    late = 0
    for window in range(span.start, min(span.stop, measured.windows, twin.windows)):
        values = []
        for records in (measured, twin):
            count = float(records.moments[group, 0, window, N])
            values.append(float(records.parts[group, 0, window, part]) / count if count else math.nan)
        apart = abs(values[0] - values[1]) > max(TOLERANCE[0] * values[1], TOLERANCE[1] / scale)
        late = late + 1 if apart else 0
        if late == 2:
            return (window - 1) * measured.window
    return None


def calls_in(system: System, records: Records) -> dict[tuple[str, str], Counter[str]]:
    """What a simulated run counted of its calls, as `Calls`."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for edge in system.edges:
        caller = system.services[system.bodies[edge.caller].service].name
        counts = found.setdefault((caller, system.body_name(edge.callee)), Counter())
        last = records.edge_ticks[records.edge_ticks[:, 1] == edge.index]
        if len(last):
            row = last[last[:, 0].argmax()]
            counts["calls"] += int(row[EDGE_TICKS.index("calls")])
            counts["tries"] += int(row[EDGE_TICKS.index("tries")])
        counts["retries"] += int(records.edge_counts[edge.index, 2])
        for outcome in RETRIED:
            counts[f"try {outcome.word}"] += int(records.edge_tries[edge.index, outcome])
    return found


def _retries(system: System, twin: Records, calls: Calls) -> Iterator[Finding]:
    """Callers that try again more, or less, often after a failed try than the description has it."""
    predicted = calls_in(system, twin)
    for (caller, callee), ours in calls.items():
        theirs: Mapping[str, int] = predicted.get((caller, callee), {})
        a, b = ((int(c.get("retries", 0)), sum(c.get(f"try {o.word}", 0) for o in RETRIED)) for c in (ours, theirs))
        if min(a[1], b[1]) < FEW or not _apart(a, b):
            continue
        text = (
            f"{a[0]} retries after {a[1]} failed tries of {callee} ({a[0] / a[1]:.0%}), "
            f"where the description leads to {b[0]} after {b[1]} ({b[0] / b[1]:.0%})"
        )
        yield Finding(caller, "", f"call {callee}", None, text)


def _apart(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two shares differ for certain, and by enough to matter."""
    p, q = a[0] / a[1], b[0] / b[1]
    pooled = (a[0] + b[0]) / (a[1] + b[1])
    error = math.sqrt(max(pooled * (1 - pooled), 1e-4) * (1 / a[1] + 1 / b[1]))
    return abs(p - q) > max(0.06, CERTAIN * error)


def _consequences(system: System, differing: Sequence[str]) -> list[Finding]:
    """Figures that differ though no service alone explains it, callees before their callers."""
    depth = {body: i for i, body in enumerate(reversed(call_order(system)))}
    order = sorted(
        (depth.get(body.index, 0), system.services[body.service].name, body.name) for body in system.bodies
    )
    for _, service, endpoint in order:
        mine = [n.rpartition("/")[2] for n in differing if n.partition("/")[2].startswith(f"{service}.{endpoint}/")]
        if mine:
            text = f"differs in {', '.join(mine)}; no step of its own explains it"
            return [Finding(service, endpoint, "", None, text)]
    return [
        Finding("", "", "", None, f"{name.partition('/')[2].replace('/', ': ')} differs; no service alone explains it")
        for name in differing[:1]
    ]
