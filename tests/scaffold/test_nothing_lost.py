"""Random edits of the user's x random changes of the description: nothing of the user's is overwritten or deleted.

100 cases in CI, fewer at a desk; MSFORGE_SYNC_CASES=1000 for a long run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import msforge
from msforge.scaffold.passwords import FILES
from msforge.scaffold.plan import Action
from tests.scaffold.conftest import SMALL, tree

CASES = int(os.environ.get("MSFORGE_SYNC_CASES", "100" if os.environ.get("CI") else "30"))
HOME: list[Path] = []

edits = st.lists(
    st.tuples(
        st.integers(0, 10**6),                                           # which file
        st.sampled_from(["append", "prepend", "insert", "replace", "delete line", "empty", "delete", "new", "crlf"]),
        st.integers(0, 10**6),                                           # which line
    ),
    max_size=6,
)  # fmt: skip
changes = st.lists(
    st.sampled_from([
        "timeout", "retry", "new endpoint", "remove endpoint", "new service", "remove step", "new step", "rename",
        "field", "threads", "store", "fallback", "consumer",
    ]),
    min_size=1, max_size=4,
)  # fmt: skip


def pristine() -> Path:
    """A generated folder, made once."""
    if not HOME:
        home = Path(tempfile.mkdtemp(prefix="msforge-test-"))
        (home / "small.yaml").write_text(SMALL, "utf-8")
        msforge.new(home / "small.yaml", home / "made")
        HOME.append(home / "made")
    return HOME[0]


def edit(folder: Path, which: int, how: str, where: int, mark: str) -> None:
    """One thing that a person does to a file; every line they write has a `mark` of its own."""
    paths = sorted(path for path in tree(folder) if "resilience" not in path or which % 7 == 0)
    paths = [path for path in paths if path != "small.yaml"]
    path = folder / paths[which % len(paths)]
    if how == "new":
        (path.parent / f"new_{which % 1000}.py").write_text(f"# {mark}\n", "utf-8")
        return
    if how == "delete":
        path.unlink()
        return
    lines = path.read_bytes().splitlines(keepends=True)
    at = where % (len(lines) + 1)
    mine = f"# {mark}\n".encode()
    if how == "append":
        lines.append(mine)
    elif how == "prepend":
        lines.insert(0, mine)
    elif how == "insert":
        lines.insert(at, mine)
    elif how == "replace" and lines:
        lines[at % len(lines)] = mine
    elif how == "delete line" and lines:
        del lines[at % len(lines)]
    elif how == "empty":
        lines = []
    elif how == "crlf":
        lines = [line.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for line in lines]
    path.write_bytes(b"".join(lines))


def change(plain: dict, what: str, number: int) -> None:  # type: ignore[type-arg]
    """One change of the description that keeps it valid."""
    desk = plain["services"]["desk"]
    steps = desk["endpoints"]["serve"]["steps"]
    call = next((step for step in steps if "call" in step), None)
    match what:
        case "timeout" if call:
            call["timeout"] = f"{150 + number}ms"
        case "retry" if call:
            call["retry"] = {"attempts": 2 + number}
        case "fallback" if call:
            call["fallback"] = {"steps": [{"wait": "1ms"}]}
        case "new endpoint":
            desk["endpoints"][f"extra{number}"] = {"steps": [{"work": "1ms"}]}
        case "remove endpoint":
            for name in [name for name in desk["endpoints"] if name != "serve"][:1]:
                del desk["endpoints"][name]
        case "new service":
            plain["services"][f"other{number}"] = {"endpoints": {"do": {"steps": [{"write": "things"}]}}}
        case "remove step" if steps:
            steps.pop()
        case "new step":
            steps.insert(0, {"parallel": [{"wait": "1ms"}, {"steps": [{"work": "1ms"}, {"wait": "2ms"}]}]})
        case "rename" if "listen" in plain["services"]["back"]["consumers"]:
            consumers = plain["services"]["back"]["consumers"]
            consumers["hear"] = consumers.pop("listen")
        case "field":
            desk["endpoints"]["serve"]["request"][f"field{number}"] = "integer"
        case "threads":
            desk["threads"] = 3 + number
        case "store":
            steps.append({"read": "things"})
        case "consumer":
            desk.setdefault("consumers", {})[f"also{number}"] = {"from": "told", "steps": []}


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(edits, changes, edits)
def test_nothing_of_the_users_is_overwritten_or_deleted(first: list, wanted: list[str], second: list) -> None:  # type: ignore[type-arg]
    with tempfile.TemporaryDirectory(prefix="msforge-test-") as temporary:
        folder = Path(temporary) / "made"
        shutil.copytree(pristine(), folder)
        for round_, (edited, number) in enumerate(((first, 0), (second, 1))):
            originals = tree(folder)
            for index, (which, how, where) in enumerate(edited):
                edit(folder, which, how, where, f"mine {round_} {index}")
            path = folder / "small.yaml"
            plain = yaml.safe_load(path.read_text("utf-8"))
            for what in wanted[round_:]:
                change(plain, what, number)
            path.write_text(yaml.safe_dump(plain, sort_keys=False), "utf-8")
            _sync_and_compare(folder, originals)


def unix(content: bytes) -> bytes:
    """The same with line feeds alone."""
    return content.replace(b"\r\n", b"\n")


def _sync_and_compare(folder: Path, originals: dict[str, bytes]) -> None:
    before = tree(folder)
    planned = msforge.diff(folder)
    assert tree(folder) == before, "diff writes nothing"
    plan = msforge.sync(folder)
    after = tree(folder)
    assert plan.to_data() == planned.to_data()
    if plan.conflicts:
        assert after == before, "with a conflict nothing changes"
        for conflict in plan.conflicts:  # the user's answer: keep mine
            if conflict.owner.value != "user":
                msforge.sync(folder, check=True, resolved=[conflict.path])
        before = tree(folder)
        plan = msforge.sync(folder)
        after = tree(folder)
        if plan.conflicts:  # handlers that are no Python: theirs to put right
            assert all(conflict.owner.value == "user" for conflict in plan.conflicts)
            assert after == before
            return
    fate = {change.path: change for change in plan.changes}
    for path, content in before.items():
        edited = originals.get(path) != content
        if path.endswith("/handlers.py") or path in FILES:  # passwords that are missing are added
            assert after[path].startswith(content), f"{path}: only its end may grow"
        elif edited and path in after:
            kept = [line for line in content.splitlines() if b"# mine" in line]
            assert all(line.strip() in after[path] for line in kept), f"{path} lost a line"
            if fate.get(path) is None or fate[path].owner.value != "both":
                same = unix(content) == unix(after[path])
                updated = path in fate and b"# mine" not in content and fate[path].action is Action.UPDATE
                assert same or updated, path
        elif path not in after:
            unedited = unix(originals.get(path, b"")) == unix(content)  # line ends are the editor's, not an edit
            assert unedited and fate[path].action is Action.REMOVE and fate[path].owner.value == "msforge", path
    assert not msforge.diff(folder).pending, "once in step, it stays"
