"""Stores, caches and brokers in another process, over one websocket.

A connection that breaks is made again. Until then publishes wait, and none is lost or taken twice; what was asked of a
store ends with `reset`; deliveries go to others, and how they end here no longer counts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import aiohttp

from msforge.runtime.cache_contents import AGAIN, LEAD
from msforge.runtime.clock import Clock
from msforge.runtime.failures import ERROR, RESET, UNAVAILABLE
from msforge.runtime.parts import Deliver

PATIENCE: Final = 10.0
"""Real seconds that `start` tries to connect."""
PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Real seconds between tries; the last one again and again."""
LARGEST_FRAME: Final = 16 * 1024 * 1024

Frame = dict[str, Any]


class RemoteSubscription:
    """One consumer of one replica."""

    def __init__(
        self, parts: RemoteParts, number: int, consumer: dict[str, Any], replica: str, deliver: Deliver
    ) -> None:
        self.parts = parts
        self.number = number
        self.consumer = consumer
        self.replica = replica
        self.deliver = deliver
        self.tasks: set[asyncio.Task[None]] = set()

    def frame(self) -> Frame:
        """What asks for it."""
        return {"op": "subscribe", "subscription": self.number, "consumer": self.consumer, "replica": self.replica}

    async def leave(self) -> None:
        """Take nothing new; returns when all that it had is done."""
        if self.number in self.parts.subscriptions:
            await self.parts.ask({"op": "leave", "subscription": self.number}, again=True)
            self.parts.subscriptions.pop(self.number, None)
        while self.tasks:
            await asyncio.wait(self.tasks)

    def crash(self) -> None:
        """It is dead: what it had comes again at once, elsewhere."""
        self.parts.crashed(self.replica)

    def reach(self, reachable: bool) -> None:
        """Whether the broker reaches it; while not, it gets nothing new."""
        self.parts.tell({"op": "reach", "subscription": self.number, "reachable": reachable})

    def stop(self) -> None:
        """Drop what it is busy with."""
        for task in self.tasks:
            task.cancel()


