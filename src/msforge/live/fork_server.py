"""Replicas forked from a process that has imported what they all import (docs/decisions/0116-fork-server.md)."""

from __future__ import annotations

import asyncio
import collections
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msforge.live import preloaded
from msforge.live.children import PYTHON, Child, Closes, Spawned
from msforge.live.folder import Package
from msforge.live.state import alive, run_folder

FORKS: Final = sys.platform == "linux"
"""Where a fork is as good as a new process. macOS' own libraries may fail in one; Windows has none."""
UNKNOWN: Final = -1
"""The exit code of a child whose parent is gone."""


def fork_server(folder: Path) -> ForkServer | None:
    """A system's fork server, started; None where forking is not safe. Raises OSError."""
    return ForkServer(run_folder(folder) / "fork-server.txt") if FORKS else None


class ForkServer:
    """The process that forks, as seen from the one that asks it to. Use it on one event loop."""

    def __init__(self, log: Path) -> None:
        """Starts it; it need not be ready for the first `fork`. Raises OSError."""
        self.log = log
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = (sys.executable, "-P", preloaded.__file__)
        with theirs:
            self.server = Spawned(command, {**os.environ, **PYTHON}, None, log, stdin=theirs, ask=ours)
        self._socket: socket.socket | None = ours
        self._asked: collections.deque[tuple[asyncio.Future[Child | None], int]] = collections.deque()
        self._children: dict[int, Forked] = {}

    async def open(self) -> None:
        """Hear it, on the loop that runs. Before any `fork`."""
        assert self._socket is not None
        asyncio.get_running_loop().add_reader(self._socket, self._heard)

    async def fork(self, package: Package, env: Mapping[str, str], log: Path) -> Child | None:
        """`python -m PACKAGE` in its folder, with `env` besides our environment; None when the server can't."""
        if self._socket is None:
            return None
        order = {"package": package.name, "folder": str(package.folder), "env": dict(env), "log": str(log)}
        theirs, ours = os.pipe()
        try:
            socket.send_fds(self._socket, [json.dumps(order).encode()], [theirs])
        except OSError:
            os.close(ours)
            return None
        finally:
            os.close(theirs)
        future: asyncio.Future[Child | None] = asyncio.get_running_loop().create_future()
        self._asked.append((future, ours))
        return await future

    async def close(self) -> None:
        """End it."""
        self._lost()
        await self.server.leave()

    def _heard(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        said = json.loads(data)
        if "pid" in said:
            self._answered(said["pid"])
        else:
            child = self._children.pop(said["ended"], None)
            if child is not None:
                child.ended = said["code"]

    def _answered(self, pid: int) -> None:
        """The oldest order has been carried out."""
        future, pipe = self._asked.popleft()
        if pid == 0:
            os.close(pipe)
            made = None
        else:
            made = self._children[pid] = Forked(pid, os.fdopen(pipe, "wb", buffering=0))
        if not future.cancelled():
            future.set_result(made)
        elif made is not None:
            made.kill()

    def _lost(self) -> None:
        """It is gone or going: what it forked lives on, and is looked after by its process id."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        for child in self._children.values():
            child.orphan = True
        self._children.clear()
        while self._asked:
            self._answered(0)


class Forked(Child):
    """A child of the fork server."""

    def __init__(self, pid: int, pipe: Closes) -> None:
        super().__init__(pid, pipe)
        self.ended: int | None = None
        self.orphan = False

    @property
    def code(self) -> int | None:
        """As any child's."""
        if self.orphan and self.ended is None and not alive(self.pid):
            self.ended = UNKNOWN
        return self.ended
