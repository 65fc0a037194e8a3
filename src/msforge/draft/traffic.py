"""Traffic out of the requests that came from outside: who asks for what, how often."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from msforge.draft.naming import Names
from msforge.draft.notes import Notes
from msforge.draft.seen import Entry, Target
from msforge.units import SECOND, format_duration, format_rate

SHORTEST, LONGEST = 10 * SECOND, 600 * SECOND
PER_RUN: Final = 100_000   # requests of a run of the draft, at most
FASTEST: Final = 20_000.0  # requests a second
SLICES: Final = 8          # of the time, to see whether a rate changed
UNEVEN: Final = 24.3       # chi-square with SLICES - 1 degrees of freedom, at 99.9 %


def traffic_of(
    seen: Sequence[Entry], called_as: Callable[[Target], str], notes_of: Notes
) -> tuple[dict[str, tuple[dict[str, str], list[str]]], int]:
    """A source for each endpoint that is asked from outside, at the mean rate."""
    found: dict[str, tuple[dict[str, str], list[str]]] = {}
    groups: dict[tuple[str, Target], list[Entry]] = defaultdict(list)
    for entry in seen:
        groups[entry.source, entry.target].append(entry)
    begins = [entry.begin for entry in seen]
    window = max(begins) - min(begins) if begins else 0
    names = Names("source", Notes())
    total = 0.0
    for (source, target), entries in groups.items():
        notes: list[str] = []
        if len(begins) > 1 and window:
            rate = sum(entry.weight for entry in entries) / (window / 1e9) * (1 - 1 / len(begins))
        else:
            rate = 1.0
            notes.append("a single request says nothing of the rate: 1/s is a guess")
        if rate > FASTEST:
            notes.append(f"{rate:.3g}/s were measured, more than can be simulated here")
            rate = FASTEST
        called = called_as(target)
        name = names.name(f"{source}|{target}", f"{source or 'clients'}-{called.partition('.')[2]}" if (
            len(groups) > 1) else source or "clients")
        for note in notes:
            notes_of.add(f"traffic {name}: {note}")
        options = {"target": called, "rate": format_rate(float(f"{rate:.3g}"))}
        stages = _stages(entries, begins) if rate < FASTEST else []
        if stages:
            del options["rate"]
            options["stages"] = f"[{', '.join(stages)}]"
        found[name] = options, notes
        total += rate
    wanted = min(max(window, SHORTEST), LONGEST)
    most = max(SECOND, round(PER_RUN / max(total, 1e-9)) * SECOND)
    return found, max(SECOND, min(wanted, most) // SECOND * SECOND)


def _stages(entries: Sequence[Entry], begins: Sequence[int]) -> list[str]:
    """The rate in equal stages, when it changed more than chance explains; else none.

    Chance: the counts of SLICES slices are Poisson's, so that their chi-square lies below UNEVEN 99.9 % of the time.
    """
    first, window = min(begins), max(begins) - min(begins)
    length = -(-window // SLICES)
    if len(entries) < 10 * SLICES or not SHORTEST <= window <= LONGEST:
        return []
    counts, weights = [0] * SLICES, [0.0] * SLICES
    for entry in entries:
        slice_ = min(SLICES - 1, (entry.begin - first) // length)
        counts[slice_] += 1
        weights[slice_] += entry.weight
    mean = len(entries) / SLICES
    if sum((count - mean) ** 2 for count in counts) / mean < UNEVEN:
        return []
    lasts = format_duration(max(SECOND, round(length, -8)))
    rates = [format_rate(float(f"{weight / (length / 1e9):.3g}")) for weight in weights]
    return [f"{{rate: {rate}, for: {lasts}}}" for rate in rates]
