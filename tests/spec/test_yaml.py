"""YAML's surprises: what is read as what, what is refused, and that nothing explodes."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from msforge.errors import InvalidFileError
from msforge.spec import load_text, reader
from msforge.spec.scalars import plain, reads_as_string
from msforge.spec.source import Source
from tests.spec.shop import EVERYTHING, SHOP, SMALLEST


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("Yes", "Yes"), ("y", "y"), ("1:30", "1:30"), ("1_000", "1_000"), ("0755", 755),
        ("0o755", 493), ("0x1F", 31), ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("Null", None), ("nULL", "nULL"), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("+7", 7), ("-7", -7), ("-", "-"),
        ("1e", "1e"), ("0b1", "0b1"), ("2026-11-22", "2026-11-22"), ("=", "="), ("<<", "<<"), ("0x", "0x"),
        ("9" * 25, int("9" * 25)), (".inf", float("inf")),
    ],
)  # fmt: skip
def test_core_schema(text: str, value: object) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)


def test_a_number_of_ten_thousand_digits_does_not_raise() -> None:
    assert plain("9" * 10_000) == float("inf")


def read(text: str) -> Any:
    document, _, problems = reader.read(Source("t", text))
    assert problems == []
    return document


def test_quoted_scalars_are_strings() -> None:
    assert read("a: '5'\nb: \"true\"\nc: !!str 5\nd: |\n  5\n") == {"a": "5", "b": "true", "c": "5", "d": "5\n"}


def test_keys_are_strings_whatever_they_look_like() -> None:
    assert read("on: 1\n5: 2\ntrue: 3\nnull: 4\n") == {"on": 1, "5": 2, "true": 3, "null": 4}


def test_aliases_and_merge_keys() -> None:
    text = "base: &b {x: 1, y: 2}\nmore: &m {y: 5, z: 6}\na: *b\nc: {<<: *b, y: 3}\nd: {<<: [*m, *b], w: 0}\n"
    document = read(text)
    assert document["a"] == {"x": 1, "y": 2}
    assert document["c"] == {"x": 1, "y": 3}
    assert document["d"] == {"w": 0, "y": 5, "z": 6, "x": 1}


def test_an_anchor_may_be_defined_again() -> None:
    assert read("a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_aliases_share_policies() -> None:
    text = SMALLEST.replace("greet: {}", "greet: {steps: [&w {work: 2ms}, *w]}")
    steps = load_text(text).model.services["hello"].endpoints["greet"].steps
    assert len(steps) == 2
    assert steps[0] == steps[1]


def test_a_billion_laughs_are_refused_quickly() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 30):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    begin = time.process_time()
    with pytest.raises(InvalidFileError) as caught:
        load_text(text)
    assert time.process_time() - begin < 1
    assert [d.code for d in caught.value.diagnostics] == ["E014"]


def test_a_quadratic_blow_up_is_refused_too() -> None:
    text = "a: &a [" + ", ".join(["x"] * 5000) + "]\nb: [" + ", ".join(["*a"] * 5000) + "]\n"
    begin = time.process_time()
    with pytest.raises(InvalidFileError) as caught:
        load_text(text)
    assert time.process_time() - begin < 1
    assert [d.code for d in caught.value.diagnostics] == ["E014"]


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 50_000, "a:\n" + " a:\n" * 3, "? " * 10_000])
def test_deep_nesting_ends_in_a_diagnostic(text: str) -> None:
    with pytest.raises(InvalidFileError):
        load_text(text)


def test_python_objects_are_never_built() -> None:
    text = "!!python/object/apply:os.system ['exit 7']"
    with pytest.raises(InvalidFileError) as caught:
        load_text(text)
    assert caught.value.diagnostics[0].code == "E015"


@pytest.mark.parametrize("text", [SHOP, EVERYTHING])
def test_the_pure_python_parser_reads_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = load_text(text)
    monkeypatch.setattr(reader, "PARSER", yaml.SafeLoader)
    slow = load_text(text)
    assert slow.model == fast.model
    assert slow.locate("traffic") == fast.locate("traffic")


def test_a_byte_order_mark_is_no_character() -> None:
    assert load_text("\ufeff" + SHOP).model == load_text(SHOP).model


def test_windows_line_ends() -> None:
    spec = load_text(SHOP.replace("\n", "\r\n"))
    assert spec.model == load_text(SHOP).model
    assert spec.locate("traffic.shoppers.target") == load_text(SHOP).locate("traffic.shoppers.target")


def test_every_word_written_without_quotes_reads_as_itself() -> None:
    for text in ["a -> b", "50/s -> 200/s", "p99 < 800ms", "GET /users/{id}", "10%", "1m30s", "a.b", "x y", "é"]:
        assert reads_as_string(text)
        assert read(f"k: {text}\n") == {"k": text}
    for text in ["5", "true", "", "a: b", "# a", "- a", "a #b", "[a", "*a", "&a", "a:", "'a", "!a", "%a", "@a", "`a"]:
        assert not text or not reads_as_string(text)
