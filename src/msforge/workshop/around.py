"""What is around msforge on this laptop: ports, a browser, servers, containers."""

from __future__ import annotations

import contextlib
import errno
import shutil
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from msforge.live.ports import bind, free, owner_of
from msforge.live.servers.known import SERVERS
from msforge.live.servers.server import MissingError, Server, find_driver, find_programs
from msforge.scaffold.ports import BASE, plan
from msforge.web import PORT
from msforge.workshop.checks import Check, State, some

NETWORK = "network"
OPTIONAL = "optional"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox", "microsoft-edge")
TAKEN = (errno.EADDRINUSE, errno.EACCES, 10048, 10013)  # the last two are Windows' names for the same


def around() -> Iterator[Check]:
    """All of it."""
    yield ports("ports of `up`", shop_ports(), "msforge up --port-base")
    yield ports("port of `play`", [PORT], "msforge play --port")
    yield browser()
    for server in SERVERS.values():
        yield of_server(server())
    yield containers()


def shop_ports() -> list[int]:
    """The ports that `msforge up` takes for the shop."""
    from msforge.catalog import example
    from msforge.model import compile_system
    from msforge.spec import load

    system = compile_system(load(example("shop").file))
    made = plan({service.name: service.replicas for service in system.services})
    return [port for one in made for port in (one.front, *one.replicas)]


def ports(name: str, wanted: Sequence[int], option: str) -> Check:
    """Whether these are free on loopback; who has those that are not, and how to begin elsewhere."""
    taken = []
    for port in wanted:
        try:
            bind(port).close()
        except OSError as error:
            if error.errno not in TAKEN:
                return Check(NETWORK, name, State.FAIL, f"no port can be opened: {(error.strerror or str(error))}",
                             "is there a loopback interface (127.0.0.1), or a firewall that forbids it?")
            taken.append(port)
    span = max(wanted) - min(wanted) + 1
    if not taken:
        return Check(NETWORK, name, State.OK, f"{min(wanted)} to {max(wanted)} are free" if span > 1
                     else f"{wanted[0]} is free")
    owner = owner_of(taken[0])
    words = f"taken: {some([str(port) for port in taken])}" + (f"; {taken[0]} by {owner}" if owner else "")
    other = next((base for base in range(BASE + 1000, 64000 - span, 1000) if free(base, span)), 0)
    return Check(NETWORK, name, State.WARN, words, f"end that program, or begin elsewhere: {option} {other}")


def browser() -> Check:
    """Whether a page can be opened."""
    with contextlib.suppress(webbrowser.Error):
        found = webbrowser.get()
        name = getattr(found, "name", "") or type(found).__name__
        return Check(NETWORK, "browser", State.OK, PurePath(str(name)).name)
    there = next(filter(shutil.which, BROWSERS), "")
    words = f"{there} is installed, but there is no screen" if there else "none was found"
    return Check(NETWORK, "browser", State.WARN, words,
                 "install one (Firefox, Chrome, Edge), or open the addresses that msforge prints by hand")


def of_server(server: Server) -> Check:
    """Whether `up --with` could start it. Nothing needs it otherwise."""
    try:
        found = find_programs(server)
        find_driver(server)
    except MissingError as missing:
        return Check(OPTIONAL, server.name, State.NOTE, missing.message.partition(": ")[2],
                     f"for up --with {server.name}: {missing.hint.removeprefix('install it: ')}")
    return Check(OPTIONAL, server.name, State.OK, next(iter(found.values()), "found"))


def containers() -> Check:
    """podman or Docker."""
    found = [path for name in ("podman", "docker") if (path := shutil.which(name))]
    if found:
        return Check(OPTIONAL, "containers", State.OK, ", ".join(found))
    return Check(OPTIONAL, "containers", State.NOTE, "neither podman nor Docker",
                 "only for the generated compose.yaml; no lesson needs it")
