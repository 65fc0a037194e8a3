"""Finding the replicas of called services: by DNS, or by asking Consul; those that the environment names just stand.

A service's list of URLs may hold

- `http://host:port`, a replica, or whatever stands before some;
- `dns://host:port`: a replica at each address that the name has now (compose, a headless Service of Kubernetes);
- `consul://name`: the instances that Consul's HTTP API says are passing their checks.

With Consul, a replica also registers itself, with its /readyz as the check, and leaves when it stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import aiohttp

if TYPE_CHECKING:
    from msforge.runtime.replica import Replica

EVERY: Final = 2.0
"""Real seconds between two looks at a name."""
WAIT: Final = 30
"""Seconds that Consul may keep a question open until its answer changes."""
PAUSE: Final = 1.0
"""Real seconds before one that did not answer is asked again."""
LOOKED_UP: Final = ("dns://", "consul://")


def plain(urls: Sequence[str]) -> list[str]:
    """Those that are replicas as they stand."""
    return [url for url in urls if not url.startswith(LOOKED_UP)]


class Discovery:
    """Keeps a replica's directory up to date with where the services are.

    `services` are the URLs of each, `consul` the address of Consul's agent (http://host:8500), `advertised` where
    others reach this replica (http://host:port), to be registered there.
    """

    def __init__(
        self, replica: Replica, services: Mapping[str, Sequence[str]], *, consul: str = "", advertised: str = ""
    ) -> None:
        self.replica = replica
        self.services = {name: urls for name, urls in services.items() if len(plain(urls)) < len(urls)}
        self.consul = consul.rstrip("/")
        self.advertised = advertised
        self.found: dict[str, dict[str, list[str]]] = {name: {} for name in self.services}
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    @property
    def registers(self) -> bool:
        """Whether this replica is to be found in Consul."""
        return bool(self.consul and self.advertised)

    async def start(self) -> None:
        """Look everything up once, then keep looking. A service that is not found yet has no replicas."""
        if not self.services and not self.registers:
            return
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT + 10.0, connect=5.0))
        firsts = []
        for name, urls in self.services.items():
            self.found[name] = {url: [url] if url in plain(urls) else [] for url in urls}
            for url in urls:
                if url not in plain(urls):
                    first = asyncio.get_running_loop().create_future()
                    firsts.append(first)
                    self._spawn(self._follow(name, url, first))
        if firsts:
            await asyncio.wait(firsts, timeout=5.0)
        if self.registers:
            self._spawn(self._register())

    async def stop(self) -> None:
        """Look no more, and leave Consul."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        session, self._session = self._session, None
        if session is None:
            return
        if self.registers:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with asyncio.timeout(2.0):
                    await session.put(f"{self.consul}/v1/agent/service/deregister/{quote(self.id, safe='')}")
        await session.close()

    @property
    def id(self) -> str:
        """This replica's own name among the instances of its service."""
        address = urlsplit(self.advertised)
        return f"{self.replica.name}-{address.hostname}-{address.port or 80}"

    def _spawn(self, work: Any) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def _follow(self, service: str, url: str, first: asyncio.Future[None]) -> None:
        """Keep to what a name stands for, for ever. What can't be asked now keeps its last answer."""
        index = ""
        said = False
        while True:
            pause = PAUSE
            try:
                if url.startswith("dns://"):
                    urls, pause = await addresses(url), EVERY
                else:
                    urls, index = await self._instances(url.removeprefix("consul://"), index)
                    pause = 0.0 if index else EVERY
                self._learn(service, url, urls)
                said = False
            except (OSError, aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError) as problem:
                index = ""
                if not said:
                    self.replica.log.warning("discovery failed", callee=service, reason=str(problem) or repr(problem))
                said = True
            if not first.done():
                first.set_result(None)
            await asyncio.sleep(pause * random.uniform(0.9, 1.1))

    def _learn(self, service: str, url: str, urls: list[str]) -> None:
        found = self.found[service]
        if found[url] == urls:
            return
        found[url] = urls
        self.replica.directory.believe(service, [one for some in found.values() for one in some])

    async def _instances(self, name: str, index: str) -> tuple[list[str], str]:
        """The passing instances of a service, and the index to ask from next."""
        asked = {"passing": "true", **({"index": index, "wait": f"{WAIT}s"} if index else {})}
        where = f"{self.consul}/v1/health/service/{quote(name, safe='')}"
        assert self._session is not None
        async with self._session.get(where, params=asked) as answer:
            answer.raise_for_status()
            entries = await answer.json(content_type=None)
            new = answer.headers.get("X-Consul-Index", "")
        urls = []
        for entry in entries:
            host = entry["Service"]["Address"] or entry["Node"]["Address"]
            urls.append(_url(host, int(entry["Service"]["Port"])))
        if not new.isdigit() or int(new) < 1 or (index and int(new) < int(index)):
            new = ""  # it went backwards: begin anew, as Consul's documentation asks for
        return sorted(urls), new

    async def _register(self) -> None:
        """Have Consul know this replica; again and again until it does."""
        address = urlsplit(self.advertised)
        body = {
            "ID": self.id, "Name": self.replica.name, "Address": address.hostname, "Port": address.port or 80,
            "Check": {
                "HTTP": f"{self.advertised.rstrip('/')}/readyz", "Interval": "2s", "Timeout": "1s",
                "DeregisterCriticalServiceAfter": "1m",
            },
        }
        assert self._session is not None
        while True:
            try:
                async with self._session.put(f"{self.consul}/v1/agent/service/register", json=body) as answer:
                    answer.raise_for_status()
                return
            except (aiohttp.ClientError, TimeoutError) as problem:
                self.replica.log.warning("registration failed", reason=str(problem) or repr(problem))
            await asyncio.sleep(PAUSE)


async def addresses(url: str) -> list[str]:
    """A URL for each address that the name in `dns://host:port` has. Raises OSError."""
    named = urlsplit(url)
    if not named.hostname:
        raise ValueError(f"{url!r} names no host")
    port = named.port or 80
    found = await asyncio.get_running_loop().getaddrinfo(named.hostname, port, type=socket.SOCK_STREAM)
    return sorted({_url(str(address[0]), port) for *_, address in found})


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
