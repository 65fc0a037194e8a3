"""What was seen of a bench, simulated or running, in the words of the table; and how the two are compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from casetable import Bench, Case, Entry, Root, span, wanted_roots


@dataclass(frozen=True)
class Seen:
    """One request as its client saw it; ms."""

    outcome: str
    tries: int
    latency: float
    cause: str


@dataclass
class Observed:
    """A bench after its run. Times are ms of simulated time since its start; None is what could not be seen."""

    roots: dict[str, list[Seen]] = field(default_factory=dict)                  # source -> requests by number
    log: dict[str, list[Entry]] | None = field(default_factory=dict)                 # body -> what it answered
    tries: dict[str, dict[str, int]] = field(default_factory=dict)              # callee -> outcome or count -> n
    late: dict[str, int] | None = field(default_factory=dict)                   # answered for nobody
    breaker: dict[str, list[tuple[float, str]]] | None = field(default_factory=dict)  # callee -> (ms, new state)
    spread: dict[str, list[int]] | None = field(default_factory=dict)           # service -> arrivals by replica
    counts: dict[str, dict[str, int]] = field(default_factory=dict)             # of channels, stores, and sagas by body


@dataclass(frozen=True)
class Slack:
    """How far a time may be from the one written: exact, or early/late by so many ms."""

    early: float = 0.0
    late: float = 0.0

    def near(self, seen: float, least: float, most: float) -> bool:
        """Whether a time fits."""
        return least - self.early - 1e-6 <= seen <= most + self.late + 1e-6


EXACT = Slack()


def differences(case: Case, seen: Observed, slack: Slack) -> list[str]:
    """Where what was seen is not what the table says; empty when it is."""
    found: list[str] = []
    for source in case.sources:
        found += _roots(source, wanted_roots(case, source), seen.roots.get(source, []), slack)
    want = case.want
    for body, entries in want.get("log", {}).items() if seen.log is not None else ():
        found += _log(body, [Entry.parse(e) for e in entries], _since(case, seen.log.get(body, [])), slack)
    for callee, counts in want.get("tries", {}).items():
        found += _counts(f"tries to {callee}", counts, seen.tries.get(callee, {}), whole=_words(counts))
    for body, count in want.get("late", {}).items() if seen.late is not None else ():
        if seen.late.get(body, 0) != count:
            found.append(f"{body} answered {seen.late.get(body, 0)} that nobody waited for, not {count}")
    for callee, changes in want.get("breaker", {}).items() if seen.breaker is not None else ():
        states = [(round(time - case.offset, 6), state) for time, state in seen.breaker.get(callee, [])]
        found += _breaker(callee, changes, states, slack)
    for service, spread in want.get("spread", {}).items() if seen.spread is not None else ():
        found += _spread(service, spread, seen.spread.get(service, []))
    for name, counts in want.get("counts", {}).items():
        found += _counts(name, counts, seen.counts.get(name, {}), whole=set())
    for cause, times in want.get("causes", {}).items():
        least, most = span(times)
        count = sum(r.cause == cause for source in case.sources for r in seen.roots.get(source, []))
        if not least <= count <= most:
            found.append(f"{count} requests ended with {cause}, not {times}")
    return found


def unlike(bench: Bench, case: Case, one: Observed, other: Observed, slack: Slack) -> list[str]:
    """Where a running bench differs from the simulated one, draws included."""
    found: list[str] = []
    for source in case.sources:
        want = [Root(r.outcome, r.tries, r.latency, r.latency, r.cause) for r in one.roots[source]]
        found += _roots(source, want, other.roots.get(source, []), slack)
    for body in case.want.get("log", {}) if one.log is not None and other.log is not None else ():
        found += _log(body, _since(case, one.log.get(body, [])), _since(case, other.log.get(body, [])), slack)
    for service in case.want.get("spread", {}) if one.spread is not None and other.spread is not None else ():
        if one.spread.get(service) != other.spread.get(service):
            found.append(f"{service} got {other.spread.get(service)} by replica, simulated {one.spread.get(service)}")
    return found


def _since(case: Case, entries: list[Entry]) -> list[Entry]:
    """Entries in the case's own time."""
    return [Entry(round(e.begin - case.offset, 6), round(e.end - case.offset, 6), e.outcome) for e in entries]


