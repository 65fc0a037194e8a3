"""Prometheus: it scrapes every replica and evaluates the rules that were generated from the objectives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Final

import aiohttp

from msforge.live.servers.server import Server, Site

RULES: Final = "observability/prometheus/rules"
"""Where a generated system has its rules."""
INTERVAL: Final = "1s"
"""Between scrapes: a lesson is over in a minute."""


class Prometheus(Server):
    """A Prometheus server with its data in its own folder."""

    name = "prometheus"
    programs: ClassVar = {"prometheus": ("prometheus",)}
    packages: ClassVar = {"apt": "prometheus", "brew": "prometheus", "winget": "Prometheus.Prometheus"}

    def prepare(self, site: Site) -> None:
        """Its configuration."""
        plain = configuration(site.replicas, site.generated / RULES)
        (site.folder / "prometheus.yml").write_text(json.dumps(plain, indent=1), "utf-8")  # JSON is YAML

    def command(self, site: Site) -> list[str]:
        """In the foreground, on loopback."""
        return [
            site.programs["prometheus"], f"--config.file={site.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={site.folder / 'data'}", f"--web.listen-address=127.0.0.1:{site.ports['main']}",
        ]

    async def ready(self, site: Site) -> bool:
        """It says so itself."""
        timeout = aiohttp.ClientTimeout(total=2.0)
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(f"{self.address(site)}/-/ready") as answer:
            return answer.status == 200


def configuration(replicas: Any, rules: Path) -> dict[str, Any]:
    """What Prometheus is told: a job a service, a target a replica, and the rules below a folder."""
    return {
        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": [str(rules / "*.yml")] if rules.is_dir() else [],
        "scrape_configs": [
            {
                "job_name": service,
                "static_configs": [
                    {
                        "targets": [url.partition("://")[2]],
                        "labels": {"service": service, "replica": f"{service}.{ordinal}"},
                    }
                    for ordinal, url in enumerate(urls)
                ],
            }
            for service, urls in replicas.items()
        ],
    }