class RemoteParts:
    """The parts behind a URL, for one replica."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self.url = url
        self.clock = clock
        self.subscriptions: dict[int, RemoteSubscription] = {}
        self.waiting: dict[int, tuple[Frame, bool, asyncio.Future[Any]]] = {}
        self.outgoing: asyncio.Queue[str] | None = None  # None while there is no connection
        self.brokers_down: set[str] = set()
        self._number = 0
        self._connected = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    # -- connection ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect. Raises ConnectionError when nobody answers for 10 s."""
        self._session = aiohttp.ClientSession()
        self._task = asyncio.get_running_loop().create_task(self._keep())
        try:
            async with asyncio.timeout(PATIENCE):
                await self._connected.wait()
        except TimeoutError as problem:
            await self.stop()
            raise ConnectionError(f"no stores and channels at {self.url}") from problem

    async def stop(self) -> None:
        """Hang up, once all that was said has gone out."""
        for _ in range(100):
            if self.outgoing is None or self.outgoing.empty():
                break
            await asyncio.sleep(0.01)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._session is not None:
            await self._session.close()

    async def _keep(self) -> None:
        """Have a connection, for ever."""
        assert self._session is not None
        failures = 0
        while True:
            try:
                async with self._session.ws_connect(self.url, max_msg_size=LARGEST_FRAME, compress=0) as ws:
                    failures = 0
                    await self._converse(ws)
            except (aiohttp.ClientError, OSError):
                pass
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1

    async def _converse(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Until the connection breaks."""
        self.outgoing = asyncio.Queue()
        for subscription in self.subscriptions.values():
            self._ask(subscription.frame())
        for n, (frame, again, _) in [*self.waiting.items()]:
            if again and frame["op"] != "subscribe":
                self.tell({**frame, "n": n})
        self._connected.set()
        writer = asyncio.get_running_loop().create_task(self._write(ws, self.outgoing))
        try:
            async for message in ws:
                if message.type == aiohttp.WSMsgType.TEXT:
                    self._received(json.loads(message.data))
        finally:
            writer.cancel()
            self.outgoing = None
            self._connected.clear()
            self._broken()

    async def _write(self, ws: aiohttp.ClientWebSocketResponse, outgoing: asyncio.Queue[str]) -> None:
        with suppress(ConnectionError, RuntimeError):
            while True:
                await ws.send_str(await outgoing.get())

    def _broken(self) -> None:
        """Nothing that was asked of a store or cache will be answered; publishes are sent again."""
        for n, (frame, again, answered) in [*self.waiting.items()]:
            if not again:
                del self.waiting[n]
                if not answered.done():
                    answered.set_result(BROKEN.get(frame["op"]))

    def _received(self, frame: Frame) -> None:
        if "deliver" in frame:
            subscription = self.subscriptions.get(frame["deliver"])
            if subscription is not None:
                task = asyncio.get_running_loop().create_task(self._deliver(subscription, frame["delivery"]))
                subscription.tasks.add(task)
                task.add_done_callback(subscription.tasks.discard)
        elif "down" in frame:
            for channel, down in frame["down"].items():
                (self.brokers_down.add if down else self.brokers_down.discard)(channel)
        else:
            _, _, answered = self.waiting.pop(frame["n"], (None, None, None))
            if answered is None or answered.done():
                return
            if "problem" in frame:
                answered.set_exception(LookupError(frame["problem"]))
            else:
                answered.set_result(frame["result"])

    async def _deliver(self, subscription: RemoteSubscription, delivery: dict[str, Any]) -> None:
        outcome = RESET
        try:
            outcome = await subscription.deliver(delivery)
        except Exception:
            outcome = ERROR
        finally:
            self.tell({"op": "settle", "tag": delivery["tag"], "outcome": outcome})

    def tell(self, frame: Frame) -> None:
        """Send a frame that has no answer; without a connection it is for nobody."""
        if self.outgoing is not None:
            self.outgoing.put_nowait(json.dumps(frame, separators=(",", ":")))

    def _ask(self, frame: Frame, again: bool = False) -> tuple[int, asyncio.Future[Any]]:
        self._number += 1
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiting[self._number] = (frame, again, answered)
        self.tell({**frame, "n": self._number})
        return self._number, answered

    async def ask(self, frame: Frame, *, again: bool = False) -> Any:
        """Send a frame and wait for its answer; `again`: over the next connection too, until there is one."""
        if self.outgoing is None and not again:
            return ABSENT.get(frame["op"])
        n, answered = self._ask(frame, again)
        try:
            return await answered
        except asyncio.CancelledError:
            if self.waiting.pop(n, None) is not None:
                self.tell({"op": "cancel", "of": n})
            raise

    # -- what the parts do -------------------------------------------------------------------------

    async def operate(self, store: str, duration: int, timeout: int, *, hang: bool = False) -> int:
        """One operation of `duration` ns, given up after `timeout` ns (-1: never): its outcome."""
        frame = {"op": "operate", "store": store, "duration": duration, "timeout": timeout, "hang": hang}
        return int(await self.ask(frame))

    async def lookup(self, cache: str, key: str | None, hit: bool = False) -> bool:
        """Whether a cache holds a key; without a key the caller knows (`hit`), and it is only counted."""
        return bool(await self.ask({"op": "lookup", "cache": cache, "key": key, "hit": hit}))

    async def fill(self, cache: str, key: str, ttl: int, capacity: int) -> None:
        """Have a cache hold a key."""
        await self.ask({"op": "fill", "cache": cache, "key": key, "ttl": ttl, "capacity": capacity})

    async def join(self, cache: str, key: str) -> int:
        """Wait for the read of a key that is under way; LEAD when none is."""
        return int(await self.ask({"op": "join", "cache": cache, "key": key}))

    def land(self, cache: str, key: str, outcome: int) -> None:
        """The read that led has ended."""
        self.tell({"op": "land", "cache": cache, "key": key, "outcome": outcome})

    def timed_out(self, store: str) -> None:
        """A read was given up while it was at a store."""
        self.tell({"op": "timed_out", "store": store})

    def down(self, channel: str) -> bool:
        """Whether a channel's broker is out of order."""
        return channel in self.brokers_down

    async def publish(self, channel: str, message: dict[str, Any]) -> int:
        """Hand over a message: OK, OVERLOADED when the broker refuses it, RESET when it is out of order."""
        return int(await self.ask({"op": "publish", "channel": channel, "message": message}, again=True))

    async def subscribe(self, consumer: dict[str, Any], replica: str, deliver: Deliver) -> RemoteSubscription:
        """A consumer of a replica is ready."""
        await self._connected.wait()
        self._number += 1
        subscription = RemoteSubscription(self, self._number, consumer, replica, deliver)
        self.subscriptions[subscription.number] = subscription
        await self.ask(subscription.frame())
        return subscription

    def effect(self, tag: int, step: int) -> None:
        """A delivery has done a step with an effect."""
        self.tell({"op": "effect", "tag": tag, "step": step})

    def lost(self, channel: str) -> None:
        """A crash lost a message that was to be published."""
        self.tell({"op": "lost", "channel": channel})

    def crashed(self, replica: str) -> None:
        """The replica is dead, with all its consumers."""
        self.tell({"op": "crashed"})
        gone: Iterable[RemoteSubscription] = [*self.subscriptions.values()]
        self.subscriptions.clear()
        for subscription in gone:
            subscription.stop()

    async def stats(self, name: str) -> dict[str, int]:
        """What a channel or store has counted, and what waits there."""
        found: dict[str, int] = await self.ask({"op": "stats", "name": name})
        return found or {}


BROKEN: Final = {"operate": RESET, "join": AGAIN, "lookup": False}
"""What a question comes to when the connection breaks before its answer."""
ABSENT: Final = {"operate": UNAVAILABLE, "join": LEAD, "lookup": False}
"""What it comes to when there is no connection."""
