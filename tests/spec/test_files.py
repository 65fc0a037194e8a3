"""Files that cannot be read: each gets a clear message, never a traceback."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from msforge.errors import InvalidFileError
from msforge.spec import load
from msforge.spec.render import render_all
from tests.spec.shop import SMALLEST


def said(path: Path, data: bytes | None = None) -> str:
    """What loading a file says, its folder left out."""
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InvalidFileError) as caught:
        load(path)
    return render_all(caught.value.diagnostics).replace(path.parent.as_posix() + "/", "")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert said(tmp_path / "none.yaml") == (
        "error[E001]: there is no file `none.yaml`\n --> none.yaml\n"
        "  = help: `msforge example` lists the examples that come along"
    )


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    assert said(tmp_path / "shop") == (
        "error[E001]: `shop` is a folder\n --> shop\n  = help: name the description's file"
    )


@pytest.mark.skipif(
    sys.platform == "win32" or getattr(os, "getuid", lambda: 0)() == 0,
    reason="only on systems where permissions bind this user",
)
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text(SMALLEST, encoding="utf-8")
    path.chmod(0)
    assert "error[E001]: `secret.yaml` cannot be read: Permission denied" in said(path)


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(InvalidFileError) as caught:
        load("a\0b.yaml")
    assert caught.value.diagnostics[0].code == "E001"


def test_a_huge_file(tmp_path: Path) -> None:
    assert said(tmp_path / "huge.yaml", b"# " + b"x" * 10_000_001) == (
        "error[E003]: the file has 10,000,003 bytes; the most is 10,000,000\n --> huge.yaml\n"
        "  = help: a description is written by hand or by a generator, a system a file"
    )


def test_an_empty_file(tmp_path: Path) -> None:
    assert "error[E002]: the file is empty" in said(tmp_path / "empty.yaml", b"")
    assert "error[E002]: the file is empty" in said(tmp_path / "empty.yaml", b"\xef\xbb\xbf\n \n")
    assert "error[E100]: a description is a mapping, found an empty value" in said(tmp_path / "empty.yaml", b"# only\n")


def test_utf16(tmp_path: Path) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        mark = "\ufeff".encode(encoding)
        assert said(tmp_path / "wide.yaml", mark + SMALLEST.encode(encoding)) == (
            "error[E004]: the file is UTF-16, msforge reads UTF-8\n --> wide.yaml\n  = help: save it as UTF-8"
        )


def test_latin1(tmp_path: Path) -> None:
    assert said(tmp_path / "latin.yaml", b"msforge: 1\nname: gr\xf6sse\n") == (
        "error[E004]: the file is not UTF-8: byte 0xf6\n --> latin.yaml:2:9\n  |\n2 | name: gr\ufffdsse\n"
        "  |         ^\n  = help: save it as UTF-8"
    )


def test_a_binary_file(tmp_path: Path) -> None:
    assert "error[E005]: this is a binary file, not a description" in said(tmp_path / "a.bin", b"\x7fELF\0\0\1")


def test_a_control_character(tmp_path: Path) -> None:
    assert said(tmp_path / "bell.yaml", b"msforge: 1\nname: sh\x07op\n") == (
        "error[E005]: the file contains a character that is no text: U+0007\n --> bell.yaml:2:9\n  |\n"
        "2 | name: sh\ufffdop\n  |         ^\n  = help: remove it"
    )


def test_utf8_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "mark.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.encode())
    assert load(path).locate("msforge")[:2] == (1, 10)


def test_nothing_that_a_file_says_can_steer_a_terminal(tmp_path: Path) -> None:
    text = SMALLEST.replace("10/s", '"\\e[2J\\e[31mred\\u202e"')
    out = said(tmp_path / "evil.yaml", text.encode())
    assert all(char.isprintable() or char == "\n" for char in out)
