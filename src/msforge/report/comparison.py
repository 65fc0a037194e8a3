"""Before and after: objectives first, then each figure that changed by more than the noise, then how many did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from msforge.report.shapes import heading, indented, name, table
from msforge.report.text import NOTHING, clean, clean_lines, figure, plural
from msforge.results.compare import Comparison, Difference, ObjectiveChange

WORDS = {
    "better": ("✓ better", "green"),
    "worse": ("✗ worse", "bold red"),
    "changed": ("changed", "yellow"),
    "noise": ("inside the noise", "dim"),
    "same": ("same", "dim"),
    "unknown": ("no interval", "dim"),
}
TOLD = ("better", "worse", "changed")
ORDER = ("entry", "source", "endpoint", "consumer", "service", "store", "edge", "channel")
GROUPS = 12


def comparison_report(compared: Comparison, width: int, *, every: bool = False) -> Iterator[RenderableType]:
    """The comparison for `width` columns; `every` shows the figures that did not change, too."""
    yield Text.assemble("before  ", (clean(compared.before, limit=70), "bold"))
    yield Text.assemble("after   ", (clean(compared.after, limit=70), "bold"))
    yield Text(clean_lines(compared.text))
    yield Rule(style="default", characters="─")
    yield from _objectives(compared.objectives, width)
    yield from _figures(compared, width, every)
    yield from _missing(compared)


def _objectives(changes: Sequence[ObjectiveChange], width: int) -> Iterator[RenderableType]:
    if not changes:
        return
    yield heading("Objectives")
    rows = [
        (name(c.subject, 30), clean(c.text, limit=30), _met(c.before), _met(c.after), _verdict(c.verdict))
        for c in changes
    ]
    yield table(("", "", "before", "after", "figure"), rows, width, names=5)


def _met(met: bool | None) -> Text:
    if met is None:
        return Text("not there")
    return Text("✓ met", "green") if met else Text("✗ missed", "bold red")


def _verdict(word: str) -> Text:
    return Text(*WORDS[word])


def _figures(compared: Comparison, width: int, every: bool) -> Iterator[RenderableType]:
    groups: dict[tuple[str, str], list[Difference]] = {}
    entries = any(parts(difference.name)[0] == "entry" for difference in compared.differences)
    known = compared.method != "none"  # without intervals nothing can be called noise: all are shown
    for difference in compared.differences:
        kind, subject, _ = parts(difference.name)
        if (
            kind != "objective"
            and (every or kind != "source" or not entries)  # no entry in both: the clients are what is left to compare
            and (every or difference.verdict in TOLD or (not known and difference.verdict != "same"))
        ):
            groups.setdefault((kind, subject), []).append(difference)
    ranked = sorted(groups, key=lambda key: ORDER.index(key[0]) if key[0] in ORDER else len(ORDER))
    for kind, subject in ranked if every else ranked[:GROUPS]:
        yield heading(f"{kind} {clean(subject, limit=60)}" if subject else kind)
        rows = [_row(difference) for difference in groups[kind, subject]]
        yield table(("", "before", "after", "difference", "", "verdict"), rows, width)
    if not groups:
        yield heading("Nothing changed by more than the noise")
    left = len(ranked) - GROUPS
    if left > 0 and not every:
        yield Text(f"\nand {plural(left, 'more part')} of the system that changed; --all shows them")
    yield from _quiet(compared, every)


def parts(full: str) -> tuple[str, str, str]:
    """Kind, subject and metric of a figure's name: `entry/shoppers -> gateway.checkout/p99`."""
    kind, _, rest = full.partition("/")
    subject, _, metric = rest.rpartition("/")
    return kind, subject, metric


def _row(difference: Difference) -> tuple[str | Text, ...]:
    unit = difference.unit
    return (
        parts(difference.name)[2].replace("p999", "p99.9").replace("_", " "),
        figure(difference.before.value, unit),
        figure(difference.after.value, unit),
        change(difference),
        relative(difference),
        _verdict(difference.verdict),
    )


def change(difference: Difference) -> str:
    """A difference with its sign and interval: "+12ms ± 3ms"."""
    measured, unit = difference.difference, difference.unit
    if measured.value is None:
        return NOTHING
    half = measured.half_width
    sign = "+" if measured.value > 0 else ""
    return sign + figure(measured.value, unit) + (f" ± {figure(half, unit, 2)}" if half is not None else "")


def relative(difference: Difference) -> str:
    """+37%, or 12x once a percentage stops being readable; "" where there is none."""
    share = difference.relative
    if share is None or not difference.difference.value:
        return ""
    return f"{share:+.0%}" if abs(share) < 10 else f"{1 + share:.3g}x"


def _quiet(compared: Comparison, every: bool) -> Iterator[RenderableType]:
    counted = Counter(d.verdict for d in compared.differences)
    said = [
        f"{plural(counted[v], 'figure')} {words}"
        for v, words in (("noise", "inside the noise"), ("same", "the same"))
        if counted[v]
    ]
    if said:
        yield Text("\n" + " and ".join(said) + ("" if every else "; --all shows them"))


def _missing(compared: Comparison) -> Iterator[RenderableType]:
    for side, names in (("before", compared.only_before), ("after", compared.only_after)):
        found = dict.fromkeys(" ".join(parts(full)[:2]) for full in names)
        if found:
            shown = ", ".join(clean(part, limit=40) for part in list(found)[:6])
            more = f" and {len(found) - 6} more" if len(found) > 6 else ""
            yield indented(Text(f"only {side}: {shown}{more}"))
