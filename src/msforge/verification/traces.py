"""One request in both runs: where its time went, visit by visit."""

from __future__ import annotations

from typing import Any, Final

from msforge import sim
from msforge.model.plan import System
from msforge.recording.records import Records
from msforge.records import SERVED_COLUMNS, Outcome
from msforge.results.local import Finding
from msforge.verification.measured import NUMBER, Measured

_C: Final = {name: i for i, name in enumerate(SERVED_COLUMNS)}


def traces_of(system: System, found: Measured, twin: Records, finding: Finding | None) -> list[dict[str, Any]]:
    """The request whose latency differs most, of those that pass the finding's service; empty when there is none.

    A row a visit: side, service and endpoint, begin after the request's arrival, waited and took, all in ns.
    """
    chosen = _chosen(system, found, twin, finding)
    if chosen is None:
        return []
    source, number = chosen
    arrivals = {side: _began(records, chosen) for side, records in (("simulated", twin), ("measured", found.records))}
    spans = sim.retrace(system, twin, frozenset({(source, number)}))
    rows = []
    waits = {(s.name, s.replica, s.begin): s.end - s.begin for s in spans if s.kind == "queue"}
    for span in spans:
        if span.kind in ("serve", "consume"):
            waited = waits.get((span.name, span.replica, span.begin), 0)
            begin = span.begin - arrivals["simulated"]
            rows.append(_row("simulated", span.name, begin, waited, span.end - span.begin, span.outcome))
    served = found.served
    mine = served[(served[:, _C["source"]] == source) & (served[:, NUMBER] == number)]
    for row in mine[mine[:, _C["arrive"]].argsort()].tolist():
        arrive, wait, end = row[_C["arrive"]], max(0, row[_C["wait"]]), row[_C["end"]]
        name, outcome = system.body_name(row[0]), row[_C["outcome"]]
        rows.append(_row("measured", name, arrive - arrivals["measured"], wait, end - arrive, outcome))
    return [{
        "source": system.sources[source].name, "number": number, "arrival": arrivals["measured"], "visits": rows,
    }]


def _row(side: str, name: str, begin: int, waited: int, took: int, outcome: int) -> dict[str, Any]:
    word = Outcome(outcome).word if outcome >= 0 else ""
    return {"side": side, "name": name, "begin": begin, "waited": waited, "took": took, "outcome": word}


def _chosen(
    system: System, found: Measured, twin: Records, finding: Finding | None
) -> tuple[int, int] | None:
    theirs = _took(twin, system)
    ours = _took(found.records, system)
    through: set[tuple[int, int]] | None = None
    if finding is not None and finding.service:
        bodies = {b.index for b in system.bodies if system.services[b.service].name == finding.service}
        rows = [row for row in found.served.tolist() if row[0] in bodies]
        through = {(row[_C["source"]], row[NUMBER]) for row in rows}
    both = [key for key in ours.keys() & theirs.keys() if through is None or key in through]
    return max(both, key=lambda key: (abs(ours[key] - theirs[key]), key), default=None)


def _took(records: Records, system: System) -> dict[tuple[int, int], int]:
    """Time (ns) that a client's turn spent on requests, by source and number, warm-up left out."""
    rows = records.roots
    took: dict[tuple[int, int], int] = {}
    columns = (rows[name].tolist() for name in ("source", "number", "arrival", "end"))
    for source, number, arrival, end in zip(*columns, strict=True):
        if arrival >= system.run.warmup:
            took[source, number] = took.get((source, number), 0) + end - arrival
    return took


def _began(records: Records, chosen: tuple[int, int]) -> int:
    """When a turn's first request was to be sent, ns."""
    rows = records.roots
    mine = (rows["source"] == chosen[0]) & (rows["number"] == chosen[1])
    return int(rows["arrival"][mine].min())
