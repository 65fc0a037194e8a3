"""Where a Kafka is, as one URL: kafka://user:password@host:9092,other:9092/prefix?mechanism=SCRAM-SHA-512.

All but a host may be missing. `kafkas://` is Kafka over TLS. The prefix goes before the names of topics and groups.
"""

from __future__ import annotations

import ssl
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from msforge.runtime.part_error import PartError

PORT: Final = 9092
SCHEMES: Final = {"kafka": "PLAINTEXT", "kafkas": "SSL"}
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class KafkaUrl:
    """A URL that was read. Raises PartError when it makes no sense."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
        except ValueError as problem:
            raise PartError(f"that is no address of a Kafka: {problem}") from problem
        if parts.scheme not in SCHEMES:
            raise PartError("that is no address of a Kafka; one looks like kafka://host:9092")
        user, _, hosts = parts.netloc.rpartition("@")
        self.secure = parts.scheme == "kafkas"
        self.hosts = [_with_port(host) for host in hosts.split(",") if host]
        if not self.hosts:
            raise PartError("the address of the Kafka names no host; one looks like kafka://host:9092")
        name, _, password = user.partition(":")
        self.user, self.password = unquote(name), unquote(password)
        self.mechanism = parse_qs(parts.query).get("mechanism", ["PLAIN"])[0]
        if self.mechanism not in MECHANISMS:
            raise PartError(f"no mechanism {self.mechanism!r} for a password; there are {', '.join(MECHANISMS)}")
        self.folder = parts.path.strip("/")
        self.prefix = f"{self.folder}." if self.folder else ""

    def __str__(self) -> str:
        """As people may see it."""
        path = f"/{self.folder}" if self.folder else ""
        return f"{'kafkas' if self.secure else 'kafka'}://{','.join(self.hosts)}{path}"

    def options(self) -> dict[str, Any]:
        """What aiokafka's clients are told."""
        told: dict[str, Any] = {"bootstrap_servers": self.hosts}
        protocol = ("SASL_" if self.user else "") + SCHEMES["kafkas" if self.secure else "kafka"]
        told["security_protocol"] = protocol
        if self.secure:
            told["ssl_context"] = ssl.create_default_context()
        if self.user:
            told |= {"sasl_mechanism": self.mechanism, "sasl_plain_username": self.user,
                     "sasl_plain_password": self.password}
        return told


def _with_port(host: str) -> str:
    name, given, port = host.rpartition(":")
    if not given or host.endswith("]"):  # an IPv6 address alone: [::1]
        return f"{host}:{PORT}"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise PartError(f"the address of the Kafka has no port {port!r}")
    return f"{name}:{port}"
