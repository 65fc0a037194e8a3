"""The playground's server: what it sends, what it refuses, how it keeps time."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from msforge import load
from msforge.errors import ConflictError
from msforge.model import compile_system
from msforge.web.playground.game import Game
from msforge.web.playground.pace import Pace
from msforge.web.playground.picture import picture_of
from msforge.web.playground.serve import open_port
from tests.web.playground.serving import SHOP, Served, served

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text("<!doctype html><title>page</title>", "utf-8")
    (folder / "assets").mkdir()
    for name in ("page.js", "page.css"):
        (folder / "assets" / name).write_text("1", "utf-8")
    return folder


@pytest.fixture(scope="module")
def server(page: Path) -> Iterator[Served]:
    with served(SHOP, page) as found:
        yield found


def until(stream: Iterator[tuple[str, dict[str, Any]]], kind: str, **wanted: Any) -> dict[str, Any]:
    """The next event of a kind with these values."""
    for found, data in islice(stream, 400):
        if found == kind and all(data.get(key) == value for key, value in wanted.items()):
            return data
    raise AssertionError(f"no {kind} with {wanted}")


def test_the_page_and_its_policy(server: Served) -> None:
    status, text, headers = server.ask("GET", "/")
    assert (status, text) == (200, "<!doctype html><title>page</title>")
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "--ink" in server.ask("GET", "/palette.css")[1]


def test_scripts_and_styles_are_called_so_whatever_the_machine_thinks(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows takes types from its registry, where .js often is text/plain: no browser would run it (nosniff)."""
    monkeypatch.setattr("starlette.responses.guess_type", lambda name, *_: ("text/plain", None))
    for name, kind in (("page.js", "text/javascript"), ("page.css", "text/css")):
        status, _, headers = server.ask("GET", f"/assets/{name}")
        assert status == 200
        assert headers["content-type"].partition(";")[0] == kind


@pytest.mark.parametrize("path", ["/nothing", "/assets/../index.html", "/assets/%2e%2e/index.html", "/api"])
def test_there_is_nothing_else(server: Served, path: str) -> None:
    status, text, headers = server.ask("GET", path)
    assert status == 404
    assert json.loads(text)["error"]
    assert "content-security-policy" in headers


@pytest.mark.parametrize(("headers", "told"), [
    ({"host": "evil.example"}, "127.0.0.1 and localhost only"),
    ({"host": "127.0.0.1:1"}, "127.0.0.1 and localhost only"),
    ({"host": "127.0.0.1.evil.example:{port}"}, "127.0.0.1 and localhost only"),
    ({"origin": "http://evil.example"}, "another page"),
    ({"origin": "null"}, "another page"),
    ({"origin": "https://127.0.0.1:{port}"}, "another page"),
    ({"sec_fetch_site": "cross-site"}, "another page"),
])
@pytest.mark.parametrize("path", ["/api/do", "/api/yaml"])
def test_who_else_asks_is_refused(server: Served, headers: dict[str, str], told: str, path: str) -> None:
    asked = {key: value.format(port=server.port) for key, value in headers.items()}
    method = "POST" if path == "/api/do" else "GET"
    status, text, answer = server.ask(method, path, b'{"do":"reset"}', content_type="application/json", **asked)
    assert status == 403
    assert told in json.loads(text)["error"]
    assert "access-control-allow-origin" not in answer


def test_its_own_page_may_ask(server: Served) -> None:
    for host in (f"localhost:{server.port}", f"127.0.0.1:{server.port}"):
        status, _, _ = server.ask("POST", "/api/do", b'{"do":"speed","value":1}', content_type="application/json",
                                  host=host, origin=f"http://{host}")
        assert status == 200


