"""What a description cannot hold: more names than anyone reads, and calls in circles."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from msforge.draft.naming import Operation
from msforge.draft.notes import Notes, plain
from msforge.draft.seen import Seen, Target, Visit

MOST_SERVICES: Final = 3000
MOST_ENDPOINTS: Final = 200


class Limits:
    """What was seen, by endpoint, within the limits; what had to go is noted."""

    def __init__(self, seen: Seen, notes: Notes) -> None:
        self.seen = seen
        self.notes = notes
        self.visits: dict[Target, list[Visit]] = defaultdict(list)
        for visit in seen.visits:
            self.visits[visit.key].append(visit)
        self.operations: dict[Target, Operation] = dict(seen.external)
        for key, visits in self.visits.items():
            self.operations[key] = visits[0].operation
        self._limit()
        self._cut_cycles()

    def _limit(self) -> None:
        """Operations of a service beyond MOST_ENDPOINTS are one: names with numbers in them, mostly."""
        per: dict[str, list[Target]] = defaultdict(list)
        for key in self.operations:
            per[key[0]].append(key)
        moved: dict[Target, Target] = {}
        for service, keys in per.items():
            if len(keys) > MOST_ENDPOINTS:
                self.notes.add(
                    f"{plain(service)} has {len(keys)} operations; beyond {MOST_ENDPOINTS} they are one, `other`"
                )
                moved |= dict.fromkeys(keys[MOST_ENDPOINTS:], (service, "other"))
        if len(per) > MOST_SERVICES:
            self.notes.add(f"there are {len(per)} services; all beyond {MOST_SERVICES} are taken as one, `others`")
            for service in list(per)[MOST_SERVICES:]:
                moved |= dict.fromkeys(per[service], ("others", "other"))
        if moved:
            self._move(moved)

    def _move(self, moved: dict[Target, Target]) -> None:
        other = Operation("other", "other")
        for key, target in moved.items():
            for visit in self.visits.pop(key, []):
                visit.service, visit.operation = target[0], other
                self.visits[target].append(visit)
            if self.seen.external.pop(key, None) is not None and target not in self.visits:
                self.seen.external[target] = other
            self.seen.answers.setdefault(target, []).extend(self.seen.answers.pop(key, []))
            self.operations.pop(key, None)
            self.operations[target] = other
        for visit in self.seen.visits:
            for item in visit.items:
                item.target = moved.get(item.target, item.target) if item.kind == "call" else item.target
        for entry in self.seen.entries:
            entry.target = moved.get(entry.target, entry.target)
        for key in [key for key in self.seen.external if key in self.visits]:
            del self.seen.external[key]

    def _cut_cycles(self) -> None:
        """A description cannot call in circles: the call that closes one becomes time."""
        calls: dict[Target, set[Target]] = {
            key: {item.target for visit in visits for item in visit.items if item.kind == "call"}
            for key, visits in self.visits.items()
        }
        cut: set[tuple[Target, Target]] = set()
        done: set[Target] = set()
        for start in calls:
            path: dict[Target, None] = {}
            stack: list[tuple[Target, list[Target]]] = [(start, sorted(calls[start]))] if start not in done else []
            path[start] = None
            while stack:
                key, left = stack[-1]
                if not left:
                    stack.pop()
                    path.pop(key, None)
                    done.add(key)
                    continue
                following = left.pop()
                if following in path:
                    cut.add((key, following))
                elif following in calls and following not in done:
                    path[following] = None
                    stack.append((following, sorted(calls[following])))
        for caller, callee in sorted(cut):
            self.notes.add(
                f"cyclic: {self._shown(caller)} calls {self._shown(callee)}, which leads back to it; the call is left "
                "out, its time stays"
            )
            for visit in self.visits[caller]:
                visit.items = [item for item in visit.items if item.kind != "call" or item.target != callee]

    def _shown(self, key: Target) -> str:
        return plain(f"{key[0]}.{self.operations[key].name}" if key in self.operations else key[0])
