"""`check`'s warnings: every rule over one system, in the order of the text. `docs/warnings.md` shows each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from msforge.analysis import lint_calls, lint_capacity, lint_numbers, lint_structure
from msforge.analysis.finding import Facts, Finding
from msforge.analysis.lint_capacity import Peaks
from msforge.errors import Diagnostic, Severity
from msforge.model.plan import System
from msforge.records import SECOND

if TYPE_CHECKING:
    from msforge.spec import Spec

CODES = {
    "W101": "A timeout shorter than what the callee may take",
    "W102": "Retries that multiply along a path",
    "W103": "A retried call that is not idempotent",
    "W104": "A call without a timeout",
    "W105": "Retries without a timeout",
    "W106": "Retries without backoff",
    "W107": "Retries without jitter",
    "W108": "Retries without end",
    "W109": "Retries that begin after the deadline",
    "W110": "A hedge whose loser runs on",
    "W111": "A breaker that can never open",
    "W120": "More load than it can do",
    "W121": "A pool smaller than Little's law needs",
    "W122": "An autoscaler that may not grow enough",
    "W130": "A channel without a dead letter",
    "W131": "A store used by a service that does not own it",
    "W132": "A single replica that everything depends on",
    "W133": "Something nothing reaches",
    "W134": "Calls in a row that could be parallel",
    "W135": "A write and a publish in two steps",
    "W136": "A consumer that is not idempotent",
    "W137": "Messages that go round",
    "W140": "A pareto without variance",
    "W141": "A normal cut at zero",
    "W142": "A warm-up of most of the run",
    "W143": "An objective no traffic reaches",
    "W144": "A fault after the end",
    "W145": "A fault on a link that nothing uses",
}
"""Every warning's code and title."""


def findings(system: System) -> list[Finding]:
    """Everything the rules find, in no particular order, each once."""
    return list(dict.fromkeys(_all(system)))


def _all(system: System) -> Iterator[Finding]:
    facts = Facts(system)
    peaks = Peaks(facts)
    for rule in (
        lint_calls.short_timeouts, lint_calls.multiplied_retries, lint_calls.unsafe_retries, lint_calls.no_timeouts,
        lint_calls.bare_retries, lint_calls.late_retries, lint_calls.hedges,
        lint_structure.no_dead_letter, lint_structure.shared_stores, lint_structure.lone_replicas,
        lint_structure.unreached, lint_structure.could_be_parallel, lint_structure.dual_writes,
        lint_structure.unsafe_consumers, lint_structure.loops,
        lint_numbers.distributions, lint_numbers.short_runs, lint_numbers.idle_objectives, lint_numbers.late_faults,
        lint_numbers.idle_links,
    ):
        yield from rule(facts)
    if any(s.policy.breaker is not None for s in facts.calls()):
        yield from lint_calls.dead_breakers(facts, peaks.most_tries, system.run.duration / SECOND)
    yield from lint_capacity.overloads(facts, peaks)
    yield from lint_capacity.small_bulkheads(facts, peaks)
    yield from lint_capacity.small_autoscalers(facts, peaks)


def lint(system: System, spec: Spec) -> list[Diagnostic]:
    """The warnings about a system, each at its place in `spec`, sorted by position, code and path.

    What one line causes in many places (a policy under `defaults` or `policies`) is said once, with their number.
    """
    found = [spec.diagnostic(Severity.WARNING, f.code, f.path, f.message, f.help) for f in findings(system)]
    found.sort(key=lambda d: (d.line, d.column, d.code, d.path, d.message))
    out = []
    for (line, _, _), group in groupby(found, key=lambda d: (d.line, d.column, d.code)):
        first, *more = group
        if more and line > 0:
            first = replace(first, message=f"{first.message} (and {len(more)} more like it, by this line)")
            more = []
        out += [first, *more]
    return out
