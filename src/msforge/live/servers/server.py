"""What a kind of server has to say of itself so that `msforge up --with` can run it."""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import ClassVar, Final

from msforge.errors import MsforgeError, UsageError
from msforge.model.plan import Channel, Store, System
from msforge.runtime.part_error import PartError

WINDOWS: Final = os.name == "nt"


class ServerError(MsforgeError):
    """A server did not start, or is not one that can be used. Its hint is the end of its log."""


class MissingError(UsageError):
    """A server is not installed. Its hint is how to install it on this system."""


@dataclass(slots=True)
class Site:
    """One server of one run: where it lives, what it was given, and whom it serves."""

    system: System
    folder: Path
    """Its own data, gone when it goes down."""
    log: Path
    generated: Path
    """The generated system's folder."""
    replicas: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The URLs of each service's replicas."""
    programs: dict[str, str] = field(default_factory=dict)
    """The path of each program that the server needs, found on this machine."""
    ports: dict[str, int] = field(default_factory=dict)
    """A free port on loopback for each that it asked for."""
    url: str = ""
    """Where it is reached when somebody else runs it (`--with NAME=URL`); nothing is started then."""
    account: str = ""
    """The account that its programs run as; "" is ours."""
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """A password for this run alone. Hand it over in a file or the environment, never on a command line."""

    def give(self, path: Path) -> None:
        """Let its account have a file of ours."""
        if self.account:
            shutil.chown(path, self.account, self.account)

    def run(self, program: str, *arguments: str, env: Mapping[str, str] | None = None, within: float = 60.0) -> str:
        """Run one of its programs to its end; what it printed, which goes to the log as well. Raises ServerError."""
        apart = {"user": self.account, "group": self.account, "extra_groups": ()} if self.account else {}
        try:
            done = subprocess.run(
                [self.programs[program], *arguments], env={**os.environ, **(env or {})}, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=within, check=False,
                **apart,  # type: ignore[call-overload,unused-ignore]
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServerError(f"{program} does not run: {error}") from error
        printed = str(done.stdout.decode("utf-8", "replace"))
        with self.log.open("a", encoding="utf-8") as log:
            log.write(printed)
        if done.returncode:
            raise ServerError(
                f"{program} failed (exit code {done.returncode})", hint="\n".join(printed.splitlines()[-12:])
            )
        return printed


class Server:
    """A kind of server. A subclass fills in the class variables and overrides what it needs; it keeps no state."""

    name: ClassVar[str]
    programs: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """What has to be installed: for each program the names to look for on the PATH, or patterns of whole paths
    (`/usr/lib/postgresql/*/bin/initdb`), of which the highest version is taken."""
    packages: ClassVar[Mapping[str, str]] = {}
    """The package that brings them, for `apt`, `brew` and `winget`."""
    driver: ClassVar[str] = ""
    """The Python package that services talk to it with, an extra of msforge's of the server's name."""
    ports: ClassVar[tuple[str, ...]] = ("main",)
    """A free port is found for each."""
    account: ClassVar[str] = ""
    """Whom its programs run as when we are root and they refuse to be."""
    stop: ClassVar[str] = "SIGTERM"
    """The signal that asks it to end."""
    patience: ClassVar[float] = 30.0
    """Seconds it may take to be ready."""
    grace: ClassVar[float] = 5.0
    """Seconds it may take to end."""
    takes_url: ClassVar[bool] = False
    """Whether `--with NAME=URL` can name one that somebody else runs."""

    def find(self) -> dict[str, str]:
        """The path of each program that it needs. Raises MissingError that names the first that is not there."""
        return find_programs(self)

    def prepare(self, site: Site) -> None:
        """Whatever has to be in its folder before it starts; in a thread. Raises ServerError."""

    def helper(self, site: Site) -> list[str]:
        """The command line of what has to run beside it for as long as it does; empty for nothing."""
        return []

    def command(self, site: Site) -> list[str]:
        """Its command line, to run in the foreground, listening on loopback alone."""
        raise NotImplementedError

    def environment(self, site: Site) -> dict[str, str]:
        """What it is told in its environment, beside ours."""
        return {}

    async def ready(self, site: Site) -> bool:
        """Whether it serves now. OSError and its kin mean not yet; ServerError that it never will."""
        raise NotImplementedError

    def settings(self, site: Site, service: str) -> dict[str, str]:
        """What a service is told: settings by name, without its prefix. May hold the secret.

        A URL's name is the one that compose and Kubernetes use as well (`scaffold.platform.wiring`): POSTGRES_URL.
        """
        return {}

    def has_channel(self, channel: Channel) -> bool:
        """Whether this channel is on it."""
        return False

    def has_store(self, store: Store) -> bool:
        """Whether this store is on it."""
        return False

    def address(self, site: Site) -> str:
        """Where people reach it, without a password."""
        return site.url or f"http://127.0.0.1:{site.ports[self.ports[0]]}"

    def product(self, site: Site) -> str:
        """Which one it is, where several could be; "" where its name says all."""
        return ""


async def answers(looking: Awaitable[None], site: Site) -> bool:
    """Whether a look at a server succeeds. Raises ServerError when it never will."""
    try:
        await looking
    except PartError as problem:
        if site.url or not problem.out_of_reach:
            raise ServerError(str(problem)) from problem
        return False
    return True


def find_driver(server: Server) -> None:
    """Raises MissingError when the Python package that services need for it is not there."""
    if server.driver and importlib.util.find_spec(server.driver) is None:
        raise MissingError(
            f"{server.name}: the Python package {server.driver.replace('_', '-')} is not installed",
            hint=f"install it: pip install 'msforge[{server.name}]'",
        )


def find_programs(server: Server) -> dict[str, str]:
    """The path of each of its programs. Raises MissingError that names the first that is not there."""
    found = {}
    for program, candidates in server.programs.items():
        path = next(filter(None, map(_find, candidates)), None)
        if path is None:
            raise MissingError(f"{server.name}: {program} is not installed", hint=how_to_install(server))
        found[program] = path
    return found


def _find(candidate: str) -> str | None:
    if "/" not in candidate:
        return shutil.which(candidate)
    pattern = PurePath(candidate)
    if not pattern.is_absolute():  # another system's
        return None
    found = Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
    return max((str(path) for path in found if os.access(path, os.X_OK)), key=_version, default=None)


def _version(path: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", path)]


def how_to_install(server: Server, platform: str = sys.platform) -> str:
    """One line: what to type here to have it; with what the other systems need where there is none for this one."""
    commands = {"apt": "apt-get install {}", "brew": "brew install {}", "winget": "winget install {}"}
    here = {"win32": "winget", "darwin": "brew"}.get(platform, "apt")
    if here in server.packages:
        return f"install it: {commands[here].format(server.packages[here])}"
    others = ", ".join(commands[way].format(package) for way, package in server.packages.items())
    return f"there is no {here} package of it; elsewhere: {others}"
