"""`msforge up --with kafka`: topics on a broker that is started with the services, whichever can be had here."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import msforge
from msforge.errors import UsageError
from msforge.live import state
from msforge.live.servers import kafka
from msforge.live.servers.hosted import shown
from msforge.live.servers.kafka import TANSU, Kafka, version_of
from msforge.live.servers.server import MissingError
from tests.live.conftest import command, environment, running, until
from tests.servers.serving import Serving, serving

SYSTEM = """\
msforge: 1
name: pairs
services:
  front:
    endpoints:
      ask: {http: "POST /ask", steps: [{write: facts}, {publish: news, key: uniform(0 9), outbox: true}]}
      tell: {http: "POST /tell", steps: [{publish: news}]}
  reader:
    replicas: 2
    consumers:
      take: {from: news, threads: 2, idempotent: true, steps: [{write: notes}]}
  audit:
    consumers:
      note: {from: news, steps: [{wait: 1ms}]}
stores:
  facts: {owner: front, write: 1ms}
  notes: {owner: reader, write: 1ms}
channels:
  news: {kind: topic, partitions: 4, publish: 0ms, relay: 100ms}
traffic:
  people: {target: front.ask, rate: 20/s}
simulation: {duration: 2s, seed: 3}
"""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated folder of SYSTEM."""
    serving("kafka")  # skips where there is no broker
    where = tmp_path_factory.mktemp("kafka")
    (where / "pairs.yaml").write_text(SYSTEM, "utf-8")
    msforge.new(where / "pairs.yaml", where / "pairs")
    return where / "pairs"


