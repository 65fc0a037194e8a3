"""The playground's server for tests: in a thread of this process, or as the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from msforge import load
from msforge.web.playground.game import Game
from msforge.web.playground.serve import Server, open_port
from msforge.web.playground.server import Playground

ROOT = Path(__file__).parents[3]
PATIENCE = 40
"""Seconds without an event after which a test has waited long enough."""
SHOP = ROOT / "examples" / "shop" / "shop.yaml"


class Served:
    """A server that runs, and requests to it."""

    def __init__(self, playground: Playground, port: int) -> None:
        self.playground = playground
        self.port = port

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers of an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()

    def act(self, **action: Any) -> tuple[int, dict[str, Any]]:
        """Status and answer of an action."""
        status, text, _ = self.ask("POST", "/api/do", json.dumps(action).encode(), content_type="application/json")
        return status, json.loads(text)

    @contextmanager
    def watching(self) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        """The events that one page receives."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/api/events")
        try:
            yield events(connection.getresponse())
        finally:
            connection.close()


def events(answer: HTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and data of each event of a stream."""
    kind, heard = "", time.monotonic()
    for raw in answer:
        line = raw.decode().rstrip("\n")
        assert time.monotonic() - heard < PATIENCE, "nothing but signs of life"
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))
            heard = time.monotonic()


@contextmanager
def served(file: Path, page: Path, game: Game | None = None) -> Iterator[Served]:
    """The server in a thread; `page` is the folder of the page. A `game` goes before the file."""
    sock = open_port(0)
    port = sock.getsockname()[1]
    playground = Playground(game or Game(lambda scenario: load(file, scenario=scenario)), page, port)
    server = Server.of(playground)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Served(playground, port)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive(), "it ends when it is told to"


class Command:
    """`msforge play` as a process."""

    def __init__(self, *words: str) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "msforge", "play", *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, creationflags=flags,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C; its exit code and what it said on stderr."""
        self.process.send_signal(signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGINT)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def kill(self) -> None:
        """Without a word."""
        self.process.kill()
        self.process.communicate(timeout=30)
