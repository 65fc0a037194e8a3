"""RabbitMQ: a broker with a folder, ports and a port mapper of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote

from msforge.live.servers.server import Server, Site, answers
from msforge.model.plan import Channel
from msforge.runtime.part_error import without_password

USER: Final = "msforge"
LEAN: Final = "+sbwt none +sbwtdcpu none +sbwtdio none +S 2:2"
"""Erlang's schedulers wait without spinning: the services need the CPU."""


class RabbitMQ(Server):
    """A RabbitMQ server."""

    name = "rabbitmq"
    programs: ClassVar = {
        "rabbitmq-server": (
            "/usr/lib/rabbitmq/bin/rabbitmq-server", "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
            "/usr/local/opt/rabbitmq/sbin/rabbitmq-server", "rabbitmq-server",
            "C:/Program Files/RabbitMQ Server/*/sbin/rabbitmq-server.bat",
        ),
        "epmd": ("epmd", "/usr/lib/erlang/erts-*/bin/epmd", "C:/Program Files/Erlang OTP/erts-*/bin/epmd.exe"),
    }
    packages: ClassVar = {"apt": "rabbitmq-server", "brew": "rabbitmq", "winget": "RabbitMQ.RabbitMQServer"}
    driver = "aio_pika"
    ports = ("main", "distribution", "mapper")
    patience = 90.0
    grace = 15.0
    takes_url = True

    def prepare(self, site: Site) -> None:
        """Its configuration, with the password, for us alone to read."""
        for name in ("home", "data", "log"):
            (site.folder / name).mkdir()
        texts = {
            "home/.erlang.cookie": site.secret,
            "rabbitmq.conf": _configuration(site),
            "enabled_plugins": "[].\n",
            "rabbitmq-env.conf": "",
        }
        for name, text in texts.items():
            file = site.folder / name
            file.touch(0o600)
            file.write_text(text, "utf-8")
        (site.folder / "home" / ".erlang.cookie").chmod(0o400)

    def helper(self, site: Site) -> list[str]:
        """The port mapper of its own: one that it started itself would outlive it."""
        return [site.programs["epmd"], "-port", str(site.ports["mapper"]), "-address", "127.0.0.1"]

    def command(self, site: Site) -> list[str]:
        """In the foreground."""
        return [site.programs["rabbitmq-server"]]

    def environment(self, site: Site) -> dict[str, str]:
        """Everything of its own, nothing of the machine's."""
        folder = site.folder
        home = str(folder / "home")
        return {
            "HOME": home, "HOMEDRIVE": home[:2], "HOMEPATH": home[2:], "RABBITMQ_BASE": str(folder),
            "ERL_EPMD_PORT": str(site.ports["mapper"]), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"msforge-{site.ports['main']}@localhost",
            "RABBITMQ_DIST_PORT": str(site.ports["distribution"]),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"), "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"), "RABBITMQ_LOGS": "-",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{LEAN} -kernel inet_dist_use_interface {{127,0,0,1}}",
            "PATH": os.pathsep.join(filter(None, (os.environ.get("PATH"), str(Path(site.programs["epmd"]).parent)))),
        }

    async def ready(self, site: Site) -> bool:
        """It lets us in."""
        from msforge.runtime.rabbitmq import look_in

        return await answers(look_in(self.url(site)), site)

    def url(self, site: Site) -> str:
        """Where it is, with the password."""
        return site.url or f"amqp://{USER}:{quote(site.secret)}@127.0.0.1:{site.ports['main']}/"

    def settings(self, site: Site, service: str) -> dict[str, str]:
        """All services use the same."""
        return {"rabbitmq_url": self.url(site)}

    def has_channel(self, channel: Channel) -> bool:
        """Whether this channel is on it."""
        return not channel.topic and channel.broker == "rabbitmq"

    def address(self, site: Site) -> str:
        """Where people reach it, without a password."""
        return without_password(self.url(site))


def _configuration(site: Site) -> str:
    return (
        f"listeners.tcp.1 = 127.0.0.1:{site.ports['main']}\n"
        f"default_user = {USER}\ndefault_pass = {site.secret}\n"
        "loopback_users.msforge = true\n"
        "disk_free_limit.absolute = 50MB\n"
        "log.console.level = warning\n"
    )
