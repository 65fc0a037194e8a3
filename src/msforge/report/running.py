"""A system that runs, at the terminal: what is up, what its traffic came to. From plain data, for 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from msforge.report.shapes import heading, indented, name, number, shortened, table
from msforge.report.tables import listing_table
from msforge.report.text import clean, duration, hanging, moment, percent, plural, rate

Plain = Mapping[str, Any]


def services_table(view: Plain, width: int) -> Iterator[RenderableType]:
    """What `ps` shows."""
    rows = [_service(service) for service in view["services"]]
    yield table(("service", "address", "replicas", "busy", "waiting", "crashes"), rows, width, names=2)
    for service in view["services"]:
        for replica in service["replicas"]:
            if replica["state"] != "ready":
                yield indented(Text(f"{clean(replica['name'])}: {replica['state']}", style="bold red"))
    if view.get("servers"):
        yield heading("Servers")
        known = [
            (server["name"], ", ".join(filter(None, (server["url"], server["state"], server.get("product")))))
            for server in view["servers"]
        ]
        yield indented(listing_table(known))
    busy = {channel: counts for channel, counts in view["channels"].items() if any(counts.values())}
    if busy:
        yield heading("Channels")
        for channel, counts in busy.items():
            said = ", ".join(f"{count:,} {clean(word).replace('_', ' ')}" for word, count in counts.items() if count)
            yield indented(Text.assemble((f"{clean(channel)}: ", "bold"), said))
    if view["faults"]:
        yield heading("Faults that are on")
        yield from faults_table(view["faults"])


def _service(service: Plain) -> tuple[Text, ...]:
    replicas = service["replicas"]
    ready = sum(replica["state"] == "ready" for replica in replicas)
    return (
        name(service["name"]), Text(service["url"]),
        number(f"{ready}/{len(replicas)}", alarm=ready < len(replicas)),
        *(number(f"{sum(replica.get(key, 0) for replica in replicas):,}") for key in ("busy", "waiting", "crashes")),
    )


def faults_table(faults: Sequence[Plain]) -> Iterator[RenderableType]:
    """The faults that are on: id, what, for how long still."""
    rows = []
    for fault in faults:
        left = "until cleared" if fault["left"] is None else f"{duration(fault['left'] * 1e9)} left"
        rows.append((fault["id"], f"{fault['label']}, {left}"))
    yield indented(listing_table(rows))


def up_summary(urls: Mapping[str, str], limit: int = 20) -> RenderableType:
    """Each service and where it is reached."""
    rows = list(urls.items())
    shown = rows if len(rows) <= limit else rows[: limit - 1]
    made = [(shortened(name(service), 40).plain, url) for service, url in shown]
    if len(shown) < len(rows):
        made.append(("...", f"and {len(rows) - len(shown)} more: msforge ps"))
    return indented(listing_table(made))


def beyond_lines(found: Iterable[Any]) -> list[str]:
    """What a way of running does not honour, a paragraph each."""
    lines = []
    for item in found:
        users = [clean(user, limit=40) for user in item.used_by]
        some = ", ".join(users[:3]) + (f" and {len(users) - 3} more" if len(users) > 3 else "")
        lines.append(hanging(f"{item.feature.replace('`', '')} ({some}): {item.instead}"))
    return lines


def entries_table(entries: Sequence[Plain], width: int) -> Iterator[RenderableType]:
    """The traffic by entry: sent, answered, failed, rate, percentiles; then how the failures ended."""
    titles = ("", "sent", "ok", "failed", "rate", "p50", "p95", "p99")
    yield table(titles, [_entry(entry, entries) for entry in entries], width)
    for entry in entries:
        ends = {word: count for word, count in entry["outcomes"].items() if word != "ok"}
        if entry["in_flight"]:
            ends["in_flight"] = entry["in_flight"]
        if ends:
            ranked = sorted(ends.items(), key=lambda end: (-end[1], end[0]))
            said = ", ".join(f"{count:,} {clean(word).replace('_', ' ')}" for word, count in ranked)
            yield indented(Text.assemble((f"{clean(entry['target'], limit=30)}: ", "bold"), said))


def _entry(entry: Plain, entries: Sequence[Plain]) -> tuple[Text, ...]:
    twice = sum(other["target"] == entry["target"] for other in entries) > 1
    label = f"{entry['source']} -> {entry['target']}" if twice else entry["target"]
    latency = entry["latency_ms"]
    return (
        name(label), number(f"{entry['sent']:,}"), number(f"{entry['ok']:,}"),
        number(f"{entry['failed']:,}", alarm=entry["failed"] > 0), number(rate(entry["rate"])),
        *(number(duration(None if latency[q] is None else latency[q] * 1e6)) for q in ("p50", "p95", "p99")),
    )


def load_summary(result: Plain, width: int) -> Iterator[RenderableType]:
    """The end of a run of traffic."""
    scenario = f", scenario {clean(result['scenario'])}" if result["scenario"] else ""
    ended = "interrupted: " if result["interrupted"] else ""
    yield Text.assemble(
        (f"{ended}{clean(result['system'])}{scenario}", "bold"),
        f": {duration(result['seconds'] * 1e9)} measured, {result['way']}, seed {result['seed']}",
    )
    if not result["entries"]:
        yield indented(Text("no request was sent"))
        return
    yield from entries_table(result["entries"], width)
    sent = sum(entry["sent"] for entry in result["entries"])
    ok = sum(entry["ok"] for entry in result["entries"])
    if sent:
        yield Text(f"\n{percent(ok / sent)} of {plural(sent, 'request')} answered")
    if result["late"]:
        lag = result["lag_ms"]
        yield Text(
            f"warning: this machine could not keep up: one request in a hundred went out more than "
            f"{duration(lag['p99'] * 1e6)} late, and latencies include that",
            style="yellow",
        )


class LiveTable:
    """The table while traffic runs, redrawn in place; only on a terminal."""

    def __init__(self, console: Console, *, shown: bool = True) -> None:
        self._console = console
        drawn = shown and console.is_terminal
        self._live = Live(console=console, auto_refresh=False, transient=True) if drawn else None

    def __enter__(self) -> LiveTable:
        return self

    def __exit__(self, *problem: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, done: int, total: int, entries: Sequence[Plain]) -> None:
        """Draws it anew."""
        if self._live is None:
            return
        if not entries:
            what = "nothing was sent yet"
        elif all(entry["rate"] is None for entry in entries):
            what = "warming up, nothing is counted yet"
        else:
            what = "percentiles of the latest answers"
        head = Text(f"{moment(done)} of {moment(total)}; {what}", style="dim")
        parts = entries_table(entries, self._console.width) if entries else ()
        if not self._live.is_started:
            self._live.start()
        self._live.update(Group(head, *parts), refresh=True)
