"""Taking ports on loopback, and saying who has one that is taken."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path
from typing import Final

from msforge.errors import ConflictError, UsageError
from msforge.scaffold.ports import BASE

HOST: Final = "127.0.0.1"


def bind(port: int) -> socket.socket:
    """A socket bound to a loopback port; 0 is any free one. Raises OSError.

    It says that it is TCP: asyncio switches Nagle's algorithm off only for those that do, and with it on every answer
    on a new connection is 40 ms late.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "nt":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def bind_all(wanted: list[tuple[str, int]]) -> list[socket.socket]:
    """A socket for each (who, port), in order. Raises ConflictError that names all that are taken."""
    made: list[socket.socket] = []
    taken: list[tuple[str, int]] = []
    for who, port in wanted:
        try:
            made.append(bind(port))
        except OSError as e:
            if e.errno not in (errno.EADDRINUSE, errno.EACCES, 10048, 10013):
                for sock in made:
                    sock.close()
                raise UsageError(
                    f"cannot open port {port} for {who}: {(e.strerror or str(e)).lower()}",
                    hint=f"the system needs {len(wanted)} ports and a file for each; allow more open files (ulimit -n)"
                    if e.errno in (errno.EMFILE, errno.ENFILE) else "is there a loopback interface?",
                ) from e
            taken.append((who, port))
    if taken:
        for sock in made:
            sock.close()
        raise _conflict(taken, [port for _, port in wanted])
    return made


def _conflict(taken: list[tuple[str, int]], wanted: list[int]) -> ConflictError:
    shown = "; ".join(f"{port}, wanted by {who}{_by(port)}" for who, port in taken[:5])
    more = f" and {len(taken) - 5} more" if len(taken) > 5 else ""
    word = "port is" if len(taken) == 1 else "ports are"
    span = max(wanted) - min(wanted) + 1
    other = next((base for base in range(BASE + 1000, 64000 - span, 1000) if free(base, span)), 0)
    return ConflictError(
        f"{len(taken)} {word} taken: {shown}{more}",
        hint=f"begin elsewhere: msforge up --port-base {other}" + (" (or 0: any that are free)" if other else ""),
    )


def free(base: int, span: int) -> bool:
    """Whether the ports that matter most from `base` on are free (a look, no promise)."""
    for port in range(base, base + min(span, 60)):
        try:
            bind(port).close()
        except OSError:
            return False
    return True


def _by(port: int) -> str:
    owner = owner_of(port)
    return f", has {owner}" if owner else ""


def owner_of(port: int) -> str:
    """The program that listens on a loopback port, where the system tells (Linux): "python (pid 4711)"."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        inodes = _listening(port)
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and inodes & _sockets(process):
                name = (process / "comm").read_text("utf-8", "replace").strip()
                return f"{name} (pid {process.name})"
    return ""


def _listening(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found


def _sockets(process: Path) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found
