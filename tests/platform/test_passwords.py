"""Passwords are made for each folder, kept out of git, plans and logs, and never changed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import msforge
from msforge.scaffold import passwords
from tests.platform.conftest import ODD


def values(folder: Path, file: str = passwords.FILES[0]) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.+)$", (folder / file).read_text("utf-8"), re.MULTILINE))


def make(where: Path, name: str) -> Path:
    where.mkdir(exist_ok=True)
    (where / "odd.yaml").write_text(ODD, "utf-8")
    msforge.new(where / "odd.yaml", where / name)
    return where / name


def test_each_folder_has_its_own(tmp_path: Path) -> None:
    one, two = values(make(tmp_path, "one")), values(make(tmp_path, "two"))
    assert set(one) == set(two) == {"RABBITMQ_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "GRAFANA_PASSWORD"}
    assert len({*one.values(), *two.values()}) == 8, "a password was used twice"
    assert all(len(password) >= 32 for password in one.values())


def test_they_are_nowhere_else(tmp_path: Path) -> None:
    folder = make(tmp_path, "made")
    secret = values(folder)
    assert values(folder, passwords.FILES[1]) == secret
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in passwords.FILES:
            text = path.read_text("utf-8", "replace")
            assert not any(password in text for password in secret.values()), path
    planned = msforge.diff(folder)
    assert not any(path in json.dumps(planned.to_data()) for path in passwords.FILES)
    if os.name != "nt":
        assert all((folder / file).stat().st_mode & 0o077 == 0 for file in passwords.FILES)


def test_git_does_not_see_them(tmp_path: Path) -> None:
    folder = make(tmp_path, "made")
    git = ["git", "-c", "init.defaultBranch=main", "-C", str(folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    added = subprocess.run([*git, "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert "compose.yaml" in added and not set(passwords.FILES) & set(added)


def test_sync_adds_what_is_missing_and_changes_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path, "made")
    before = values(folder)
    path = folder / passwords.FILES[0]
    kept = "".join(line for line in path.read_text("utf-8").splitlines(True) if "REDIS" not in line) + "MINE=1"
    path.write_text(kept, "utf-8")
    msforge.sync(folder)
    after = values(folder)
    assert after.pop("MINE") == "1" and after == before, "the other file still had it"
    for file in passwords.FILES:
        (folder / file).unlink()
    msforge.sync(folder)
    assert set(values(folder)) == set(before) and values(folder) == values(folder, passwords.FILES[1])
    assert not set(values(folder).values()) & set(before.values())


def test_a_dry_run_makes_none(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(ODD, "utf-8")
    msforge.new(tmp_path / "odd.yaml", tmp_path / "made", dry_run=True)
    assert not (tmp_path / "made").exists()


def test_names_that_are_known_already_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords.add(tmp_path, ["A_PASSWORD"])
    monkeypatch.setattr(passwords.secrets, "token_urlsafe", lambda size: pytest.fail("made again"))
    passwords.add(tmp_path, ["A_PASSWORD"])
