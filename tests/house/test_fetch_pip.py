"""pip for a Python that comes without it: Debian splits ensurepip off, and refuses its own pip."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tools import fetch_pip

BARE = {"PIP_CONFIG_FILE": os.devnull}


def index(folder: Path, *names: str, content: bytes = b"wheel", sha256: str | None = None, more: str = "") -> str:
    """A package index in a folder; its address."""
    page = folder / "simple/pip"
    page.mkdir(parents=True)
    digest = sha256 or hashlib.sha256(content).hexdigest()
    for name in names:
        (page / name).write_bytes(content)
    anchors = "".join(f'<a href="{name}#sha256={digest}" {more}>{name}</a>\n' for name in names)
    (page / "index.html").write_text(f"<!doctype html><body>{anchors}</body>")
    return (folder / "simple").as_uri()


def found(folder: Path, **settings: str) -> Path:
    """What the index gives with these settings."""
    wheel = fetch_pip.from_index(folder, folder / "python", {**BARE, **settings})
    assert wheel is not None
    return wheel


def test_the_newest_wheel_of_the_index_is_taken(tmp_path: Path) -> None:
    address = index(tmp_path, "pip-9.0-py3-none-any.whl", "pip-23.1.2-py3-none-any.whl", "pip-23.1-py3-none-any.whl")
    assert found(tmp_path, PIP_INDEX_URL=address).name == "pip-23.1.2-py3-none-any.whl"


def test_a_folder_of_wheels_serves_without_an_index(tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "pip-23.1-py3-none-any.whl").write_bytes(b"wheel")
    assert found(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(links)).read_bytes() == b"wheel"


@pytest.mark.parametrize("more", ['data-yanked="broken"', 'data-requires-python="&gt;=3.99"'])
def test_withdrawn_and_unsuitable_wheels_are_passed_over(tmp_path: Path, more: str) -> None:
    address = index(tmp_path, "pip-23.1-py3-none-any.whl", more=more)
    with pytest.raises(fetch_pip.NoPipError, match="the configured index has no pip"):
        found(tmp_path, PIP_INDEX_URL=address)


def test_a_download_that_does_not_match_its_hash_is_refused(tmp_path: Path) -> None:
    address = index(tmp_path, "pip-23.1-py3-none-any.whl", sha256="0" * 64)
    with pytest.raises(fetch_pip.NoPipError, match="does not match its hash"):
        found(tmp_path, PIP_INDEX_URL=address)


def test_configuration_is_read_as_pip_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    lines = "[global]\nindex-url = https://one.example/simple\ncert = /a\n[install]\nfind-links =\n /x\n /y\n"
    file.write_text(lines)
    settings = fetch_pip.configuration({"PIP_CONFIG_FILE": str(file), "PIP_INDEX_URL": "https://two.example/simple/"})
    assert settings["index-url"] == "https://two.example/simple/"
    assert settings["cert"] == "/a"
    assert [page.rsplit("/", 1)[-1] for page in fetch_pip.pages(settings)][:2] == ["x", "y"]
    assert list(fetch_pip.pages(settings))[2] == "https://two.example/simple/pip/"


def test_an_environment_gets_pip_where_ensurepip_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the index alone: the wheel that this Python brings stands in for a downloaded one."""
    try:
        bundled = fetch_pip.kept_by_system(tmp_path, tmp_path, {})
    except fetch_pip.NoPipError:
        pytest.skip("this Python brings no pip wheel")
    assert bundled is not None
    venv.EnvBuilder(symlinks=os.name != "nt").create(tmp_path / "venv")
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def nothing(folder: Path, python: Path, environment: dict[str, str]) -> Path | None:
        raise fetch_pip.NoPipError("nothing here")

    for way in ("kept_by_system", "ensurepip", "by_system_pip"):
        monkeypatch.setattr(fetch_pip, way, nothing)
    address = index(tmp_path, bundled.name, content=bundled.read_bytes())
    fetch_pip.into(python, {**os.environ, **BARE, "PIP_INDEX_URL": address})
    said = subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) in said


def test_when_there_is_no_way_it_names_all_that_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    monkeypatch.setattr(fetch_pip.sysconfig, "get_config_var", lambda name: None)
    monkeypatch.setattr(fetch_pip.Path, "glob", lambda self, pattern: iter(()))
    with pytest.raises(fetch_pip.NoPipError) as error:
        fetch_pip.into(tmp_path / "gone", {**BARE, "PIP_INDEX_URL": (tmp_path / "nowhere").as_uri()})
    text = str(error.value)
    for tried in ("ensurepip is missing", "keeps no pip wheel", "gone -m pip", "nowhere/pip", "python3-venv"):
        assert tried in text
