"""Small things that a running system leaves on disk and in its log."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from msforge.errors import UsageError
from msforge.live import logs, state
from msforge.live.fleet import levels
from msforge.model import compile_system
from msforge.spec import load_text


def test_state_is_read_as_it_was_written_and_nonsense_is_none(tmp_path: Path) -> None:
    assert state.read(tmp_path) is None
    state.prepare(tmp_path)
    written = state.State(os.getpid(), 4711, "secret", "shop", "processes", 1.5)
    state.write(tmp_path, written)
    assert state.read(tmp_path) == written and state.alive(os.getpid())
    state.remove(tmp_path, pid=os.getpid() + 1)
    assert state.read(tmp_path) == written
    for nonsense in ("", "[]", "{}", '{"version": 2}', '{"version": 1, "pid": "x"}', "null"):
        (state.run_folder(tmp_path) / "state.json").write_text(nonsense, "utf-8")
        assert state.read(tmp_path) is None
    assert not state.alive(0) and not state.alive(-1)


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / ".msforge").write_text("a file in the way", "utf-8")
    with pytest.raises(UsageError, match="cannot write"):
        state.prepare(tmp_path)


def test_lines_of_all_logs_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    state.prepare(tmp_path)
    folder = state.logs_folder(tmp_path)

    def line(time: int, event: str) -> str:
        return json.dumps({"@timestamp": f"2026-01-01T00:00:{time:02d}.000Z", "message": event})

    (folder / "a.0.log").write_text("\n".join([line(1, "one"), line(4, "four"), "  a traceback", ""]), "utf-8")
    (folder / "a.10.log").write_bytes(b"\xff not text\n" + line(2, "two").encode() + b"\n")
    (folder / "b.0.log").write_text(line(3, "three") + "\n", "utf-8")
    shown = [text if not text.startswith("{") else json.loads(text)["message"] for _, text in logs.read(tmp_path)]
    assert shown == ["\ufffd not text", "one", "two", "three", "four", "  a traceback"]
    assert sorted(replica for replica, _ in logs.read(tmp_path, "a", last=1)) == ["a.0", "a.10"]


def test_followed_logs_give_new_lines_whole_and_from_new_files_too(tmp_path: Path) -> None:
    state.prepare(tmp_path)
    folder = state.logs_folder(tmp_path)
    log = folder / "a.0.log"
    log.write_text("old\n", "utf-8")
    steps = iter([b"half a ", b"line\nand", b" more\n"])

    def goes_on() -> bool:
        piece = next(steps, None)
        if piece is None:
            return False
        with log.open("ab") as file:
            file.write(piece)
        (folder / "b.0.log").write_text("new file\n", "utf-8")
        return True

    shown = list(logs.follow(tmp_path, goes_on=goes_on, pause=0))
    assert shown[0] == ("a.0", "old")
    assert sorted(shown[1:]) == [("a.0", "and more"), ("a.0", "half a line"), ("b.0", "new file")]


def test_callees_start_before_their_callers_and_circles_together() -> None:
    text = """\
msforge: 1
services:
  a: {endpoints: {x: {steps: [{call: b.x}, {call: c.x}]}}}
  b: {endpoints: {x: {steps: [{call: c.x}]}}}
  c: {endpoints: {x: {}}}
  d: {endpoints: {x: {steps: [{call: e.x}]}, y: {}}}
  e: {endpoints: {x: {steps: [{call: d.y}]}}}
traffic: {t: {target: a.x, rate: 1/s}}
simulation: {duration: 1s}
"""
    assert levels(compile_system(load_text(text))) == [["c"], ["b"], ["a"], ["d", "e"]]
