"""Names and suggestions."""

from __future__ import annotations

import pytest

from msforge import names


@pytest.mark.parametrize("name", ["a", "order", "users-db", "send_email", "Order2", "x" * 63])
def test_names(name: str) -> None:
    assert names.problem(name) == ""


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "a name cannot be empty"), ("x" * 64, "this name has 64 characters, the most is 63"),
        ("2nd", "a name cannot start with `2`"), ("-a", "a name cannot start with `-`"),
        ("a b", "a name cannot contain a space"), ("a.b", "a name cannot contain `.`"),
        ("a\x1b[31m", "a name cannot contain U+001B"), ("a\n", "a name cannot contain U+000A"),
        ("<script>", "a name cannot start with `<`"), ("größe", "a name cannot contain `ö`"),
        ("a\u202eb", "a name cannot contain U+202E"), ("a\ud800", "a name cannot contain U+D800"),
    ],
)  # fmt: skip
def test_what_is_no_name(name: str, problem: str) -> None:
    assert names.problem(name) == problem


def test_the_closest_known_word_is_suggested() -> None:
    assert names.closest("paymnet", ["order", "payment"]) == "payment"
    assert names.closest("users_DB", ["orders-db", "users-db"]) == "users-db"
    assert names.closest("zebra", ["order", "payment"]) == ""
    assert names.did_you_mean("zebra", ["order", "payment"]) == "known here: order, payment"
    assert names.did_you_mean("zebra", []) == ""
    assert names.did_you_mean("paymnet", ["order", "payment"]) == "did you mean `payment`?"
