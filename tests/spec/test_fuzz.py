"""Any text gives diagnostics or a Spec, never another exception.

500 cases of each kind; MSFORGE_FUZZ=10000 for a long run.
"""

from __future__ import annotations

import copy
import json
import os
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msforge.errors import Diagnostic, InvalidFileError
from msforge.spec import Spec, dump, from_data, load_text
from msforge.spec.codes import CODES
from msforge.spec.reader import read
from msforge.spec.render import render_all
from msforge.spec.source import Source
from tests.spec.shop import EVERYTHING, SHOP, SMALLEST

CASES = int(os.environ.get("MSFORGE_FUZZ", "500"))


def fuzzed(cases: int) -> settings:
    return settings(
        max_examples=cases,
        deadline=None,
        derandomize="MSFORGE_FUZZ" not in os.environ,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


fuzz = fuzzed(CASES)
slow_fuzz = fuzzed(CASES // 4)  # each case loads a whole system, some twice


def judged(text: str, sets: list[str] | None = None) -> Spec | list[Diagnostic]:
    """What loading gives; diagnostics are well formed, and whatever is valid resolves to something valid."""
    try:
        spec = load_text(text, sets=sets or [])
    except InvalidFileError as error:
        assert error.diagnostics
        check(error.diagnostics)
        return error.diagnostics
    again = from_data(spec.resolved())
    assert again.model == spec.model
    return spec


def check(diagnostics: list[Diagnostic]) -> None:
    """Known codes, places inside the text, nothing that could steer a terminal."""
    for found in diagnostics:
        assert found.code in CODES
        assert found.message
        if found.line:
            assert 1 <= found.column <= len(found.source_line) + 1
            assert found.end_column > found.column
    shown = render_all(diagnostics)
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert shown.encode("utf-8")


ALPHABET = st.sampled_from(list(" \n\t:-{}[],&*!#|>'\"%@`?~<=.0123456789abcexyz\\\u00e9\u2028\ud800\x00\x1b\x7f\ufeff"))


@fuzz
@given(st.text(max_size=400) | st.text(ALPHABET, max_size=200))
def test_any_text(text: str) -> None:
    judged(text)


@slow_fuzz
@given(st.integers(0, len(EVERYTHING)), st.integers(0, 40), st.text(ALPHABET, max_size=12))
def test_a_piece_of_a_file_replaced(at: int, length: int, text: str) -> None:
    judged(EVERYTHING[:at] + text + EVERYTHING[at + length :])


VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    5,
    10**30,
    0.5,
    1e300,
    float("inf"),
    float("nan"),
    "",
    "x",
    "all",
    "unlimited",
    "5ms",
    "10%",
    "50/s",
    "50/s -> 5/s",
    "1:30",
    "no",
    "exponential(5ms)",
    "uniform(9ms 1ms)",
    "zipf(n=10 s=1)",
    "user.address",
    "users-db",
    "order-placed",
    "gateway -> order",
    "p99 < 1s",
    "a\x1b[31mb",
    "\ud800",
    "<b>",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    [{"work": "1ms"}],
    {"steps": []},
    {"work": "1ms"},
    {"call": "user.address"},
    "gentle",
    {"attempts": "unlimited"},
    {"rate": "1/s", "for": "1s"},
    {"target": "user.address"},
    {"services.user.replicas": 3},
    "a.b.c",
    "10x",
    1e-320,
]
KEYS = [
    *sorted({word.strip(" -{[") for line in (SHOP + EVERYTHING).splitlines() for word in line.split(":")[:1]}),
    "nonsense",
    "faults+",
    "null",
    "a.b",
    "",
    "<<",
    "policies",
    "defaults",
    "scenarios",
    "fallback",
    "cache",
    "change",
    "changes",
]


def mutated(data: Any, dice: random.Random) -> Any:
    """The document with a few random changes: values replaced, keys renamed, items moved, copied or lost."""
    data = copy.deepcopy(data)
    for _ in range(dice.randint(1, 4)):
        holders = list(_holders(data))
        holder = dice.choice(holders)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        action = dice.randrange(6)
        if action == 0 or not keys:
            _insert(holder, dice.choice(KEYS), copy.deepcopy(dice.choice(VALUES)))
        elif action == 1:
            holder[dice.choice(keys)] = copy.deepcopy(dice.choice(VALUES))
        elif action == 2:
            del holder[dice.choice(keys)]
        elif action == 3:
            _insert(dice.choice(holders), dice.choice(KEYS), copy.deepcopy(holder[dice.choice(keys)]))
        elif action == 4:
            other = dice.choice(holders)
            spots = list(other) if isinstance(other, dict) else list(range(len(other)))
            if spots:
                holder[dice.choice(keys)] = copy.deepcopy(other[dice.choice(spots)])
        elif isinstance(holder, dict):
            holder[dice.choice(KEYS)] = holder.pop(dice.choice(keys))
    return data


def _holders(data: Any) -> Any:
    if isinstance(data, (dict, list)):
        yield data
        for item in data.values() if isinstance(data, dict) else data:
            yield from _holders(item)


def _insert(holder: Any, key: str, value: Any) -> None:
    if isinstance(holder, dict):
        holder[key] = value
    else:
        holder.append(value)


def plain(text: str) -> Any:
    document, _, problems = read(Source("t", text))
    assert not problems
    return json.loads(json.dumps(document))


DOCUMENTS = [plain(SHOP), plain(EVERYTHING), plain(SMALLEST)]


@slow_fuzz
@given(st.integers(0, 2**63), st.integers(0, 2))
def test_a_document_changed_at_random(seed: int, which: int) -> None:
    data = mutated(DOCUMENTS[which], random.Random(seed))
    judged(dump(data))
    try:
        from_data(data)
    except InvalidFileError as error:
        check(error.diagnostics)


@slow_fuzz
@given(
    st.lists(st.sampled_from(KEYS) | st.sampled_from(["[0]", "[1]", "[999]", "services", "order", "endpoints", "place",
             "steps", "traffic", "shoppers", '"a.b"']), max_size=7),
    st.sampled_from(VALUES), st.text(ALPHABET, max_size=6),
)  # fmt: skip
def test_any_set_argument(parts: list[str], value: Any, noise: str) -> None:
    path = ".".join(parts).replace(".[", "[")
    judged(SHOP, [f"{path}{noise}={value}", path + noise] if noise else [f"{path}={value}"])


@slow_fuzz
@given(st.integers(0, 2**63))
def test_any_timed_change(seed: int) -> None:
    dice = random.Random(seed)
    path = ".".join(dice.choice(KEYS) for _ in range(dice.randint(1, 5)))
    if dice.random() < 0.5:
        path = dice.choice(PATHS)
    try:
        Spec.overlay(WHOLE, {path: dice.choice(VALUES)})
    except InvalidFileError as error:
        check(error.diagnostics)


WHOLE = load_text(EVERYTHING)


def _paths(data: Any, path: str = "") -> Any:
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        here = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else str(key)
        yield here
        if isinstance(value, (dict, list)):
            yield from _paths(value, here)


PATHS = list(_paths(WHOLE.document))


def test_what_a_long_run_found() -> None:
    steps = "{steps: [{publish: {kind: queue}, key: 3}]}"
    found = judged(SMALLEST.replace("greet: {}", f"greet: {steps}"))
    assert isinstance(found, list)
    assert [d.code for d in found] == ["E301"]


@fuzz
@given(st.text(max_size=30) | st.sampled_from([value for value in VALUES if isinstance(value, str)]), st.booleans())
def test_what_dump_writes_reads_back(text: str, flow: bool) -> None:
    data: Any = {"k": [text, {"x": text}]} if flow else {"k": text, "other": [[[text]]]}
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return
    document, _, problems = read(Source("t", dump(data)))
    assert not problems
    assert document == data
