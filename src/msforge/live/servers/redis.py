"""Redis: a server in memory, behind a password of its own."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

from msforge.live.servers.server import Server, Site, answers
from msforge.model.plan import Store
from msforge.runtime.part_error import without_password
from msforge.runtime.real_parts import REDIS


class RedisServer(Server):
    """A Redis server. What it holds is gone with it."""

    name = "redis"
    programs: ClassVar = {"redis-server": ("redis-server", "valkey-server")}
    packages: ClassVar = {"apt": "redis-server", "brew": "redis"}
    driver = "redis"
    takes_url = True

    def prepare(self, site: Site) -> None:
        """Its configuration, with the password, for us alone to read."""
        file = site.folder / "redis.conf"
        file.touch(0o600)
        file.write_text(
            f"bind 127.0.0.1\nport {site.ports['main']}\nrequirepass {site.secret}\nsave \"\"\nappendonly no\n"
            "dir ./\ndaemonize no\n", "utf-8")

    def command(self, site: Site) -> list[str]:
        """In the foreground."""
        return [site.programs["redis-server"], str(site.folder / "redis.conf")]

    async def ready(self, site: Site) -> bool:
        """It lets us in."""
        from msforge.runtime.redis_cache import look_in

        return await answers(look_in(self.url(site)), site)

    def url(self, site: Site) -> str:
        """Where it is, with the password."""
        return site.url or f"redis://:{quote(site.secret)}@127.0.0.1:{site.ports['main']}/0"

    def settings(self, site: Site, service: str) -> dict[str, str]:
        """All services use the same: caches have names of their own."""
        return {"redis_url": self.url(site)}

    def has_store(self, store: Store) -> bool:
        """Whether this store is on it."""
        return store.kind in REDIS

    def address(self, site: Site) -> str:
        """Where people reach it, without a password."""
        return without_password(self.url(site))
