"""The simulator's side: a bench's Records in the table's words."""

from __future__ import annotations

import numpy as np
from casetable import Bench, Entry
from observed import Observed, Seen

from msforge import sim
from msforge.model import compile_system
from msforge.model.plan import System
from msforge.recording.records import CHANNEL_COUNTS, EDGE_COUNTS, REPLICA_TICKS, STORE_COUNTS, Records
from msforge.records import Outcome
from msforge.spec import load_text

MS = 1_000_000
SENT = 512
"""More than any source sends whose times are not given."""


def compiled(bench: Bench) -> System:
    """The bench's plan."""
    return compile_system(load_text(bench.text))


def simulate(bench: Bench) -> tuple[Observed, Records]:
    """Run it, every request traced."""
    system = compiled(bench)
    traces = frozenset((s.index, number) for s in system.sources for number in range(len(s.times) or SENT))
    records = sim.run(system, traces=traces)
    return observed(system, records), records


def observed(system: System, records: Records) -> Observed:
    """Records in the table's words."""
    return Observed(
        roots=_roots(system, records), log=_log(records), tries=_tries(system, records),
        late={system.body_name(b.index): int(records.gone[b.index].sum()) for b in system.bodies},
        breaker=_breakers(records), spread=_spread(system, records),
        counts={
            **{c.name: _named(CHANNEL_COUNTS, records.channel_counts[c.index]) for c in system.channels},
            **{s.name: _named(STORE_COUNTS, records.store_counts[s.index]) for s in system.stores},
            **_sagas(system, records),
        },
    )


def _named(names: tuple[str, ...], row: np.ndarray) -> dict[str, int]:  # type: ignore[type-arg]
    return {name: int(n) for name, n in zip(names, row, strict=True)}


def _roots(system: System, records: Records) -> dict[str, list[Seen]]:
    columns = records.roots
    found: dict[str, list[Seen]] = {}
    for k in np.lexsort((columns["arrival"], columns["number"], columns["source"])).tolist():
        cause = int(columns["cause"][k])
        found.setdefault(system.sources[int(columns["source"][k])].name, []).append(Seen(
            Outcome(int(columns["outcome"][k])).word, int(columns["tries"][k]),
            int(columns["end"][k] - columns["arrival"][k]) / MS,
            "" if cause < 0 else f"{system.services[cause // 16].name}:{Outcome(cause % 16).word}",
        ))
    return found


def _log(records: Records) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for span in records.spans:
        if span.kind in ("serve", "consume"):
            found.setdefault(span.name, []).append(Entry(span.begin / MS, span.end / MS, Outcome(span.outcome).word))
    return {name: sorted(entries, key=lambda e: (e.begin, e.end)) for name, entries in found.items()}


def _tries(system: System, records: Records) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for edge in system.edges:
        mine = found.setdefault(system.body_name(edge.callee), {})
        for k, n in enumerate(records.edge_tries[edge.index].tolist()):
            mine[Outcome(k).word] = mine.get(Outcome(k).word, 0) + n
        counts = _named(EDGE_COUNTS, records.edge_counts[edge.index])
        for word, name in (("retries", "retries"), ("hedges", "hedges"), ("denied", "budget_denied")):
            mine[word] = mine.get(word, 0) + counts[name]
    return found


def _breakers(records: Records) -> dict[str, list[tuple[float, str]]]:
    found: dict[str, list[tuple[float, str]]] = {}
    for mark in records.happenings:
        if mark.kind == "breaker":
            callee = mark.subject.partition(" -> ")[2]
            found.setdefault(callee, []).append((mark.time / MS, mark.detail.partition(" -> ")[2]))
    return found


def _spread(system: System, records: Records) -> dict[str, list[int]]:
    found: dict[str, dict[int, int]] = {}
    for row in records.replica_ticks:  # in order of time: the last one stays
        replica = records.replicas[int(row[REPLICA_TICKS.index("replica")])]
        arrived = int(row[REPLICA_TICKS.index("arrived")])
        found.setdefault(system.services[replica.service].name, {})[replica.ordinal] = arrived
    return {name: [counts[k] for k in sorted(counts)] for name, counts in found.items()}


def _sagas(system: System, records: Records) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for step, figures in records.sagas.items():
        body = found.setdefault(system.body_name(system.steps[step].body), {})
        for word, n in zip(("undone", "retried", "stuck"), figures, strict=True):
            body[word] = body.get(word, 0) + int(n)
    return found
