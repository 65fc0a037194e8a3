"""Reads, and the caches in front of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.model.plan import Cache, Step
from msforge.sim import kernel
from msforge.sim.kernel import ERROR, PENDING, TIMEOUT, TIMER, UNAVAILABLE, Frame, Timer
from msforge.sim.operations import constant_of
from msforge.sim.storage import StoreOp, Visit

if TYPE_CHECKING:
    from msforge.sim.programs import Programs


class ReadOp(StoreOp):
    """Reads, through a cache when the step has one."""

    __slots__ = ("cache", "cache_constant", "cache_dist", "cache_slot", "cache_store", "key_slot")

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        self.cache: Cache | None = step.cache
        self.cache_slot = self.engine.next_slot()
        self.key_slot = self.engine.next_slot()
        if step.cache is not None:
            self.cache_store = self.engine.stores[step.cache.store]
            self.cache_dist = programs.system.stores[step.cache.store].read
            self.cache_constant = constant_of(self.cache_dist)

    def start(self, frame: Frame) -> int:
        """Ask the cache first, when there is one."""
        if self.cache is None:
            return self.go(frame, self.store, self.duration(frame), self.timeout)
        if self.cache_store.down:
            return self.go(frame, self.store, self.duration(frame), self.timeout)
        read = CachedRead(self, frame)
        frame.child = read
        read.watch()
        read.look_up()
        return PENDING


class CachedRead:
    """One read through a cache: look up, and on a miss go to the store and fill the cache."""

    __slots__ = ("child", "filling", "frame", "key", "op", "since", "timer", "waiting")

    def __init__(self, op: ReadOp, frame: Frame) -> None:
        self.op = op
        self.frame: Any = frame
        self.child: Any = None
        self.filling = False
        self.waiting = False
        self.timer: Timer | None = None
        self.since = op.engine.env.now
        cache = op.cache
        assert cache is not None
        self.key: Any = None
        if cache.keys is not None:
            self.key = (op.store.index, frame.site.draw(
                op.key_slot, op.word, "key", cache.keys, frame.root.number, frame.context))

    def watch(self) -> None:
        """The step's timeout bounds all of it: the cache, the wait for another's read, and the store."""
        if self.op.timeout >= 0:
            self.timer = Timer(_timed_out, self)
            self.op.engine.schedule(self.timer, TIMER, self.op.timeout)

    def look_up(self) -> None:
        """One operation at the cache's own store."""
        op = self.op
        frame = self.frame
        engine = op.engine
        if not engine.reachable(frame, op.cache_store):
            return
        duration = op.cache_constant
        if duration < 0:
            duration = frame.site.draw(
                op.cache_slot, op.word, "cache", op.cache_dist, frame.root.number, frame.context)
        if engine.links.active:
            duration += engine.links.extra(frame, store=op.cache_store.index)
        broken = bool(op.cache_store.failing) and engine.faults.store_fails(op.cache_store, frame)
        looked = self._passed_by if broken else self._looked
        visit = Visit(op.cache_store, frame, duration, looked, self.failed, engine.env.now)
        self.child = visit
        op.cache_store.visit(visit, -1)

    def _looked(self, visit: Visit, frame: Frame) -> None:
        op = self.op
        store = op.cache_store
        if self._hit(frame):
            store.hits += 1
            self._done(frame)
            return
        self._missed(frame)

    def _passed_by(self, visit: Visit, frame: Frame) -> None:
        """The cache answered with an error: the store is asked, as it is while the cache is down."""
        self._missed(frame)

    def _missed(self, frame: Frame) -> None:
        op = self.op
        store = op.cache_store
        store.misses += 1
        cache = op.cache
        assert cache is not None
        if cache.single_flight and self.key is not None:
            waiters = store.flights.get(self.key)
            if waiters is not None:
                store.shared += 1
                waiters.append(self)
                self.waiting = True
                self.child = None
                return
            store.flights[self.key] = []
            self.filling = True
        self.child = None
        if not op.engine.reachable(frame, op.store):
            return
        duration = op.duration(frame)
        if op.engine.links.active:
            duration += op.engine.links.extra(frame, store=op.store.index)
        visit = Visit(op.store, frame, duration, self._read, self.failed, op.engine.env.now)
        if op.store.down:
            self.failed(None, frame, UNAVAILABLE)
            return
        if op.store.failing and op.engine.faults.store_fails(op.store, frame):
            visit.then = self._broken
        self.child = visit
        op.store.visit(visit, -1)

    def _hit(self, frame: Frame) -> bool:
        op = self.op
        cache = op.cache
        assert cache is not None
        if self.key is None:
            u: float = frame.site.draw(op.key_slot, op.word, "hit", None, frame.root.number, frame.context)
            return u < cache.hit
        contents = op.cache_store.contents
        expiry = contents.get(self.key)
        if expiry is None:
            return False
        if 0 <= expiry <= op.engine.env.now:
            del contents[self.key]
            return False
        contents.move_to_end(self.key)
        return True

    def _read(self, visit: Visit, frame: Frame) -> None:
        op = self.op
        cache = op.cache
        assert cache is not None
        if self.key is not None and not op.cache_store.down:
            contents = op.cache_store.contents
            contents[self.key] = op.engine.env.now + cache.ttl if cache.ttl >= 0 else -1
            contents.move_to_end(self.key)
            while cache.capacity >= 0 and len(contents) > cache.capacity:
                contents.popitem(last=False)
        for waiter in self._waiters():
            waiter._done(waiter.frame)
        self._done(frame)

    def _waiters(self) -> list[CachedRead]:
        if not self.filling:
            return []
        self.filling = False
        waiters: list[CachedRead] = self.op.cache_store.flights.pop(self.key, [])
        return [w for w in waiters if w.frame is not None]

    def _done(self, frame: Frame) -> None:
        self.frame = None
        self._stop_timer()
        frame.store += self.op.engine.env.now - self.since
        kernel.resume(frame)

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.stop()

    def timed_out(self) -> None:
        """Its time is up: an operation that has begun runs on, for nobody."""
        op = self.op
        frame, visit = self.frame, self.child
        at_cache = visit is not None and visit.store is op.cache_store
        (op.cache_store if at_cache else op.store).timeouts += 1
        if visit is not None:
            visit.abandon(False)
        self.failed(None, frame, TIMEOUT)

    def _broken(self, visit: Visit, frame: Frame) -> None:
        self.failed(visit, frame, ERROR)

    def failed(self, visit: Visit | None, frame: Frame | None, outcome: int) -> None:
        """The cache or the store failed this read, and with it those that waited for it."""
        for waiter in self._waiters():
            waiter.failed(None, waiter.frame, outcome)
        if frame is None or self.frame is None:
            return
        self.frame = None
        self._stop_timer()
        frame.store += self.op.engine.env.now - self.since
        kernel.fail_later(frame, ERROR, self.op.cause(frame, outcome))

    def abandon(self, cancel: bool) -> None:
        """The frame is gone; those that wait for its flight start over."""
        waiters = self._waiters()
        self.frame = None
        self._stop_timer()
        if self.child is not None:
            self.child.abandon(cancel)
        for waiter in waiters:
            waiter.waiting = False
            waiter.look_up()


def _timed_out(read: CachedRead) -> None:
    read.timed_out()
