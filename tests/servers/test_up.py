"""`msforge up --with`: services on servers that are started with them, and gone with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import msforge
from msforge.live import state
from tests.live.conftest import command, environment, running, until
from tests.servers.serving import Serving, serving

KINDS = "rabbitmq,postgres,redis"
SYSTEM = """\
msforge: 1
name: trio
services:
  front:
    endpoints:
      ask:
        http: "POST /ask"
        steps:
          - {read: facts, cache: {store: memory, keys: 7, ttl: 60s, single_flight: true}}
          - {write: facts}
          - {publish: news, outbox: true}
  reader:
    consumers:
      take: {from: news, threads: 4, idempotent: true, steps: [{write: notes}]}
stores:
  facts: {owner: front, read: 1ms, write: 1ms}
  notes: {owner: reader, write: 1ms}
  memory: {kind: redis, owner: front, read: 1ms}
channels:
  news: {publish: 0ms, relay: 100ms}
traffic:
  people: {target: front.ask, rate: 20/s}
simulation: {duration: 2s, seed: 3}
"""


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated folder of SYSTEM."""
    for kind in KINDS.split(","):
        serving(kind)  # skips where it is not installed
    where = tmp_path_factory.mktemp("servers")
    (where / "trio.yaml").write_text(SYSTEM, "utf-8")
    msforge.new(where / "trio.yaml", where / "trio")
    return where / "trio"


@pytest.fixture(scope="module", params=["one process", "processes"])
def up(trio: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """It, up in each way."""
    how = ["--processes"] if request.param == "processes" else []
    with running(trio, "--with", KINDS, *how):
        yield trio


@pytest.fixture
def alone(trio: Path, tmp_path: Path) -> Path:
    """It once more, not up."""
    shutil.copytree(trio, tmp_path / "trio", ignore=shutil.ignore_patterns("run"))
    return tmp_path / "trio"


def ask(folder: Path, times: int) -> None:
    """So many requests, each answered well."""
    url = next(service["url"] for service in msforge.ps(folder)["services"] if service["name"] == "front")
    for _ in range(times):
        with urllib.request.urlopen(urllib.request.Request(f"{url}/ask", b"", method="POST"), timeout=20) as answer:
            assert answer.status == 200


def channel(folder: Path) -> dict[str, Any]:
    return dict(msforge.ps(folder)["channels"]["news"])


def test_messages_go_through_the_broker_and_come_to_rest(up: Path) -> None:
    before = channel(up)["done"]
    ask(up, 10)
    assert until(lambda: channel(up)["done"] >= before + 10)
    assert until(lambda: channel(up)["published"] == channel(up)["done"] and channel(up)["in_flight"] == 0)


def test_secrets_are_in_no_log_and_in_nothing_that_is_shown(up: Path) -> None:
    run = state.run_folder(up)
    secret = (run / "servers" / "rabbitmq" / "home" / ".erlang.cookie").read_text("ascii")
    assert len(secret) > 20
    shown = str(msforge.ps(up)) + "".join(log.read_text("utf-8", "replace") for log in (run / "logs").glob("*.log"))
    assert secret not in shown and "amqp://127.0.0.1:" in shown
    assert (run / ".gitignore").read_text("utf-8") == "*\n"


def test_server_that_somebody_else_runs_is_used_and_left_running(alone: Path) -> None:
    server = serving("postgres")
    with running(alone, "--with", f"postgres={server.url('ignored')}"):
        ask(alone, 3)
        shown = msforge.ps(alone)["servers"]
        assert [(one["name"], one["pid"]) for one in shown] == [("postgres", 0)]
        assert server.hosted.site.secret not in str(shown)
    assert server.hosted.child is not None and server.hosted.child.code is None


@pytest.mark.parametrize(("url", "said"), [
    ("postgres=postgresql://a:b@127.0.0.1:9/x", "no PostgreSQL answers there"),
    ("rabbitmq=amqp://a:b@127.0.0.1:9/", "no RabbitMQ answers there"),
    ("redis=redis://:b@127.0.0.1:9/0", "no Redis answers there"),
])
def test_server_that_is_not_there_is_said_in_one_line_and_nothing_is_left(alone: Path, url: str, said: str) -> None:
    line = command("up", "-C", alone, "--port-base", "0", "--with", url)
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and said in done.stderr and ":b@" not in done.stderr
    assert not (state.run_folder(alone) / "state.json").exists()


def test_migration_that_fails_half_way_takes_all_down_and_leaves_nothing(alone: Path) -> None:
    package = next((alone / "services" / "front").glob("*/migrations"))
    broken = package / "0001_broken.sql"
    broken.write_text("CREATE TABLE halves (id BIGINT);\nINSERT INTO nowhere VALUES (1);\n", "utf-8")
    server = serving("postgres")
    try:
        line = command("up", "-C", alone, "--port-base", "0", "--with", f"postgres={server.url('ignored')}")
        done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    finally:
        broken.unlink()
    assert done.returncode == 1
    assert '0001_broken.sql, line 2: relation "nowhere" does not exist' in done.stderr
    with running(alone, "--with", f"postgres={server.url('ignored')}"):
        assert all(r["state"] == "ready" for s in msforge.ps(alone)["services"] for r in s["replicas"])


def test_what_is_not_installed_is_said_with_the_package(alone: Path) -> None:
    if os.name == "nt":
        pytest.skip("only on POSIX systems: an empty PATH")
    line = command("up", "-C", alone, "--port-base", "0", "--with", "redis")
    env = {**environment(), "PATH": "/nowhere"}
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "redis: redis-server is not installed" in done.stderr and "redis" in done.stderr.splitlines()[-1]


def test_port_that_is_taken_meanwhile_is_left_to_whoever_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from msforge.live import ports
    from msforge.live.servers.redis import RedisServer

    serving("redis")
    other = ports.bind(0)
    other.listen()
    prepare, had = RedisServer.prepare, []

    def late(self: RedisServer, site: Any) -> None:
        if not had:
            site.ports["main"] = other.getsockname()[1]
        had.append(site.ports["main"])
        prepare(self, site)

    monkeypatch.setattr(RedisServer, "prepare", late)
    server = Serving("redis")
    try:
        assert server.hosted.state == "ready" and len(had) == 2 and had[0] != had[1]
    finally:
        server.close()
        other.close()
