"""Outputs are found unwritable before the work and written whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from msforge.errors import ConflictError, MsforgeError, UsageError
from msforge.report.files import check_writable, write_atomically


def message(path: Path, never: Path | None = None) -> str:
    with pytest.raises(MsforgeError) as caught:
        check_writable(path, never=never)
    assert caught.value.hint
    return caught.value.message


def test_a_new_file_and_an_older_result_may_be_written(tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    check_writable(out)
    assert list(tmp_path.iterdir()) == []
    out.write_text('{"format":1}')
    check_writable(out)
    assert out.read_text() == '{"format":1}'


def test_a_folder_a_missing_folder_a_dash_and_a_nul_are_refused(tmp_path: Path) -> None:
    assert "it is a folder" in message(tmp_path)
    assert "does not exist" in message(tmp_path / "no" / "run.json")
    assert "wants a file name" in message(Path("-"))
    assert "cannot write" in message(Path("a\0b"))


def test_the_description_and_files_that_are_no_results_are_never_overwritten(tmp_path: Path) -> None:
    description = tmp_path / "shop.yaml"
    description.write_text("msforge: 1\n")
    with pytest.raises(ConflictError, match="the description itself"):
        check_writable(description, never=description)
    with pytest.raises(ConflictError, match="not a result"):
        check_writable(description)


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="only on systems where this user lacks a permission",
)
def test_a_read_only_folder_and_file_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    out.write_text("{}")
    out.chmod(0o444)
    assert "permission denied" in message(out)
    tmp_path.chmod(0o555)
    try:
        assert "permission denied" in message(tmp_path / "other.json")
    finally:
        tmp_path.chmod(0o755)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run.json"
    out.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="no space left"):
        write_atomically(out, b"new")
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_writing_replaces_the_whole_file_and_keeps_a_link(tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    write_atomically(out, b"one, long")
    write_atomically(out, b"two")
    assert out.read_bytes() == b"two"
    link = tmp_path / "link.json"
    try:
        link.symlink_to(out)
    except OSError:
        pytest.skip("only on systems where this user may make links")
    write_atomically(link, b"three")
    assert link.is_symlink() and out.read_bytes() == b"three"


@pytest.mark.skipif(os.name == "nt", reason="only on systems with /dev/null")
def test_a_device_is_written_in_place() -> None:
    check_writable(Path("/dev/null"))
    write_atomically(Path("/dev/null"), b"x")
    assert not Path("/dev/null").is_file()
