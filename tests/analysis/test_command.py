"""`msforge explain` through the command line."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from msforge.cli import app

RUN = CliRunner()
FILE = """\
msforge: 1
name: small
services: {s: {threads: 2, endpoints: {go: {steps: [wait: exponential(10ms)]}}}}
traffic: {t: {target: s.go, rate: 100/s}}
simulation: {duration: 60s}
scenarios: {busy: {traffic: {t: {rate: 180/s}}}}
"""


def written(folder: Path, text: str = FILE) -> str:
    path = folder / "small.yaml"
    path.write_text(text, "utf-8")
    return str(path)


def test_words_on_stdout_alone(tmp_path: Path) -> None:
    found = RUN.invoke(app, ["explain", written(tmp_path)])
    assert found.exit_code == 0
    assert "s.go takes on average 13.3ms at 100/s, exactly" in found.stdout
    assert found.stderr == ""


def test_scenarios_settings_and_json(tmp_path: Path) -> None:
    file = written(tmp_path)
    busy = json.loads(RUN.invoke(app, ["explain", file, "--scenario", "busy", "--json"]).stdout)
    assert busy["scenario"] == "busy" and busy["levels"][0]["rate"] == 180
    more = json.loads(RUN.invoke(app, ["explain", file, "--set", "services.s.threads=4", "--json"]).stdout)
    assert more["bottleneck"]["rate"] == 400


def test_an_invalid_file_ends_with_3_and_no_page(tmp_path: Path) -> None:
    found = RUN.invoke(app, ["explain", written(tmp_path, FILE.replace("s.go", "s.gone"))])
    assert found.exit_code == 3
    assert found.stdout == "" and "s.gone" in found.stderr


def test_bottleneck_of_open_and_closed_sources_together_says_whose_rate_it_is(tmp_path: Path) -> None:
    users = "traffic: {u: {target: s.go, users: 10, think: 1s}, t: {target: s.go, rate: 20/s}}"
    text = "\n".join(users if line.startswith("traffic") else line for line in FILE.splitlines()[:-1])
    said = " ".join(RUN.invoke(app, ["explain", written(tmp_path, text + "\n")]).stdout.split())
    assert "at most 200/s can last, 10 times the 20.0/s of the open sources, if the users of closed ones" in said
