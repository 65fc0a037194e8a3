"""Servers for tests: started as `msforge up --with` starts them, one of a kind for a whole session."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from msforge.live.servers.hosted import Hosted
from msforge.live.servers.known import SERVERS
from msforge.live.servers.server import MissingError, ServerError
from msforge.live.state import prepare
from msforge.model import compile_system
from msforge.spec import load_text

NOTHING = """\
msforge: 1
name: tested
services: {a: {endpoints: {go: {steps: [wait: 1ms]}}}}
traffic: {t: {target: a.go, rate: 1/s}}
simulation: {duration: 5s, warmup: 1s}
"""


class Serving:
    """One server, on an event loop of its own."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        prepare(Path(self.folder.name))
        self.hosted = Hosted(
            SERVERS[name](), "", compile_system(load_text(NOTHING)), Path(self.folder.name), lambda line: None)
        self.crashed = False
        self.start()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def start(self) -> None:
        """Start it, again with the data it had; what is left of one that crashed may take a moment to be gone."""
        for left in range(9, -1, -1):
            try:
                self._do(self.hosted.start())
                return
            except ServerError as error:
                if not left or not self.crashed:
                    error.add_note(error.hint)
                    raise
                time.sleep(0.5)

    def stop(self) -> None:
        """End it in its own way; its data stay."""
        self._do(self.hosted.stop(keep=True))

    def crash(self) -> None:
        """It dies as if its machine had."""
        self.crashed = True
        self.loop.call_soon_threadsafe(self.hosted.crash)
        child = self.hosted.child
        while child is not None and child.code is None:
            threading.Event().wait(0.01)

    def control(self, *words: str) -> str:
        """RabbitMQ's own command line; what it prints."""
        script = Path(self.hosted.site.programs["rabbitmq-server"]).with_name("rabbitmqctl")
        environment = {**os.environ, **self.hosted.server.environment(self.hosted.site)}
        done = subprocess.run([str(script), *words], env=environment, check=True, capture_output=True, timeout=60)
        return done.stdout.decode("utf-8", "replace")

    def url(self, service: str = "test") -> str:
        """Where a service finds it, with the password."""
        (url,) = self.hosted.server.settings(self.hosted.site, service).values()
        return url

    def close(self) -> None:
        """End it, and forget its data."""
        self._do(self.hosted.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.folder.cleanup()


_RUNNING: dict[str, Serving | MissingError] = {}


def serving(name: str) -> Serving:
    """The session's server of a kind; skips the test, by name, where it is not installed."""
    if name not in _RUNNING:
        try:
            _RUNNING[name] = Serving(name)
        except MissingError as problem:
            _RUNNING[name] = problem
    found = _RUNNING[name]
    if isinstance(found, MissingError):
        pytest.skip(f"{found.message}: {found.hint}")
    return found


def end_all() -> None:
    """End every server of the session."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for one in _RUNNING.values():
            if isinstance(one, Serving):
                pool.submit(one.close)
    _RUNNING.clear()
