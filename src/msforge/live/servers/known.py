"""The servers that `--with` knows, and reading what it was given."""

from __future__ import annotations

from dataclasses import dataclass, field

from msforge.errors import UsageError
from msforge.live.servers.kafka import Kafka
from msforge.live.servers.postgres import Postgres
from msforge.live.servers.prometheus import Prometheus
from msforge.live.servers.rabbitmq import RabbitMQ
from msforge.live.servers.redis import RedisServer
from msforge.live.servers.server import Server
from msforge.names import did_you_mean

SERVERS: dict[str, type[Server]] = {
    server.name: server for server in (RabbitMQ, Kafka, Postgres, RedisServer, Prometheus)
}
"""By name, in the order in which they are started."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A server that was asked for: ours to start, or at a `url` where somebody else runs it."""

    name: str
    url: str = field(default="", repr=False)


def wanted(text: str) -> tuple[Wanted, ...]:
    """What `--with` said: `rabbitmq,postgres=URL`, in any order, as they are started. Raises UsageError."""
    found: dict[str, Wanted] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, given, url = part.partition("=")
        kind = SERVERS.get(name)
        if kind is None:
            raise UsageError(f"--with {name}: there is no such server", hint=did_you_mean(name, SERVERS))
        if name in found:
            raise UsageError(f"--with names {name} twice")
        if given and not kind.takes_url:
            raise UsageError(f"--with {name}=URL: only a {name} that msforge starts can be used")
        if given and "://" not in url:
            raise UsageError(f"--with {name}=...: that is no URL", hint=f"such as {name}://user:password@host")
        found[name] = Wanted(name, url)
    return tuple(found[name] for name in SERVERS if name in found)


def text_of(servers: tuple[Wanted, ...]) -> str:
    """What `wanted` reads as these."""
    return ",".join(f"{one.name}={one.url}" if one.url else one.name for one in servers)
