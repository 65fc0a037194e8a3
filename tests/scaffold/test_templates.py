"""A stranger's template can neither run code nor write where it should not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import msforge
from msforge.errors import MsforgeError, UsageError
from tests.scaffold.conftest import tree

Make = Callable[..., Path]


@pytest.fixture
def template(tmp_path: Path) -> Make:
    """Makes a folder of templates with a `python` template of the given files."""

    def make(files: dict[str, str], **defaults: object) -> Path:
        folder = tmp_path / "brought" / "python"
        for name, text in files.items():
            path = folder / "{{cookiecutter.slug}}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        (folder / "cookiecutter.json").write_text(json.dumps({"slug": "x", **defaults}), "utf-8")
        return folder.parent

    return make


def test_a_teachers_own_template_is_used(template: Make, description: Path, tmp_path: Path) -> None:
    brought = template({"{{cookiecutter.package}}/hello.txt": "{{ cookiecutter.name }} has {{ cookiecutter._port }}\n"})
    msforge.new(description, tmp_path / "made", templates=brought)
    assert (tmp_path / "made/services/desk/desk_service/hello.txt").read_text("utf-8") == "desk has 8000\n"
    assert not msforge.diff(tmp_path / "made").pending


def test_hooks_and_extensions_are_refused_by_name(template: Make, description: Path, tmp_path: Path) -> None:
    brought = template({"a.txt": "a"}, _extensions=["os.path"])
    with pytest.raises(UsageError, match=r"_extensions os\.path") as caught:
        msforge.new(description, tmp_path / "made", templates=brought)
    assert "--trust" in caught.value.hint
    brought = template({"a.txt": "a"})
    hooks = brought / "python" / "hooks"
    hooks.mkdir()
    (hooks / "post_gen_project.py").write_text("open('made-by-hook.txt', 'w').write('hi')\n", "utf-8")
    with pytest.raises(UsageError, match=r"hooks/post_gen_project\.py"):
        msforge.new(description, tmp_path / "made", templates=brought)
    assert not (tmp_path / "made").exists()
    msforge.new(description, tmp_path / "made", templates=brought, trust=True)
    assert (tmp_path / "made/services/desk/made-by-hook.txt").read_text("utf-8") == "hi"
    assert not (tmp_path / "made-by-hook.txt").exists()


@pytest.mark.parametrize(
    "name",
    ["{{ '..' }}/{{ '..' }}/out.txt", "{{ '/etc/x' }}", "{{ 'CON' }}", "{{ 'a.' }}", "{{ 'c:x' }}", "{{ 'a\\\\b' }}"],
)
def test_names_that_lead_out_or_that_windows_keeps_are_refused(
    template: Make, description: Path, tmp_path: Path, name: str
) -> None:
    brought = template({"a.txt": "a"})
    path = brought / "python" / "{{cookiecutter.slug}}" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", "utf-8")
    except OSError:
        pytest.skip("this platform cannot even hold the template")
    before = tree(tmp_path)
    with pytest.raises(UsageError):
        msforge.new(description, tmp_path / "made", templates=brought)
    assert tree(tmp_path) == before


def test_links_are_refused(template: Make, description: Path, tmp_path: Path) -> None:
    brought = template({"a.txt": "a"})
    try:
        (brought / "python" / "{{cookiecutter.slug}}" / "link").symlink_to(tmp_path)
    except OSError:
        pytest.skip("no symbolic links here")
    with pytest.raises(UsageError, match="symbolic link"):
        msforge.new(description, tmp_path / "made", templates=brought)


@pytest.mark.parametrize(
    "text",
    [
        "{{ cookiecutter.nothing }}",
        "{{ 1 / 0 }}",
        "{% for %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ cookiecutter.__class__.__init__.__globals__ }}",
        "{% include '../../../../etc/passwd' %}",
        "{% for a in range(10 ** 9) %}{% endfor %}",
    ],
)
def test_a_template_that_fails_half_way_leaves_nothing(
    template: Make, description: Path, tmp_path: Path, text: str
) -> None:
    brought = template({"a.txt": "a\n", "z.txt": f"line\n{text}\n"})
    before = tree(tmp_path)
    with pytest.raises(MsforgeError, match=r"fails at z\.txt"):
        msforge.new(description, tmp_path / "made", templates=brought)
    assert tree(tmp_path) == before


def test_what_is_no_template_is_said(description: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        msforge.new(description, tmp_path / "made", templates=tmp_path / "nowhere")
    (tmp_path / "empty" / "python").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"no cookiecutter\.json"):
        msforge.new(description, tmp_path / "made", templates=tmp_path / "empty")
