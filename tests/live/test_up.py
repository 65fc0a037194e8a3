"""A generated system up in one process: served, watched, broken, loaded, taken down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import msforge
from msforge import sim
from msforge.errors import ConflictError, InvalidFileError, UsageError
from msforge.live import client, state
from msforge.model import compile_system
from msforge.records import SECOND
from tests.live.conftest import PAIR, PATIENCE, ask, command, environment, running, start, until


def urls(folder: Path) -> dict[str, str]:
    return {service["name"]: service["url"] for service in msforge.ps(folder)["services"]}


def replicas(folder: Path, service: str) -> list[dict[str, Any]]:
    return next(s["replicas"] for s in msforge.ps(folder)["services"] if s["name"] == service)


def ready(folder: Path) -> bool:
    return all(r["state"] == "ready" for s in msforge.ps(folder)["services"] for r in s["replicas"])


def test_requests_go_through_all_services(up: Path) -> None:
    before = msforge.ps(up)["channels"]["news"]["published"]
    assert ask(urls(up)["front"] + "/ask")[0] == 200
    assert until(lambda: msforge.ps(up)["channels"]["news"]["done"] == before + 1)


def test_everything_listens_on_loopback_alone(up: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only on Linux: /proc names the sockets")
    pid = msforge.ps(up)["pid"]
    own = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    for table, loopback in (("tcp", "0100007F"), ("tcp6", "0" * 24 + "01000000")):
        for line in Path(f"/proc/net/{table}").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                assert fields[1].startswith(loopback), line


def test_replicas_share_nothing(up: Path) -> None:
    one, two = (r["url"] for r in replicas(up, "back"))
    number = msforge.set_fault(up, {"fail": "back", "rate": "100%", "replicas": 1})[0]
    try:
        statuses = {ask(f"{one}/answer")[0], ask(f"{two}/answer")[0]}
        assert statuses == {200, 500}
        counts = []
        for url in (one, two):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            text = opener.open(f"{url}/metrics").read().decode()
            counts.append([line for line in text.splitlines() if "error" in line and line.endswith(" 1.0")])
        assert sorted(map(bool, counts)) == [False, True], "one replica's failure is in the other's metrics"
    finally:
        msforge.clear_faults(up, number)
    assert ask(f"{one}/answer")[0] == ask(f"{two}/answer")[0] == 200


def test_a_crash_closes_the_listener_and_the_replica_comes_back(up: Path) -> None:
    before = sum(r["crashes"] for r in replicas(up, "back"))
    url = replicas(up, "back")[0]["url"]
    number, label = msforge.set_fault(up, {"crash": "back", "for": "5s"})
    assert label == "back down" and ask(f"{url}/answer")[0] == 0
    status, headers = ask(urls(up)["back"] + "/answer")
    assert status == 503 and headers["x-msforge-outcome"] == "unavailable"
    assert ask(urls(up)["front"] + "/ask")[0] >= 500
    assert until(lambda: ready(up)) and not msforge.faults(up)
    assert ask(f"{url}/answer")[0] == 200
    assert sum(r["crashes"] for r in replicas(up, "back")) == before + 2
    with pytest.raises(UsageError, match=number):
        msforge.clear_faults(up, number)


def test_faults_end_by_themselves_and_are_written_as_in_a_file(up: Path) -> None:
    number, label = msforge.set_fault(up, {"slow": "back.answer", "add": "150ms", "for": "1h"})
    assert label == "back.answer 150ms slower"
    begun = time.monotonic()
    assert ask(urls(up)["front"] + "/ask")[0] == 200 and time.monotonic() - begun > 0.15
    assert [f["id"] for f in msforge.faults(up)] == [number]
    assert msforge.clear_faults(up) == [number] and msforge.faults(up) == []
    msforge.set_fault(up, {"cut": "front -> back", "for": "3s"})
    assert ask(urls(up)["front"] + "/ask")[0] == 504
    assert until(lambda: not msforge.faults(up))
    assert ask(urls(up)["front"] + "/ask")[0] == 200
    for wrong in ({"slow": "bakc", "by": "2x"}, {"slow": "back", "by": "2z"}, {"fail": "back", "rate": "200%"}):
        with pytest.raises(InvalidFileError):
            msforge.set_fault(up, wrong)
    for many in ({"crash": "back", "replicas": 99}, {"slow": "back.answer", "by": "2x", "replicas": 3}):
        with pytest.raises(UsageError, match=r"back has 2 replicas, not (99|3)") as refused:
            msforge.set_fault(up, many)
        assert "from 1 to 2" in refused.value.hint and not msforge.faults(up)
    with pytest.raises(UsageError, match="balancer"):
        msforge.set_fault(up, {"deploy": "back", "changes": {"balancer": "client"}})


def test_the_traffic_is_the_simulators(up: Path) -> None:
    simulated = msforge.simulate(up / "pair.yaml", processes=1)
    result = msforge.send_traffic(up)
    (entry,) = result.entries
    assert entry["sent"] == simulated.entries[0].counts.arrivals
    assert entry["ok"] == entry["sent"] and entry["failed"] == 0
    assert [row[2] for row in sorted(result.rows)] == list(range(len(result.rows)))
    assert entry["latency_ms"]["p50"] > 5.0


def failed(rows: list[tuple[int, int, int]], begin: float, end: float) -> set[int]:
    """The numbers of the requests that arrived between two times (s) and failed."""
    return {number for number, arrival, outcome in rows if begin * SECOND <= arrival < end * SECOND and outcome > 1}


def test_a_scenarios_faults_strike_the_same_requests_as_in_the_simulation(up: Path) -> None:
    told: list[str] = []
    sets = ["simulation.duration=4s"]
    result = msforge.send_traffic(up, scenario="broken", sets=sets, tell=told.append)
    assert result.faults[0]["label"] == "50% of back's requests fail" and any("fail" in line for line in told)
    roots = sim.run(compile_system(msforge.load(up / "pair.yaml", scenario="broken", sets=sets))).roots
    simulated = list(zip(*(roots[name].tolist() for name in ("number", "arrival", "outcome")), strict=True))
    seen = [(row[2], row[3], row[5]) for row in result.rows]
    assert failed(seen, 0.0, 0.5) == failed(simulated, 0.0, 0.5) == set()
    assert failed(seen, 1.5, 4.0) == failed(simulated, 1.5, 4.0)  # a fault may strike up to a second late
    assert len(failed(seen, 1.5, 4.0)) > 20
    assert msforge.faults(up) == []


def test_of_another_scenario_only_traffic_and_faults_are_taken(up: Path) -> None:
    told: list[str] = []
    result = msforge.send_traffic(up, scenario="bigger", sets=["simulation.duration=1s"], tell=told.append)
    assert any(line.startswith("services.back") for line in told)
    assert 0 < result.entries[0]["sent"] < 30 and len(replicas(up, "back")) == 2


def test_the_control_api_wants_its_token(up: Path) -> None:
    written = state.read(up)
    assert written is not None
    forged = client.Running(up, state.State(**{**{f: getattr(written, f) for f in written.__slots__}, "token": "x"}))
    for act in (forged.ps, forged.down, forged.clear_faults):
        with pytest.raises(UsageError, match="token"):
            act()
    if os.name != "nt":
        assert (state.run_folder(up) / "state.json").stat().st_mode & 0o077 == 0


def test_a_second_up_says_that_the_first_is_there(up: Path) -> None:
    with pytest.raises(ConflictError, match="pair is up already, since"):
        msforge.up(up)


def test_the_log_has_a_prefix_a_line(up: Path) -> None:
    assert {replica for replica, _ in msforge.logs(up)} == {"front.0", "back.0", "back.1", "reader.0"}
    assert {replica for replica, _ in msforge.logs(up, "back")} == {"back.0", "back.1"}
    assert all(json.loads(line)["service.name"] == "front" for _, line in msforge.logs(up, "front"))
    with pytest.raises(UsageError, match="no log of bakc") as caught:
        list(msforge.logs(up, "bakc"))
    assert "back" in caught.value.hint


def test_ctrl_c_and_down_and_a_closed_terminal_leave_nothing(pair: Path, up: Path, tmp_path: Path) -> None:
    (tmp_path / "pair.yaml").write_text(PAIR, "utf-8")
    msforge.new(tmp_path / "pair.yaml", tmp_path / "other")
    other = tmp_path / "other"
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP] if os.name != "nt" else [signal.CTRL_BREAK_EVENT]
    for number in signals:
        process = start(other)
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
        assert state.read(other) is None and client.find(other) is None
    with running(other) as process:
        assert msforge.down(other) == "pair" and process.wait(PATIENCE) == 0
        assert msforge.down(other) == ""


def test_what_a_killed_one_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "pair.yaml").write_text(PAIR, "utf-8")
    msforge.new(tmp_path / "pair.yaml", tmp_path / "other")
    other = tmp_path / "other"
    process = start(other)
    process.kill()
    process.wait()
    assert state.read(other) is not None
    with pytest.raises(UsageError, match="nothing runs"):
        msforge.ps(other)
    assert state.read(other) is None
    (state.run_folder(other) / "state.json").write_text("{", "utf-8")
    assert client.find(other) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who listens on a port")
def test_one_too_busy_to_answer_is_taken_down_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pair.yaml").write_text(PAIR, "utf-8")
    msforge.new(tmp_path / "pair.yaml", tmp_path / "other")
    process = start(tmp_path / "other")
    threading.Thread(target=process.wait, daemon=True).start()  # as a shell does, or it would stay as a zombie
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(client, "PATIENCE", 0.5)
    assert msforge.down(tmp_path / "other") == "pair"
    assert not state.alive(process.pid) and state.read(tmp_path / "other") is None


def test_folders_that_cannot_run_say_why(tmp_path: Path, pair: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        msforge.up(tmp_path / "nowhere")
    (tmp_path / "pair.yaml").write_text(PAIR, "utf-8")
    with pytest.raises(UsageError, match="no generated system") as caught:
        msforge.up(tmp_path)
    assert "msforge new" in caught.value.hint
    msforge.new(tmp_path / "pair.yaml", tmp_path / "other")
    file = tmp_path / "other" / "pair.yaml"
    file.write_text(PAIR.replace("timeout: 5s", "timeout: 6s"), "utf-8")
    with pytest.raises(UsageError, match="has changed since the code was generated from it: front") as caught:
        msforge.up(tmp_path / "other")
    assert "msforge sync" in caught.value.hint
    file.write_text(PAIR.replace("40/s", "50/s"), "utf-8")  # traffic is in no service's code
    assert client.find(tmp_path / "other") is None


def test_a_service_that_does_not_start_is_shown_and_the_rest_goes_down(tmp_path: Path) -> None:
    (tmp_path / "pair.yaml").write_text(PAIR, "utf-8")
    msforge.new(tmp_path / "pair.yaml", tmp_path / "other")
    handlers = tmp_path / "other" / "services" / "front" / "front_service" / "handlers.py"
    handlers.write_text(handlers.read_text("utf-8") + "\nraise RuntimeError('my own mistake')\n", "utf-8")
    for options in ((), ("--detach",), ("--processes",)):
        done = subprocess.run(
            command("up", "-C", tmp_path / "other", "--port-base", "0", *options), capture_output=True, text=True,
            env=environment(), timeout=2 * PATIENCE,
        )
        assert done.returncode == 1 and "front.0" in done.stderr and "my own mistake" in done.stderr, done.stderr
        assert client.find(tmp_path / "other") is None
