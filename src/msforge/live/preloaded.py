"""A process that has imported what every service imports, and forks itself into replicas (Linux).

It is run as a file, by `fork_server.ForkServer`, and knows nothing of msforge: what it becomes is a service. It has
no event loop and no threads, so a fork of it is as good as a new interpreter. Its standard input is a socket: an order
is one message, JSON with a descriptor of the replica's own standard input; it answers with the process id, 0 if it
could not fork, and tells of each replica that ended. It leaves when the socket ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

MODULES: Final = (
    "sqlite3", "fastapi", "fastapi.openapi.utils", "pydantic.v1", "pydantic_settings", "prometheus_client.core",
    "aiohttp", "uvicorn", "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto",
)
"""What generated services import. The services themselves are not here: their sources are read when they start."""
LARGEST: Final = 1 << 18
"""Bytes an order may have; a socket takes no larger message."""


def main() -> None:
    """Imports, then forks on request. Returns in the server; a replica ends as its own program does."""
    for name in MODULES:
        with contextlib.suppress(ImportError):  # the service that needs it will say so itself
            importlib.import_module(name)
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        sys.exit("what was imported has started threads: forking is not safe")
    gc.collect()
    gc.freeze()  # collecting garbage would write to pages that all replicas share
    order = serve(socket.socket(fileno=0))
    if order is not None:
        runpy.run_module(order["package"], run_name="__main__", alter_sys=True)


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Forks on each order. Returns the order in the new process, and None in this one when nobody is left to order."""
    with selectors.DefaultSelector() as selector, hearing_of_ends() as ends:
        selector.register(control, selectors.EVENT_READ)
        selector.register(ends, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if ends in ready:
                os.read(ends, 4096)
                tell_who_ended(control)
            if control in ready:
                data, given, _, _ = socket.recv_fds(control, LARGEST, 1)
                if not data:
                    return None
                order: dict[str, Any] = json.loads(data)
                if forked(control, given[0]):
                    become(control, given[0], order)
                    return order


@contextlib.contextmanager
def hearing_of_ends() -> Iterator[int]:
    """A descriptor that can be read when a child has ended. A new process leaves it, too."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    before = signal.signal(signal.SIGCHLD, lambda number, frame: None)
    try:
        yield heard
    finally:
        signal.signal(signal.SIGCHLD, before)
        signal.set_wakeup_fd(-1)
        os.close(heard)
        os.close(told)


def forked(control: socket.socket, given: int) -> bool:
    """Whether this is the new process."""
    try:
        pid = os.fork()
    except OSError:
        pid = -1
    if pid == 0:
        return True
    os.close(given)
    control.send(json.dumps({"pid": max(pid, 0)}).encode())
    return False


def tell_who_ended(control: socket.socket) -> None:
    """A message for each child that is gone, with its exit code, negative for a signal."""
    with contextlib.suppress(ChildProcessError, BrokenPipeError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            control.send(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


def become(control: socket.socket, given: int, order: dict[str, Any]) -> None:
    """Lead a process group, with standard streams, a folder and settings of its own; the server's socket goes."""
    os.setsid()
    control.detach()
    out = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for descriptor, number in ((given, 0), (out, 1), (out, 2)):
        os.dup2(descriptor, number)
    os.close(given)
    os.close(out)
    Path("/proc/self/comm").write_text(order["package"][:15], "utf-8")  # what `top` shows
    os.environ.update(order["env"])
    os.chdir(order["folder"])
    sys.path.insert(0, order["folder"])


if __name__ == "__main__":
    main()