@pytest.fixture(params=["one process", "processes"])
def up(pairs: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """It, up in each way."""
    how = ["--processes"] if request.param == "processes" else []
    with running(pairs, "--with", "kafka", *how):
        yield pairs


def ask(folder: Path, endpoint: str) -> int:
    """A request's status."""
    url = next(service["url"] for service in msforge.ps(folder)["services"] if service["name"] == "front")
    try:
        request = urllib.request.Request(f"{url}/{endpoint}", b"", method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def news(folder: Path) -> dict[str, Any]:
    return dict(msforge.ps(folder)["channels"]["news"])


def test_every_group_has_every_message_and_what_the_broker_is_is_said(up: Path) -> None:
    assert [ask(up, "ask") for _ in range(10)] == [200] * 10
    assert until(lambda: news(up)["done"] == 20, within=30)
    assert until(lambda: (news(up)["published"], news(up)["in_flight"]) == (10, 0))
    (server,) = msforge.ps(up)["servers"]
    assert server["url"].startswith("kafka://127.0.0.1:") and server["product"]
    assert server["product"] in shown(server)


def test_broker_that_dies_is_an_error_for_publishers_and_shown(pairs: Path, tmp_path: Path) -> None:
    alone = tmp_path / "pairs"  # its outbox keeps something
    shutil.copytree(pairs, alone, ignore=shutil.ignore_patterns("run"))
    with running(alone, "--with", "kafka"):
        assert ask(alone, "tell") == 200
        (server,) = msforge.ps(alone)["servers"]
        end_with_its_guard(server["pid"])
        assert until(lambda: msforge.ps(alone)["servers"][0]["state"] == "down")
        assert until(lambda: ask(alone, "tell") == 500), "a clear error"
        assert ask(alone, "ask") == 200, "an outbox keeps it"
    assert not (state.run_folder(alone) / "servers" / "kafka").exists()


def end_with_its_guard(pid: int) -> None:
    """The broker dies as if its machine had."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], check=True, capture_output=True)
    else:
        os.killpg(pid, signal.SIGKILL)


@pytest.mark.parametrize(("url", "said"), [
    ("kafka=kafka://me:secret@127.0.0.1:9", "no Kafka answers there"),
    ("kafka=amqp://me:secret@127.0.0.1:9", "no address of a Kafka"),
])
def test_broker_that_is_not_there_is_said_in_one_line(pairs: Path, url: str, said: str) -> None:
    line = command("up", "-C", pairs, "--port-base", "0", "--with", url)
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and said in done.stderr and "secret" not in done.stderr


def test_broker_that_somebody_else_runs_is_used_and_left_running(pairs: Path) -> None:
    server = serving("kafka")
    with running(pairs, "--with", f"kafka={server.url()}/lesson"):
        assert ask(pairs, "tell") == 200
        assert until(lambda: news(pairs)["done"] == 2, within=30)
        (one,) = msforge.ps(pairs)["servers"]
        assert (one["pid"], one["product"]) == (0, "") and one["url"].endswith("/lesson")
    assert server.hosted.child is not None and server.hosted.child.code is None


def test_no_kafka_at_all_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "candidates", lambda program: ("nobody-has-this",))
    monkeypatch.setattr(kafka, "CARRIER", "nobody_has_this")
    with pytest.raises(MissingError) as told:
        Kafka().find()
    assert told.value.message == "kafka: no Kafka is installed"
    for way in ("pip install 'msforge[kafka-broker]'", "brew install kafka", "KAFKA_HOME", "apt", "winget"):
        assert way in told.value.hint


STORAGE = """\
import pathlib, sys
assert sys.argv[1:3] == ["format", "-t"] and len(sys.argv[3]) == 22 and sys.argv[4] == "-c", sys.argv
told = dict(line.split("=", 1) for line in pathlib.Path(sys.argv[5]).read_text().splitlines())
folder = pathlib.Path(told["log.dirs"])
folder.mkdir()
(folder / "meta.properties").write_text(sys.argv[3])
"""
START = """\
import os, pathlib, sys
told = dict(line.split("=", 1) for line in pathlib.Path(sys.argv[1]).read_text().splitlines())
assert (pathlib.Path(told["log.dirs"]) / "meta.properties").exists(), "not formatted"
assert told["process.roles"] == "broker,controller" and os.environ["KAFKA_HEAP_OPTS"]
url = told["advertised.listeners"].replace("PLAINTEXT://", "tcp://")
assert told["listeners"].startswith(told["advertised.listeners"] + ",CONTROLLER://127.0.0.1:")
os.execv({tansu!r}, ["tansu", "broker", "--listener-url", url, "--advertised-listener-url", url])
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for an installed Kafka: its scripts take what a Kafka's take, and then run Tansu."""
    if os.name == "nt":
        pytest.skip("only on POSIX systems: scripts that say what runs them")
    found = serving("kafka").hosted.site.programs
    if TANSU not in found:
        pytest.skip("a Kafka is installed: no stand-in is needed")
    where = tmp_path / "kafka_2.13-4.1.0"
    for name, text in (("kafka-storage.sh", STORAGE), ("kafka-server-start.sh", START.format(tansu=found[TANSU]))):
        script = where / "bin" / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(f"#!{sys.executable}\n{text}", "utf-8")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    (where / "libs").mkdir()
    (where / "libs" / "kafka-clients-4.1.0.jar").touch()
    monkeypatch.setenv("KAFKA_HOME", str(where))
    return where


def test_installed_kafka_is_formatted_started_and_gone_with_its_data(home: Path) -> None:
    server = Serving("kafka")
    folder = server.hosted.site.folder
    try:
        assert server.hosted.plain()["product"] == "Apache Kafka 4.1.0"
        assert (folder / "data" / "meta.properties").exists()
    finally:
        server.close()
    assert not folder.exists()


def test_installed_kafka_that_is_too_old_is_refused(home: Path) -> None:
    (home / "libs" / "kafka-clients-4.1.0.jar").rename(home / "libs" / "kafka-clients-2.8.2.jar")
    assert version_of(home / "bin" / "kafka-server-start.sh") == (2, 8, 2)
    with pytest.raises(UsageError, match=r"Kafka 2\.8\.2 is installed; 3\.3 or newer is needed"):
        Kafka().find()


def test_installed_kafka_that_does_not_start_says_why(home: Path) -> None:
    script = home / "bin" / "kafka-storage.sh"
    script.write_text(f"#!{sys.executable}\nprint('No java here')\nraise SystemExit(1)\n", "utf-8")
    with pytest.raises(Exception, match="kafka-storage failed") as told:
        Serving("kafka")
    assert "No java here" in str(getattr(told.value, "hint", ""))
    shutil.rmtree(home)
