"""Names on disk and in Python."""

from __future__ import annotations

import keyword
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msforge.names import PATTERN
from msforge.runtime.flow import Flow
from msforge.scaffold.names import file_problem, folders, is_reserved, path_problem
from msforge.scaffold.python.names import numbered, packages, snake
from msforge.scaffold.python.steps import METHODS_TAKEN, TARGETS

some_names = st.lists(st.from_regex(PATTERN[:-1] + r"\Z"), min_size=1, max_size=8, unique=True)


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", "C:/x", "c:x", "a\\b", "a//b", "", ".", "a/..", "CON", "a/nul.txt", "LPT1.py",
     "COM\u00b9", "x.", "x ", "a/x./b", "a\0b", "a\nb", "a:b", "a|b", "a?b", "x" * 300],
)  # fmt: skip
def test_a_path_that_leads_out_or_that_a_platform_refuses_is_a_problem(path: str) -> None:
    assert path_problem(path)


@pytest.mark.parametrize("path", ["a", "a/b.py", ".gitignore", "a/b/c-d_e.txt", "console.py", "nullable", "com10"])
def test_plain_paths_are_none(path: str) -> None:
    assert not path_problem(path)


@given(some_names)
def test_folders_are_apart_on_every_platform(names: list[str]) -> None:
    made = folders(names)
    assert list(made) == names
    assert len({folder.lower() for folder in made.values()}) == len(names)
    assert not any(file_problem(folder) or is_reserved(folder) for folder in made.values())


@given(some_names)
def test_packages_are_identifiers_apart_from_each_other_and_from_the_standard_library(names: list[str]) -> None:
    made = packages(names)
    assert len(set(made.values())) == len(names)
    for package in made.values():
        assert package.isidentifier() and not keyword.iskeyword(package) and package.isascii()
        assert package not in sys.stdlib_module_names


def test_an_identifier_keeps_its_name_beside_one_that_would_become_it() -> None:
    assert numbered(["order-id", "order_id", "OrderId"], snake) == {
        "order-id": "order_id_2", "order_id": "order_id", "OrderId": "order_id_3",
    }  # fmt: skip


def test_no_method_of_a_step_can_hide_one_of_the_flow() -> None:
    verbs = (*TARGETS, "work", "wait", "parallel", "choose", "repeat", "group", "saga", "fail")
    mine = {name for name in dir(Flow) if name.startswith(tuple(f"{verb}_" for verb in verbs))}
    assert mine <= METHODS_TAKEN
