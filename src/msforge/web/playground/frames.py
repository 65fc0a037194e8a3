"""Frames: what the page draws, read from the engine ten times a second. All numbers are computed here."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from msforge.policies.breaker import CLOSED, OPEN
from msforge.recording.records import Ints
from msforge.records import ROOT_COLUMNS, SECOND, Outcome
from msforge.web.playground.picture import Picture
from msforge.web.playground.samples import Samples
from msforge.web.playground.session import Session
from msforge.web.playground.window import Lately, Roots, Seconds

MOST_NEWS: Final = 12
"""Happenings that one frame tells."""
_R = {name: i for i, name in enumerate(ROOT_COLUMNS)}
_REFUSALS = (Outcome.CIRCUIT_OPEN, Outcome.BULKHEAD_FULL, Outcome.THROTTLED, Outcome.UNAVAILABLE)
STATES: Final = ("closed", "open", "half-open")


class Frames:
    """Reads a session. One for each session; `frame` takes what was recorded since the last call."""

    def __init__(self, session: Session, picture: Picture) -> None:
        self.session = session
        self.picture = picture
        self.roots = Roots()
        self.seconds = Seconds()
        self.lately = Lately()
        self.samples = Samples(len(picture.drawn["arrows"]))
        self.answered: dict[tuple[int, int], list[int]] = {}  # by source and entry body: answers, those that failed
        self.seen_happenings = 0

    def frame(self, speed: float) -> dict[str, Any]:
        """Everything that moves, now. Rates are over about two seconds as the viewer sees them at `speed`."""
        engine = self.session.engine
        now = engine.env.now
        made = self._take_roots(now)
        span = round(SECOND * min(10.0, max(0.2, 2.0 * speed)))
        fresh, recent, seconds = self.lately.grown(now, self._counters(), span)
        stores = 2 * len(engine.services)
        channels = stores + len(engine.stores)
        at = channels + 2 * len(engine.channels)
        width = len(self.picture.drawn["arrows"])
        return {
            "time": round(now / SECOND, 3),
            "tiles": self.roots.over(now, round(SECOND * min(20.0, max(1.0, 5.0 * speed)))),
            "services": self._services(recent, seconds), "stores": self._stores(recent[stores:], seconds),
            "channels": self._channels(recent[channels:], seconds),
            "sources": self._sources(recent[at + 3 * width:], seconds),
            "arrows": self._arrows(fresh[at:], recent[at:], width, seconds),
            "per_dot": self.samples.per, "breakers": self._breakers(),
            "seconds": made,
            "news": self._news(),
        }

    # -- requests ------------------------------------------------------------------------------

    def _take_roots(self, now: int) -> list[list[float | None]]:
        engine = self.session.engine
        rows = np.array(engine.roots, dtype=np.int64).reshape(-1, len(ROOT_COLUMNS))
        engine.roots.clear()
        engine.served.clear()
        end = rows[:, _R["end"]]
        latency = end - rows[:, _R["arrival"]]
        failed: Ints = (rows[:, _R["outcome"]] > Outcome.DEGRADED).astype(np.int64)
        for source, target in np.unique(rows[:, :2], axis=0).tolist():
            mine = (rows[:, 0] == source) & (rows[:, 1] == target)
            counts = self.answered.setdefault((source, target), [0, 0])
            counts[0] += int(mine.sum())
            counts[1] += int(failed[mine].sum())
        self.roots.add(now, latency, failed)
        return self.seconds.add(end, latency, failed, now)

    # -- counters --------------------------------------------------------------------------------

    def _counters(self) -> Ints:
        """Everything that only grows: services, stores, channels, arrows, sources."""
        engine = self.session.engine
        flat: list[int] = []
        for service in engine.services:
            flat += (sum(service.ended), sum(service.ended[Outcome.ERROR:]))
        flat += (store.arrived for store in engine.stores)
        for channel in engine.channels:
            flat += (channel.done, channel.dead + channel.dropped + channel.redelivered)
        arrows = self._arrow_counters()
        return np.array([*flat, *arrows, *(client.requests for client in engine.clients)], dtype=np.int64)

    def _arrow_counters(self) -> list[int]:
        """For each arrow what was sent, then for each what failed, then for each what was refused unsent."""
        engine, picture = self.session.engine, self.picture
        width = len(picture.drawn["arrows"])
        sent, failed, refused = [0] * width, [0] * width, [0] * width
        for edge, arrow in zip(engine.edges, picture.edges, strict=True):
            if arrow >= 0:
                sent[arrow] += edge.tries
                failed[arrow] += edge.failed_tries
                refused[arrow] += sum(edge.call_outcomes[outcome] for outcome in _REFUSALS[:3])
        for entry, counts in self.answered.items():
            arrow = picture.entries[entry]
            if arrow >= 0:
                sent[arrow] += counts[0]
                failed[arrow] += counts[1]
        self._shared_out(picture.reads, [s.arrived for s in engine.stores], sent)
        self._shared_out(picture.publishes, [c.published for c in engine.channels], sent)
        delivered = {(c, s): engine.channels[c].done + engine.channels[c].redelivered for c, s in picture.consumes}
        for (channel, service), arrow in picture.consumes.items():
            if arrow >= 0:
                sent[arrow] += delivered[channel, service]
                failed[arrow] += engine.channels[channel].redelivered
        return [*sent, *failed, *refused]

    def _shared_out(self, ways: dict[tuple[int, int], int], counts: list[int], sent: list[int]) -> None:
        """What reached a store or broker, by who reached it; among several, as their own requests are."""
        services = self.session.engine.services
        for target, count in enumerate(counts):
            users = [(service, arrow) for (service, reached), arrow in ways.items() if reached == target and arrow >= 0]
            whole = sum(services[service].arrived for service, _ in users)
            for service, arrow in users:
                sent[arrow] += count * services[service].arrived // whole if whole else 0

    # -- parts of a frame ---------------------------------------------------------------------------

    def _services(self, recent: Ints, seconds: float) -> dict[str, dict[str, Any]]:
        """By node; services that are drawn as one are added up."""
        made: dict[str, dict[str, Any]] = {}
        for service, node in zip(self.session.engine.services, self.picture.services, strict=True):
            ended, failed = recent[2 * service.index: 2 * service.index + 2].tolist()
            up = [r for r in service.replicas if r.up and not r.leaving]
            now = {
                "ready": len(up), "replicas": len([r for r in service.replicas if not r.leaving]),
                "busy": sum(r.gauge_busy.value for r in service.replicas),
                "slots": sum(r.slots for r in up) if service.slots >= 0 else None,
                "waiting": sum(r.waiting for r in service.replicas), "down": int(not up),
                "ended": ended, "badly": failed,
            }
            made[node] = _added(made[node], now) if node in made else now
        for now in made.values():
            ended, failed = now.pop("ended"), now.pop("badly")
            now["rate"] = round(ended / seconds, 1)
            now["failed"] = round(failed / ended, 4) if ended else 0.0
        return made

    def _stores(self, recent: Ints, seconds: float) -> dict[str, dict[str, Any]]:
        made: dict[str, dict[str, Any]] = {}
        for s, node in zip(self.session.engine.stores, self.picture.stores, strict=True):
            now = {
                "busy": s.busy.value, "connections": s.plan.connections if s.plan.connections >= 0 else None,
                "waiting": s.wait.value, "rate": round(int(recent[s.index]) / seconds, 1), "paused": int(s.paused > 0),
            }
            made[node] = _added(made[node], now) if node in made else now
        return made

    def _channels(self, recent: Ints, seconds: float) -> dict[str, dict[str, Any]]:
        made: dict[str, dict[str, Any]] = {}
        for c, node in zip(self.session.engine.channels, self.picture.channels, strict=True):
            backlog, unacked, oldest = c.gauges(self.session.time)
            done, failed = recent[2 * c.index: 2 * c.index + 2].tolist()
            now = {
                "backlog": backlog, "unacked": unacked, "oldest": round(oldest / SECOND, 2),
                "rate": round(done / seconds, 1), "failed": round(failed / seconds, 1),
            }
            if node in made:
                now = _added(made[node], now) | {"oldest": max(made[node]["oldest"], now["oldest"])}
            made[node] = now
        return made

    def _sources(self, recent: Ints, seconds: float) -> dict[str, float]:
        """Arrivals per second, by node."""
        made: dict[str, float] = {}
        for node, count in zip(self.picture.sources, recent.tolist(), strict=True):
            made[node] = round(made.get(node, 0.0) + count / seconds, 1)
        return made

    def _arrows(self, fresh: Ints, recent: Ints, width: int, seconds: float) -> list[dict[str, Any]]:
        made = []
        dots = self.samples.dots([
            (int(fresh[a]), int(fresh[a + width]), int(fresh[a + 2 * width])) for a in range(width)
        ])
        for a in range(width):
            lately, badly, unsent = (int(recent[a + k * width]) for k in range(3))
            made.append({
                "rate": round((lately + unsent) / seconds, 1),
                "failed": round(min(1.0, (badly + unsent) / (lately + unsent)), 4) if lately + unsent else 0.0,
                "dots": dots[a],
            })
        return made

    def _breakers(self) -> dict[int, list[int]]:
        """By arrow: how many breakers are closed, open and half-open."""
        engine = self.session.engine
        system = engine.system
        found: dict[int, list[int]] = {}
        for (service, holder, target), breaker in engine.breakers:
            if breaker not in holder.machines.values() or getattr(holder, "died", -1) >= 0:
                continue
            if service >= 0:
                arrow = next((self.picture.edges[e.index] for e in system.edges if e.callee == target
                              and system.bodies[e.caller].service == service), -1)
            else:
                arrow = self.picture.entries.get((holder.index, target), -1)
            if arrow >= 0:
                found.setdefault(arrow, [0, 0, 0])[breaker.state] += 1
        return found

    def _news(self) -> list[dict[str, Any]]:
        """What has happened since the last frame: crashes, replicas that are ready, breakers that opened, faults."""
        engine = self.session.engine
        fresh = engine.happenings[self.seen_happenings:]
        changed = {h.time for h in fresh if h.kind == "change"}
        news: list[dict[str, Any]] = [
            {"time": round(h.time / SECOND, 3), "kind": h.kind, "subject": h.subject, "detail": h.detail}
            for h in fresh
            if not (h.kind == "fault_begin" and h.service < 0 and h.time in changed)  # its change says it
        ]
        if engine.keep:
            self.seen_happenings = len(engine.happenings)
        else:
            engine.happenings.clear()
        news += self._breaker_news()
        return sorted(news, key=lambda item: item["time"])[-MOST_NEWS:]

    def _breaker_news(self) -> list[dict[str, Any]]:
        engine = self.session.engine
        news = []
        for (service, holder, target), breaker in engine.breakers:
            if engine.keep or not breaker.log:
                continue
            time, _, state = breaker.log[-1]
            breaker.log.clear()
            who = f"{engine.services[service].name}#{holder.ordinal}" if service >= 0 else holder.name
            if state in (CLOSED, OPEN):
                news.append({
                    "time": round(time / SECOND, 3), "kind": "breaker", "detail": STATES[state],
                    "subject": f"{who} -> {engine.system.body_name(target)}",
                })
        return news


def _added(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The sum of each number; what one of them has no bound of has none."""
    return {key: None if value is None or one[key] is None else one[key] + value for key, value in other.items()}
