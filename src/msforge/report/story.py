"""Where it hurts, why, and what to try: the Result's story in sentences, with the figures of who is named."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from msforge.report.shapes import bullets, heading, indented, name, number, table
from msforge.report.text import NOTHING, clean, count, duration, moment, percent
from msforge.results.result import Result, ServiceResult, StoreResult, Story, Suspect

BUSY = 0.8
ROWS = 5


def where(result: Result, width: int) -> Iterator[RenderableType]:
    """The suspects first, then whatever else is saturated or refuses; the busiest when nothing is."""
    yield heading("Where it hurts")
    symptoms = {s.name: s.symptom for s in reversed(result.story.suspects)}
    rows = _hurting(result, symptoms)
    if not any(entry.counts.arrivals for entry in result.entries):
        yield indented(Text("nothing was measured"))
        return
    if not rows:
        yield indented(Text("nowhere: nothing is saturated, nothing refuses requests"))
        rows = _busiest(result)
        if not rows:
            return
    lines: list[tuple[str | Text, ...]] = [
        (name(row.name), clean(symptoms.get(row.name, "") or _what(row)), *_figures(row)) for row in rows[:ROWS]
    ]
    yield table(("", "what", "busy", "queue", "longest", "wait mean", "wait p95"), lines, width, names=2)
    if len(rows) > ROWS:
        yield indented(Text(f"and {len(rows) - ROWS} more; the tables below have them"))


def _hurting(result: Result, symptoms: dict[str, str]) -> list[ServiceResult | StoreResult]:
    parts: list[ServiceResult | StoreResult] = [*result.services, *result.stores]
    order = list(symptoms)[::-1]
    named = sorted((p for p in parts if p.name in symptoms), key=lambda p: order.index(p.name))
    rest = [p for p in parts if p.name not in symptoms and (_busy(p) >= BUSY or _refused(p) > 0 or _queues(p))]
    return named + sorted(rest, key=lambda p: (-_busy(p), -_refused(p), p.name))


def _busiest(result: Result) -> list[ServiceResult | StoreResult]:
    parts: list[ServiceResult | StoreResult] = [*result.services, *result.stores]
    return sorted((p for p in parts if _busy(p) > 0), key=lambda p: (-_busy(p), p.name))[:2]


def _busy(part: ServiceResult | StoreResult) -> float:
    cpu = part.cpu.value if isinstance(part, ServiceResult) else None
    return max(part.utilisation.value or 0.0, cpu or 0.0)


def _refused(part: ServiceResult | StoreResult) -> int:
    return part.refused if isinstance(part, ServiceResult) else 0


def _queues(part: ServiceResult | StoreResult) -> bool:
    return (part.waiting.value or 0.0) >= 1


def _what(part: ServiceResult | StoreResult) -> str:
    if _busy(part) >= 0.95:
        return "saturated"
    if _refused(part):
        return "refuses"
    if _queues(part):
        return "queues"
    return "busy" if _busy(part) >= BUSY else "busiest"


def _figures(part: ServiceResult | StoreResult) -> tuple[Text, ...]:
    busy = _busy(part)
    p95 = duration(part.wait_p95.value) if isinstance(part, ServiceResult) else NOTHING
    longest = count(part.waiting_level.most)
    return (
        number(percent(busy) if part.utilisation.value is not None or busy else NOTHING, alarm=busy >= 0.95),
        number(count(part.waiting.value)),
        number(longest),
        number(duration(part.wait_mean.value)),
        number(p95),
    )


def why(result: Result) -> Iterator[RenderableType]:
    """The headline, then the first suspect's evidence and how it spread; the others by name."""
    story = result.story
    yield heading("Why")
    yield indented(Text(clean(story.headline)))
    if not story.suspects:
        return
    others = story.suspects[1:]
    yield indented(bullets(told(story)))
    if not story.decided and others:
        yield indented(Text("The evidence does not decide between these:", style="yellow"))
        yield indented(bullets([_suspicion(s) for s in story.suspects[:4]]))
    elif others:
        yield indented(Text("Less likely: " + "; ".join(f"{clean(s.name)} ({s.symptom})" for s in others[:3])))


def told(story: Story) -> list[str]:
    """What speaks for the first suspect, and how it spread, beyond what the headline says already."""
    found = [e.text for suspect in story.suspects[:1] for e in (*suspect.evidence, *suspect.spread)]
    return [text for text in found if text.lower() not in story.headline.lower()]


def _suspicion(suspect: Suspect) -> str:
    since = f" from {moment(suspect.begin)}" if suspect.begin is not None else ""
    reason = f": {suspect.evidence[0].text}" if suspect.evidence else ""
    return f"{suspect.name}, {suspect.symptom}{since}{reason}"


def advice(result: Result) -> Iterator[RenderableType]:
    """What to try, each derived from the evidence; nothing when there is none."""
    first = result.story.suspects[:1]
    ideas = [idea for suspect in first for idea in suspect.advice]
    if ideas:
        yield heading("What to try")
        yield indented(bullets(ideas, mark="1"))