@pytest.mark.parametrize(("body", "kind", "status", "told"), [
    (b"{", "application/json", 400, "not JSON"),
    (b"[" * 90_000, "application/json", 400, "not JSON"),
    (b"[]", "application/json", 400, "an action is an object"),
    (b"{}", "application/json", 400, "unknown action"),
    (b'{"do":"__class__"}', "application/json", 400, "unknown action"),
    (b'{"do":"begin"}', "application/json", 400, "unknown action"),
    (b'{"do":"turn"}', "application/json", 400, "nothing to turn"),
    (b'{"do":"turn","knob":["x"]}', "application/json", 400, "nothing to turn"),
    (b'{"do":"turn","knob":"services.payment.replicas","value":1e9}', "application/json", 400, "from 1 to 12"),
    (b'{"do":"speed","value":0}', "application/json", 400, "from 0.01 to 100"),
    (b'{"do":"step","value":"1"}', "application/json", 400, "takes a number"),
    (b'{"do":"preset","name":"no such"}', "application/json", 400, "no scenario"),
    (b'{"do":"restore","state":{"scenario":null,"time":1,"deeds":[[1]]}}', "application/json", 400, "does not hold"),
    (b'{"do":"restore","state":{"scenario":null,"time":9,"deeds":[[1,-1,"crash nobody",false,{"crash":"nobody"}]]}}',
     "application/json", 400, "does not fit this file"),
    (b'{"do":"turn","knob":"services.payment.replicas","value":1' + b"0" * 400 + b"}", "application/json", 400,
     "from 1 to 12"),
    (b'{"do":"turn","knob":"services.payment.replicas","value":NaN}', "application/json", 400, "from 1 to 12"),
    (b'{"do":"restore","state":{"scenario":null,"time":9,"deeds":[[1,-1,"slow payment",false,{"crash":"payment"}]]}}',
     "application/json", 400, "does not hold"),
    (b'{"do":"restore","state":{"scenario":null,"time":9,"deeds":[[1,-1,"slow payment",false,'
     b'{"slow":"payment","by":2}]]}}', "application/json", 400, "does not hold"),
    (b'{"do":"restore","state":{"scenario":null,"time":9,"deeds":[[1,9,"crash payment",false,{"crash":"payment"}],'
     b'[2,8,"crash payment",false,{"crash":"payment"}]]}}', "application/json", 400, "does not hold"),
    (b'{"do":"reset"}', "text/plain", 415, "application/json"),
    (b" " * 300_000, "application/json", 413, "at most"),
])
def test_what_makes_no_sense_is_refused(server: Served, body: bytes, kind: str, status: int, told: str) -> None:
    found, text, _ = server.ask("POST", "/api/do", body, content_type=kind)
    assert found == status
    assert told in json.loads(text)["error"]
    assert server.act(do="speed", value=1) == (200, {"done": True}), "and it goes on"


def test_two_pages_watch_one_run(server: Served) -> None:
    with server.watching() as one, server.watching() as other:
        run = until(one, "hello")["run"]
        assert until(other, "hello")["run"] == run
        server.act(do="turn", knob="services.payment.replicas", value=5)
        for stream in (one, other):
            status = until(stream, "status")
            while status["values"]["services.payment.replicas"] != 5:
                status = until(stream, "status")
        server.act(do="reset")
        fresh = {until(stream, "hello")["run"] for stream in (one, other)}
        assert len(fresh) == 1
        assert fresh != {run}


def test_time_moves_at_its_speed_stands_and_steps(server: Served) -> None:
    server.act(do="reset")
    server.act(do="speed", value=1)
    with server.watching() as stream:
        until(stream, "hello")
        first, began = until(stream, "frame")["time"], time.monotonic()
        later = first
        while time.monotonic() - began < 2:
            later = until(stream, "frame")["time"]
        assert 0.2 < later - first <= 1.3 * (time.monotonic() - began)
        server.act(do="pause")
        stands = until(stream, "status", paused=True)["time"]
        server.act(do="step", value=0.5)
        while True:
            frame = until(stream, "frame")
            if frame["goal"] is None:
                break
        assert frame["time"] == pytest.approx(stands / 1000 + 0.5)


def test_time_stands_while_nobody_watches(page: Path) -> None:
    with served(SHOP, page) as found:
        time.sleep(0.5)
        assert found.playground.game.session.time == 0


