"""PostgreSQL: a cluster of its own, in which each service has a database."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote, urlsplit, urlunsplit

from msforge.live.servers.server import Server, Site, answers
from msforge.model.plan import Store
from msforge.runtime.part_error import without_password
from msforge.runtime.real_parts import POSTGRES
from msforge.scaffold.python.names import snake

USER = "msforge"


class Postgres(Server):
    """A PostgreSQL server. It refuses to run as root, and so it has an account of its own there."""

    name = "postgres"
    programs: ClassVar = {
        program: (program, f"/usr/lib/postgresql/*/bin/{program}", f"C:/Program Files/PostgreSQL/*/bin/{program}.exe")
        for program in ("initdb", "postgres")
    }
    packages: ClassVar = {"apt": "postgresql", "brew": "postgresql@17", "winget": "PostgreSQL.PostgreSQL.17"}
    driver = "asyncpg"
    account = "postgres"
    stop = "SIGQUIT"  # its "immediate" way: the others write all they have to disk first, and that may take long
    grace = 10.0
    takes_url = True

    def prepare(self, site: Site) -> None:
        """A new cluster that wants a password, on loopback alone."""
        password = site.folder / "password"
        password.write_text(site.secret + "\n", "ascii")
        password.chmod(0o600)
        site.give(password)
        site.run(
            "initdb", "--pgdata", str(site.folder / "data"), "--username", USER, "--pwfile", str(password),
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-instructions",
        )
        password.unlink()

    def command(self, site: Site) -> list[str]:
        """In the foreground."""
        options = {
            "listen_addresses": "127.0.0.1", "port": str(site.ports["main"]), "unix_socket_directories": "",
            "max_connections": "300", "shared_buffers": "32MB", "log_connections": "off",
        }
        told = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [site.programs["postgres"], "-D", str(site.folder / "data"), *told]

    async def ready(self, site: Site) -> bool:
        """It lets us in."""
        from msforge.runtime.postgres_store import look_in

        return await answers(look_in(self.url(site, "postgres")), site)

    def url(self, site: Site, database: str) -> str:
        """Where a database is, with the password."""
        base = site.url or f"postgresql://{USER}:{quote(site.secret)}@127.0.0.1:{site.ports['main']}"
        return urlunsplit(urlsplit(base)._replace(path=f"/{quote(database)}"))

    def settings(self, site: Site, service: str) -> dict[str, str]:
        """A database a service."""
        return {"postgres_url": self.url(site, f"{snake(site.system.name)}_{snake(service)}")}

    def has_store(self, store: Store) -> bool:
        """Whether this store is on it."""
        return store.kind in POSTGRES

    def address(self, site: Site) -> str:
        """Where people reach it, without a password."""
        return without_password(site.url or self.url(site, ""))
