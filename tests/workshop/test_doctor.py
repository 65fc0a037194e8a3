"""`msforge doctor`: each look finds what is there and what is not, and only what a class needs fails it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

import msforge
from msforge.cli import app
from msforge.errors import UsageError
from msforge.live.servers.prometheus import Prometheus
from msforge.report.console import Terminal
from msforge.report.doctor import checkup
from msforge.workshop import around, doctor, machine, memory, software, speed
from msforge.workshop.checks import Check, Checkup, State

GIB = 1 << 30


@pytest.fixture(scope="module")
def found() -> Checkup:
    """One look at this machine, for real."""
    return msforge.doctor()


def test_this_machine_is_looked_at_in_under_ten_seconds_of_its_own(found: Checkup) -> None:
    groups = list(dict.fromkeys(check.group for check in found.checks))
    assert groups[0] == "software" and groups[-1] == "optional"
    assert set(groups) == {"software", "console", "machine", "network", "speed", "optional"}
    assert not [check for check in found.checks if check.found.startswith(("AttributeError", "TypeError"))]
    assert found.ready, found.verdict
    measured = next(check.found for check in found.checks if check.group == "speed")
    assert int(measured.split()[0].replace(",", "")) > 10, measured  # laptops do some thousands
    assert all(check.help for check in found.checks if check.state in (State.WARN, State.FAIL))


def test_the_page_fits_eighty_columns_and_ends_with_the_verdict(
    found: Checkup, capsys: pytest.CaptureFixture[str]
) -> None:
    Terminal().show(*checkup(found.to_dict(), 80))
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[-1] == found.verdict
    assert sum(line.startswith("  ") and line.split()[0] in ("ok", "note", "warn", "fail") for line in lines) == len(
        found.checks
    )


@pytest.mark.parametrize("state", list(State))
def test_only_what_a_class_needs_ends_with_exit_code_1(monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    made = Checkup((Check("machine", "disk", state, "17 MiB free", "make room"),), 0.1)
    monkeypatch.setattr(msforge, "doctor", lambda **_: made)
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == (1 if state is State.FAIL else 0)
    assert json.loads(done.stdout)["ready"] is (state is not State.FAIL)


def test_the_verdict_says_what_to_mend_first() -> None:
    bad = [Check("machine", name, State.FAIL, "broken", "mend") for name in ("disk", "clock")]
    assert Checkup((), 0.0).verdict == "ready for class"
    assert Checkup(tuple(bad), 0.0).verdict == "not ready: mend first: disk: broken (and 1 more)"
    warned = Check("machine", "disk", State.WARN, "small", "mend")
    assert Checkup((warned,), 0.0).verdict == "ready for class, with 1 warning"


def test_a_look_that_breaks_is_a_finding_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken() -> Iterator[Check]:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(doctor, "_looks", lambda folder: iter([("one", broken), ("two", lambda: iter((FINE,)))]))
    heard: list[str] = []
    found = doctor.examine(tmp_path, tell=heard.append)
    assert heard == ["one", "two"]
    assert [check.found for check in found.checks] == ["RuntimeError: no such thing", "fine"]
    assert not found.ready


FINE = Check("two", "two", State.OK, "fine")


def test_dependencies_are_held_to_the_bounds_of_the_metadata() -> None:
    asked = [Requirement(line) for line in ("a>=1.2", "b>=3", "c>=1; extra == 'more'", "d>=1; python_version < '3'")]
    versions = {"a": "1.10", "b": "2.9"}

    def installed(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    check = software.dependencies(asked, installed)
    assert (check.state, check.found) == (State.FAIL, "b is 2.9, wanted >=3")
    versions["b"] = "3.0.1"
    assert software.dependencies(asked, installed).state is State.OK
    del versions["a"]
    assert "a is missing" in software.dependencies(asked, installed).found
    extra = list(software.extras([Requirement("c>=1; extra == 'grpc'")], installed))
    assert [(one.name, one.state) for one in extra] == [("grpc", State.NOTE)]


def test_every_requirement_of_ours_can_be_read() -> None:
    assert all(Requirement(line) for line in requires("msforge") or ())


def test_a_browser_side_that_was_not_built_is_a_warning_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert software.browser_side().state in (State.OK, State.WARN)

    def lacking(page: str) -> Path:
        raise UsageError(f"the {page} needs the browser side, which this installation lacks: no npm", hint="build")

    monkeypatch.setattr(software, "bundle", lacking)
    check = software.browser_side()
    assert (check.state, check.found, check.help) == (State.WARN, "no npm", "build")


def test_an_old_python_fails() -> None:
    assert software.python((3, 10)).state is State.FAIL
    assert software.python((3, 11)).state is State.OK


def test_a_taken_port_is_named_with_a_way_around() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        check = around.ports("ports", [port], "msforge up --port-base")
    assert check.state is State.WARN and str(port) in check.found
    other = int(check.help.rpartition(" ")[2])
    assert other >= 9000
    assert around.ports("ports", [other], "x").state is State.OK


def test_the_ports_are_those_of_the_shop() -> None:
    assert around.shop_ports()[:4] == [8000, 8001, 8002, 8010]  # the gateway and its two replicas, then user


def test_an_optional_server_that_is_missing_is_a_note_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    check = around.of_server(Prometheus())
    assert check.state is State.NOTE
    assert "prometheus" in check.help and "not installed" in check.found
    assert around.containers().state is State.NOTE


def test_consoles() -> None:
    assert machine.encoding("UTF8", 0).state is State.OK
    assert machine.encoding("utf-8", 65001).state is State.OK
    assert machine.encoding("utf-8", 850).state is State.NOTE
    assert machine.encoding("cp1252", 1252).state is State.WARN
    assert machine.encoding("ANSI_X3.4-1968", 0).state is State.WARN
    assert machine.encoding("no such", 0).state is State.WARN
    assert (machine.width(80).state, machine.width(79).state) == (State.OK, State.WARN)
    assert machine.colours({}).state is State.OK
    assert machine.colours({"NO_COLOR": "1"}).found == "off: NO_COLOR is set"
    assert machine.colours({"TERM": "dumb"}).state is State.NOTE


def test_disks_and_clocks() -> None:
    assert [machine.disk(free).state for free in (GIB, 100 << 20, 10 << 20)] == [State.OK, State.WARN, State.FAIL]
    assert machine.clock(1e-9, 0.0001, 0.001).state is State.OK
    late = machine.clock(0.0156, 0.0136, 0.02)
    assert late.state is State.WARN and "the clock steps by 16 ms" in late.found


def test_a_sleep_never_ends_early() -> None:
    _, median, worst = machine.overshoot()
    assert 0 <= median <= worst


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    assert machine.writable(tmp_path).state is State.OK
    assert list(tmp_path.iterdir()) == []
    assert machine.writable(tmp_path / "nowhere").state is State.FAIL


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX: there a folder's mode says who may write")
def test_a_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        check = machine.writable(Path("/proc"))
    else:
        tmp_path.chmod(0o500)
        check = machine.writable(tmp_path)
    assert check.state is State.FAIL


def test_memory_is_what_the_table_says(tmp_path: Path) -> None:
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:  100 kB\nMemAvailable:   42 kB\n", "ascii")
    assert memory.available(table) == 42 * 1024
    assert memory.available(tmp_path / "none") == 0
    total, free = memory.memory()
    assert total > GIB // 4 and 0 <= free <= total


def test_a_labs_time_follows_from_speed_and_cores() -> None:
    same = speed.lab_seconds(speed.REFERENCE, speed.REFERENCE_CORES)
    assert same == pytest.approx(speed.LAB)
    assert speed.lab_seconds(speed.REFERENCE / 2, 2) == pytest.approx(2 * speed.LAB)
    assert speed.lab_seconds(speed.REFERENCE, 1) == pytest.approx(speed.LAB * 5 / 3)  # five runs in turn, not three
    assert speed.lab_seconds(speed.REFERENCE, 64) == pytest.approx(speed.LAB / 3)
    assert speed.judged(speed.REFERENCE, 2).state is State.OK
    assert speed.judged(speed.REFERENCE / 10, 2).state is State.WARN