def _roots(source: str, want: list[Root], seen: list[Seen], slack: Slack) -> list[str]:
    if want and len(want) != len(seen):
        return [f"{source}: {len(seen)} requests, not {len(want)}"]
    found = []
    for number, (w, s) in enumerate(zip(want, seen, strict=False)):
        wrong = [
            w.outcome != s.outcome,
            w.tries is not None and w.tries != s.tries,
            w.cause is not None and w.cause != s.cause,
            w.least is not None and w.most is not None and not slack.near(s.latency, w.least, w.most),
        ]
        if any(wrong):
            times = "" if w.least is None else f" @{w.least:g}" + ("" if w.most == w.least else f"..{w.most:g}")
            tries = "" if w.tries is None else f" x{w.tries}"
            found.append(f"{source} #{number}: {s.outcome} x{s.tries} @{s.latency:g} {s.cause}, "
                         f"not {w.outcome}{tries}{times} {w.cause or ''}".rstrip())
    return found


def _log(body: str, want: list[Entry], seen: list[Entry], slack: Slack) -> list[str]:
    def text(entries: list[Entry]) -> str:
        return "[" + ", ".join(f"{e.begin:g}..{e.end:g} {e.outcome}" for e in entries) + "]"

    fits = len(want) == len(seen) and all(
        w.outcome == s.outcome and slack.near(s.begin, w.begin, w.begin) and slack.near(s.end, w.end, w.end)
        for w, s in zip(want, seen, strict=False)
    )
    return [] if fits else [f"{body} answered {text(seen)}, not {text(want)}"]


COUNTS = ("retries", "hedges", "denied")
UNSEEN = ("lost", "retried")
"""Counts that only the simulator has: what a crash lost between write and publish, an undo's retries."""


def _words(counts: dict[str, Any]) -> set[str]:
    """Outcomes are complete once one is named; counts are checked one by one."""
    return set() if set(counts) <= set(COUNTS) else {"outcomes"}


def _counts(what: str, want: dict[str, Any], seen: dict[str, int], *, whole: set[str]) -> list[str]:
    found = []
    for word, count in want.items():
        if word in UNSEEN and word not in seen:
            continue
        least, most = span(count)
        if not least <= seen.get(word, 0) <= most:
            found.append(f"{what}: {seen.get(word, 0)} {word}, not {count}")
    if whole:
        more = {w: n for w, n in seen.items() if n and w not in want and w not in COUNTS}
        found += [f"{what}: {n} {word}, not 0" for word, n in more.items()]
    return found


def _breaker(callee: str, want: list[str], seen: list[tuple[float, str]], slack: Slack) -> list[str]:
    def text(changes: list[tuple[float, str]]) -> str:
        return ", ".join(f"{time:g} {state}" for time, state in changes)

    changes = [(span(c.split()[0])[0], c.split()[1]) for c in want]
    fits = len(changes) == len(seen) and all(
        state == s and slack.near(t, time, time) for (time, state), (t, s) in zip(changes, seen, strict=False)
    )
    return [] if fits else [f"breaker to {callee}: {text(seen)}, not {text(changes)}"]


def _spread(service: str, want: Any, seen: list[int]) -> list[str]:
    if isinstance(want, list):
        fits = want == seen
    elif isinstance(want, int):
        fits = want == sum(seen)
    else:
        fits = sorted(int(n) for n in want.split("+")) == sorted(seen)
    return [] if fits else [f"{service} got {seen} by replica, not {want}"]
