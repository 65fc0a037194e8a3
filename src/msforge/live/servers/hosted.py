"""The servers of a running system: found, prepared, started, watched, ended."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp

from msforge.errors import UsageError
from msforge.live import ports
from msforge.live.children import Child, Spawned
from msforge.live.fleet import Tell
from msforge.live.logs import last_lines
from msforge.live.servers import guard
from msforge.live.servers.known import SERVERS, Wanted
from msforge.live.servers.server import WINDOWS, Server, ServerError, Site, find_driver
from msforge.live.state import logs_folder, run_folder
from msforge.model.plan import System

TRIES: Final = 3
"""Starts of a server that finds its ports taken."""
NOT_YET: Final = (OSError, aiohttp.ClientError, TimeoutError)
"""What a probe may meet before a server is ready."""


class Servers:
    """All that `--with` asked for. Made before anything starts: it raises MissingError for what is not installed."""

    def __init__(self, wanted: Sequence[Wanted], system: System, folder: Path, tell: Tell) -> None:
        self.hosted = [Hosted(SERVERS[one.name](), one.url, system, folder, tell) for one in wanted]

    def __iter__(self) -> Any:
        return iter(self.hosted)

    async def start(self, replicas: Mapping[str, Sequence[str]]) -> None:
        """Start all of them, at once, and return when all are ready. Raises ServerError; then call `stop`.

        `replicas` are the URLs that each service's replicas will have.
        """
        for one in self.hosted:
            one.site.replicas = replicas
        tasks = [asyncio.ensure_future(one.start()) for one in self.hosted]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def stop(self) -> None:
        """End all of them; their data are gone."""
        await asyncio.gather(*(one.stop() for one in self.hosted))

    def settings(self, service: str) -> dict[str, str]:
        """What a service is told about them, without its prefix. Holds secrets."""
        return {key: value for one in self.hosted for key, value in one.server.settings(one.site, service).items()}

    def of(self, name: str) -> str:
        """The server that a store or a channel is on; "" for an embedded one."""
        for one in self.hosted:
            system = one.site.system
            if any(part.name == name and one.server.has_store(part) for part in system.stores) or any(
                part.name == name and one.server.has_channel(part) for part in system.channels
            ):
                return one.server.name
        return ""

    def urls(self) -> dict[str, str]:
        """Where people reach each of them, and which one it is where several could be."""
        return {one.server.name: shown(one.plain()) for one in self.hosted}

    def plain(self) -> list[dict[str, Any]]:
        """For `ps`: name, address, product, state, process id (0 for one that somebody else runs)."""
        return [one.plain() for one in self.hosted]


class Hosted:
    """One server: `start`, `stop`, and for faults `crash` and `start` again with the data it had."""

    def __init__(self, server: Server, url: str, system: System, folder: Path, tell: Tell) -> None:
        find_driver(server)
        self.server = server
        self.tell = tell
        self.state = "stopped"
        self.child: Spawned | None = None
        self.site = Site(
            system=system, folder=run_folder(folder) / "servers" / server.name,
            log=logs_folder(folder) / f"{server.name}.log", generated=folder, url=url,
            programs={} if url else server.find(), account="" if url else _account(server),
        )
        self._prepared: asyncio.Future[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The guard's process, 0 when none runs."""
        return self.child.pid if self.child is not None and self.child.code is None else 0

    def plain(self) -> dict[str, Any]:
        """What `ps` shows of it."""
        return {
            "name": self.server.name, "url": self.server.address(self.site),
            "product": self.server.product(self.site), "state": self.state, "pid": self.pid,
        }

    async def start(self) -> None:
        """Prepare it the first time, start it, wait until it is ready. Raises ServerError.

        A port that was free when it was prepared may be taken when it starts: then it is prepared with other ones.
        """
        new = self._prepared is None
        for left in range(TRIES - 1, -1, -1):
            try:
                await self._start()
                return
            except ServerError:
                if not left or not new or self.site.url or not await asyncio.to_thread(self._lost_a_port):
                    raise
            await self.stop()

    def _lost_a_port(self) -> bool:
        """Whether one of its ports, which it does not have itself, is taken."""
        if self.pid:
            return False
        try:
            for port in self.site.ports.values():
                ports.bind(port).close()
        except OSError:
            return True
        return False

    async def _start(self) -> None:
        self.state = "starting"
        if not self.site.url:
            if self._prepared is None:
                self._prepared = asyncio.get_running_loop().run_in_executor(None, self._prepare)
            await asyncio.shield(self._prepared)  # a thread can't be stopped: `stop` waits for it
            environment = {**os.environ, **self.server.environment(self.site)}
            self.child = Spawned(self._guarded(), environment, self.site.generated, self.site.log)
        await self._until_ready()
        self.state = "ready"
        if self.child is not None:
            self._watch = asyncio.get_running_loop().create_task(self._until_gone(self.child))

    def _prepare(self) -> None:
        """A folder of its own, its ports, and what it wants to find there."""
        site = self.site
        shutil.rmtree(site.folder, ignore_errors=True)
        try:
            if site.account:  # ours may lie where another account cannot go
                site.folder = Path(tempfile.mkdtemp(prefix=f"msforge-{self.server.name}-"))
                shutil.chown(site.folder, site.account, site.account)
            else:
                site.folder.mkdir(parents=True)
                site.folder.chmod(0o700)
        except OSError as error:
            raise UsageError(f"cannot make {site.folder} for {self.server.name}: {error.strerror or error}") from error
        sockets = {name: ports.bind(0) for name in self.server.ports}
        site.ports = {name: sock.getsockname()[1] for name, sock in sockets.items()}
        for sock in sockets.values():
            sock.close()
        self.server.prepare(site)

    def _guarded(self) -> list[str]:
        told = {
            "command": self.server.command(self.site), "helper": self.server.helper(self.site),
            "account": self.site.account, "stop": self.server.stop,
            "grace": self.server.grace, "folder": str(self.site.folder),
        }
        return [sys.executable, "-I", "-S", str(Path(guard.__file__)), json.dumps(told)]

    async def _until_ready(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self.server.patience
        name, why = self.server.name, ""
        while loop.time() < end:
            if self.child is not None and self.child.code is not None:
                raise ServerError(f"{name} ended as it started (exit code {self.child.code})", hint=self._end_of_log())
            try:
                if await self.server.ready(self.site):
                    return
            except NOT_YET as error:
                why = str(error)
            await asyncio.sleep(0.05)
        if self.site.url:
            raise ServerError(f"{name} does not answer at {self.server.address(self.site)}: {why}")
        raise ServerError(f"{name} was not ready within {self.server.patience:.0f} s", hint=self._end_of_log())

    def _end_of_log(self) -> str:
        return "\n".join(last_lines(self.site.log)) or f"its log is empty: {self.site.log}"

    async def _until_gone(self, child: Child) -> None:
        while child.code is None:
            await asyncio.sleep(0.2)
        if child is self.child and self.state == "ready":
            self.state = "down"
            child.sweep()
            self.tell(f"{self.server.name} ended by itself (exit code {child.code}); msforge logs {self.server.name}")

    def crash(self) -> None:
        """It dies now, as if its machine had; its data stay, and `start` starts it again."""
        self.state = "down"
        if self.child is not None:
            self.child.kill()

    async def stop(self, *, keep: bool = False) -> None:
        """End it in its own way; with `keep` its data stay, and `start` starts it again."""
        self.state = "stopped"
        if self._watch is not None:
            self._watch.cancel()
        if self._prepared is not None:
            await asyncio.wait((self._prepared,))
        child, self.child = self.child, None
        if child is not None:
            if keep:
                child.tell("keep")
            await child.leave(self.server.grace + 2.0)
        if not keep and not self.site.url:
            await asyncio.to_thread(shutil.rmtree, self.site.folder, ignore_errors=True)
            self._prepared = None


def shown(plain: Mapping[str, Any]) -> str:
    """A server's address, and which one it is where several could be."""
    return ", ".join(filter(None, (plain["url"], plain["product"])))


def _account(server: Server) -> str:
    """Another account than ours, where its programs refuse to run as root and we are root."""
    return server.account if server.account and not WINDOWS and os.getuid() == 0 else ""