def test_too_much_slows_time_and_says_so(page: Path, tmp_path: Path) -> None:
    heavy = tmp_path / "heavy.yaml"
    heavy.write_text("""
msforge: 1
name: heavy
services: {web: {replicas: 20, threads: 500, endpoints: {get: {steps: [{wait: exponential(5ms)}]}}}}
traffic: {all: {target: web.get, rate: 40000/s, for: 10s}}
""", "utf-8")
    with served(heavy, page) as found, found.watching() as stream:
        until(stream, "hello")
        assert found.act(do="speed", value=100)[0] == 200
        frame = until(stream, "frame", slowed=True)
        assert frame["speed"] < 90
        began = time.monotonic()
        assert found.act(do="turn", knob="services.web.replicas", value=21)[0] == 200
        assert time.monotonic() - began < 5, "the server is heard all the while"


def test_a_link_brings_a_session_back(page: Path) -> None:
    with served(SHOP, page) as first, first.watching() as stream:
        until(stream, "hello")
        until(stream, "frame")
        first.act(do="turn", knob="slow payment", value=10)
        first.act(do="turn", knob="services.order.threads", value=8)
        until(stream, "frame")
        first.act(do="pause")
        status = until(stream, "status", paused=True)
        yaml = first.ask("GET", "/api/yaml")[1]
    state = {"scenario": None, "time": status["time"], "deeds": status["deeds"]}
    with served(SHOP, page) as second, second.watching() as stream:
        until(stream, "hello")
        assert second.act(do="restore", state=state)[0] == 200
        hello = until(stream, "hello")
        while until(stream, "frame")["time"] < status["time"] / 1000:
            pass
        assert second.ask("GET", "/api/yaml")[1] == yaml
        assert second.playground.game.paused
        with second.watching() as another:
            values = until(another, "hello")["status"]["values"]
        assert (values["slow payment"], values["services.order.threads"]) == (10, 8), "the knobs stand where they stood"
        assert hello["status"]["deeds"] == status["deeds"]


def test_a_run_that_breaks_says_why_and_a_new_one_can_begin(page: Path, tmp_path: Path) -> None:
    """Two changes that hold alone, and not together."""
    text = SHOP.read_text("utf-8") + """
faults:
  - {change: {"services.gateway.endpoints.checkout.steps[2].retry.max_backoff": 60ms}, at: 100ms}
  - {change: {"services.gateway.endpoints.checkout.steps[2].retry.backoff": 100ms}, at: 200ms}
"""
    file = tmp_path / "breaks.yaml"
    file.write_text(text, "utf-8")
    with served(file, page) as found, found.watching() as stream:
        until(stream, "hello")
        status = until(stream, "status", paused=True)
        assert "max_backoff" in status["broken"]
        code, answer = found.act(do="turn", knob="services.payment.replicas", value=3)
        assert code == 400
        assert "this run has ended" in answer["error"]
        assert found.act(do="reset")[0] == 200


def test_a_run_that_cannot_be_shown_is_said_and_a_new_one_can_begin(page: Path) -> None:
    class Broken(Game):
        def frame(self) -> dict[str, Any]:
            if not self.broken and self.session.time > 0:
                raise ArithmeticError("no frame")
            return super().frame()

    game = Broken(lambda scenario: load(SHOP, scenario=scenario))
    with served(SHOP, page, game) as found, found.watching() as stream:
        until(stream, "hello")
        assert "no frame" in until(stream, "status", paused=True)["broken"]
        assert found.act(do="reset")[0] == 200


def test_who_gave_up_waiting_is_passed_over() -> None:
    pace = Pace(Game(lambda scenario: load(SHOP, scenario=scenario)), lambda kind, data: None, lambda: False)
    given_up, patient = pace.ask(lambda game: 1 / 0), pace.ask(lambda game: game.run)
    assert given_up.cancel()
    pace.start()
    assert patient.result(timeout=30) == pace.game.run
    pace.end()


def test_a_hostile_name_is_only_a_name() -> None:
    """The language refuses such names; the picture does not count on that."""
    system = compile_system(load(SHOP))
    services = tuple(replace(service, name=f"{HOSTILE}{service.index}") for service in system.services)
    svg = picture_of(replace(system, name=HOSTILE, services=services)).drawn["svg"]
    assert "<img" not in svg
    assert "</script" not in svg
    assert svg.count("&lt;img") > len(services)


def test_a_taken_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConflictError, match="is taken") as told:
            open_port(taken.getsockname()[1])
        assert "--port" in told.value.hint
