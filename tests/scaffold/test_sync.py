"""After a change of the description: msforge's files follow, the user's stay, and conflicts are left to a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import msforge
from msforge.errors import MsforgeError, UsageError
from msforge.scaffold.plan import Action, Plan
from tests.scaffold.conftest import tree

Change = Callable[[str, str], None]
DESK = "services/desk/desk_service"


def action(plan: Plan, path: str) -> Action:
    return next(change.action for change in plan.changes if change.path == path)


def test_nothing_to_do_right_after_new(made: Path) -> None:
    before = tree(made)
    plan = msforge.sync(made)
    assert not plan.pending and not plan.notes
    assert tree(made) == before


def test_a_changed_number_is_shown_then_written_and_edits_survive(made: Path, change: Change) -> None:
    handlers = made / DESK / "handlers.py"
    handlers.write_text(handlers.read_text("utf-8") + "\n# mine\n", "utf-8")
    readme = made / "services/desk/README.md"
    readme.write_text(readme.read_text("utf-8").replace("# desk\n", "# desk\n\nMine.\n"), "utf-8")
    change("timeout: 100ms", "timeout: 150ms")
    planned = msforge.diff(made)
    assert "+    timeout=150 * MS," in "".join(found.diff() for found in planned.changes)
    assert "100 * MS" in (made / DESK / "clients.py").read_text("utf-8"), "diff writes nothing"
    done = msforge.sync(made)
    assert [(c.path, c.action) for c in done.changes] == [(c.path, c.action) for c in planned.changes]
    assert action(done, f"{DESK}/clients.py") is Action.UPDATE
    assert action(done, "services/desk/README.md") is Action.MERGE
    assert "150 * MS" in (made / DESK / "clients.py").read_text("utf-8")
    assert "Mine." in readme.read_text("utf-8") and "150ms" in readme.read_text("utf-8")
    assert handlers.read_text("utf-8").endswith("# mine\n")
    assert not msforge.diff(made).pending


def test_a_new_endpoint_brings_a_stub_and_a_removed_one_is_reported(made: Path, change: Change) -> None:
    handlers = made / DESK / "handlers.py"
    before = handlers.read_bytes()
    endpoint = "      refund: {steps: [work: 1ms]}\n"
    change("    endpoints:\n      serve:\n", f"    endpoints:\n{endpoint}      serve:\n")
    assert action(msforge.sync(made), f"{DESK}/handlers.py") is Action.UPDATE
    after = handlers.read_bytes()
    assert after.startswith(before) and b"async def refund(" in after[len(before) :]
    change(endpoint, "")
    plan = msforge.sync(made)
    assert handlers.read_bytes() == after
    assert any("`refund` is no longer in the description" in note for note in plan.notes)


def test_an_edited_file_of_msforges_is_a_conflict_that_changes_nothing(made: Path, change: Change) -> None:
    clients = made / DESK / "clients.py"
    clients.write_text(clients.read_text("utf-8") + "\nMINE = 1\n", "utf-8")
    assert not msforge.sync(made).pending, "as long as msforge has nothing new, the edit stands"
    change("timeout: 100ms", "timeout: 150ms")
    before = tree(made)
    plan = msforge.sync(made)
    assert [conflict.path for conflict in plan.conflicts] == [f"{DESK}/clients.py"]
    assert tree(made) == before
    offered = made / ".msforge/conflicts" / DESK / "clients.py"
    assert "150 * MS" in offered.read_text("utf-8")
    done = msforge.sync(made, resolved=[f"{DESK}/clients.py"])
    assert not done.conflicts and not offered.exists()
    assert clients.read_text("utf-8").endswith("MINE = 1\n")
    assert "150ms" in (made / "services/desk/README.md").read_text("utf-8"), "the rest is done now"
    assert not msforge.sync(made).pending


def test_the_same_lines_changed_by_both_are_a_conflict_with_markers(made: Path, change: Change) -> None:
    readme = made / "services/desk/README.md"
    readme.write_text(readme.read_text("utf-8").replace("timeout 100ms", "timeout: a tenth"), "utf-8")
    change("timeout: 100ms", "timeout: 150ms")
    plan = msforge.sync(made)
    assert [conflict.path for conflict in plan.conflicts] == ["services/desk/README.md"]
    assert "<<<<<<< yours" in (made / ".msforge/conflicts/services/desk/README.md").read_text("utf-8")
    assert "<<<<<<<" not in readme.read_text("utf-8")


def test_line_ends_that_git_changed_are_no_edit(made: Path, change: Change) -> None:
    for path in tree(made):
        file = made / path
        if path.endswith((".py", ".md")):
            file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert not msforge.sync(made).pending
    change("timeout: 100ms", "timeout: 150ms")
    assert not msforge.sync(made).conflicts


def test_a_removed_service_is_left_and_reported(made: Path, change: Change) -> None:
    change("  back:\n    endpoints:", "  other:\n    endpoints:")
    change("call: back.fetch", "call: other.fetch")
    change("owner: back", "owner: other")
    before = {path: content for path, content in tree(made).items() if path.startswith("services/back/")}
    plan = msforge.sync(made)
    assert {path: content for path, content in tree(made).items() if path.startswith("services/back/")} == before
    assert any("services/back/ is no longer in the description" in note for note in plan.notes)
    assert (made / "services/other/other_service/app.py").is_file()


def test_what_is_deleted_stays_deleted_until_it_is_wanted_again(made: Path) -> None:
    dockerfile, app, handlers = made / "services/desk/Dockerfile", made / DESK / "app.py", made / DESK / "handlers.py"
    for file in (dockerfile, app, handlers):
        file.unlink()
    plan = msforge.sync(made)
    assert f"{DESK}/handlers.py is deleted; to have it anew: msforge sync --restore {DESK}/handlers.py" in plan.notes
    assert not any("Dockerfile" in note for note in plan.notes), "a service runs without"
    assert not handlers.exists()
    assert app.is_file(), "msforge's own come back"
    assert not dockerfile.exists(), "the user's do not"
    msforge.sync(made, restore=["services/desk/Dockerfile"])
    assert dockerfile.is_file()


def test_handlers_that_are_no_python_are_left_alone(made: Path, change: Change) -> None:
    handlers = made / DESK / "handlers.py"
    handlers.write_text("def broken(:\n", "utf-8")
    change("timeout: 100ms", "timeout: 150ms")
    plan = msforge.sync(made)
    assert [conflict.path for conflict in plan.conflicts] == [f"{DESK}/handlers.py"]
    assert "line 1" in plan.conflicts[0].reason
    assert handlers.read_text("utf-8") == "def broken(:\n"


def test_a_file_in_the_way_is_never_overwritten(made: Path, change: Change) -> None:
    mine = made / "services/desk/desk_service/stores.py"
    mine.write_text("MINE = 1\n", "utf-8")
    change("          - publish: told\n", "          - publish: told\n          - write: things\n")
    plan = msforge.sync(made)
    assert [conflict.path for conflict in plan.conflicts] == ["services/desk/desk_service/stores.py"]
    assert mine.read_text("utf-8") == "MINE = 1\n"


def test_links_are_not_followed(made: Path, tmp_path: Path, change: Change) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("MINE = 1\n", "utf-8")
    clients = made / DESK / "clients.py"
    clients.unlink()
    try:
        clients.symlink_to(outside)
    except OSError:
        pytest.skip("no symbolic links here")
    change("timeout: 100ms", "timeout: 150ms")
    assert msforge.sync(made).conflicts
    assert outside.read_text("utf-8") == "MINE = 1\n"


@pytest.mark.parametrize("damage", ["missing", "no JSON", "edited", "outside"])
def test_a_damaged_state_is_said_and_has_a_way_on(made: Path, damage: str) -> None:
    state = made / ".msforge/state.json"
    plain = json.loads(state.read_text("utf-8"))
    if damage == "missing":
        state.unlink()
    elif damage == "no JSON":
        state.write_text("{", "utf-8")
    elif damage == "edited":
        plain["files"][f"{DESK}/app.py"]["sha256"] = "0" * 64
        state.write_text(json.dumps(plain), "utf-8")
    else:
        plain["files"]["../../elsewhere"] = plain["files"].pop(f"{DESK}/app.py")
        state.write_text(json.dumps(plain), "utf-8")
    with pytest.raises(MsforgeError) as caught:
        msforge.sync(made)
    assert caught.value.exit_code == 3
    assert "msforge sync --adopt small.yaml" in caught.value.hint


def test_a_folder_that_is_not_there_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(MsforgeError, match="there is no folder") as caught:
        msforge.sync(tmp_path / "shop")
    assert (caught.value.exit_code, caught.value.hint) == (3, "`msforge new shop` makes it")


def test_adopting_overwrites_nothing_and_ends_in_step(made: Path) -> None:
    (made / ".msforge/state.json").unlink()
    clients = made / DESK / "clients.py"
    clients.write_text(clients.read_text("utf-8") + "\nMINE = 1\n", "utf-8")
    before = tree(made)
    plan = msforge.sync(made, adopt="small.yaml")
    assert [conflict.path for conflict in plan.conflicts] == [f"{DESK}/clients.py"]
    assert tree(made) == before
    assert not msforge.sync(made, resolved=[f"{DESK}/clients.py"]).pending
    assert tree(made) == before


def test_paths_that_are_no_conflict_or_outside_are_refused(made: Path) -> None:
    with pytest.raises(UsageError, match="not in conflict"):
        msforge.sync(made, resolved=["README.md"])
    with pytest.raises(UsageError):
        msforge.sync(made, resolved=["../elsewhere"])


def test_a_description_that_is_gone_or_wrong_is_said(made: Path) -> None:
    path = made / "small.yaml"
    path.write_text("msforge: 1\n", "utf-8")
    with pytest.raises(msforge.InvalidFileError):
        msforge.sync(made)
    path.unlink()
    with pytest.raises(UsageError, match="gone"):
        msforge.sync(made)


def test_a_disk_that_fails_in_the_middle_leaves_whole_files_and_the_next_sync_ends_it(
    made: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    change("timeout: 100ms", "timeout: 150ms")
    before = tree(made)
    real, calls = Path.write_bytes, 0

    def full(self: Path, content: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(28, "No space left on device")
        return real(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MsforgeError, match="the disk is full"):
        msforge.sync(made)
    monkeypatch.undo()
    assert tree(made) == before
    assert msforge.sync(made).pending and not msforge.sync(made).pending
