"""What a description says of a situation."""

from __future__ import annotations

from pathlib import Path

import pytest

from msforge.analysis.style.derive import derive
from msforge.analysis.style.files import read_numbers
from msforge.catalog import example
from msforge.errors import InvalidFileError
from msforge.model import compile_system
from msforge.spec import load
from tests.analysis.support import system_of

TEXT = """\
msforge: 1
name: three
services:
  front:
    cpu: 1
    instance: {{cost: 0.06/h}}
    endpoints:
      go:
        steps:
          - work: 2ms
          - call: a.go
          - parallel: [call: a.go, call: b.go]
  a: {{cpu: 1, language: node, instance: {{cost: 0.02/h}}, endpoints: {{go: {{steps: [work: 3ms]}}}}}}
  b: {{cpu: 1, endpoints: {{go: {{steps: [work: 1ms]}}, other: {{steps: [work: 4ms]}}}}}}
network: {{latency: 5ms}}
traffic:
  people: {{target: front.go, rate: 10/s, for: 20s}}
{more}
objectives:
  front.go: [p99 < 200ms, p99 < 150ms, success > 99%]
"""


def three(more: str = "") -> dict[str, object]:
    return derive(system_of(TEXT.format(more=more)))


def test_counts_times_and_promises_are_the_descriptions() -> None:
    found = three()
    assert (found["services"], found["required"], found["languages"]) == (3, 3, 2)
    assert found["hops"] == 2  # a, then a and b at once
    assert found["hop"] == 10_000_000
    assert found["alone"] == 8_000_000  # 2 + 3 + max(3, 1) ms
    assert found["cpu"] == 9_000_000  # 2 + 3 + 3 + 1 ms
    assert found["rate"] == 10
    assert found["budget"] == 150_000_000
    assert found["availability"] == 0.99
    assert found["core_price"] == pytest.approx(0.04)
    assert "each" not in found


def test_the_part_that_grows_most_beside_the_others_is_found() -> None:
    assert three()["peak"] == 1
    more = "  night: {target: b.other, stages: [{rate: 10/s, for: 10s}, {rate: 100/s, for: 10s}]}"
    found = three(more)
    # b does 10 + 40 ms/s at first, 10 + 400 then; the others 80 ms/s all the time.
    assert found["peak"] == pytest.approx(410 / 50, rel=1e-3)
    assert found["share"] == pytest.approx(50 / 130, rel=1e-3)


def test_failure_rates_give_the_availability_of_one_that_makes_the_whole() -> None:
    found = derive(system_of(TEXT.format(more="faults: [{crash: a, every: 99m, for: 1m}]")))
    assert found["each"] == pytest.approx(0.99 ** (1 / 3), rel=1e-3)


def test_the_shop_has_four_calls_in_a_row() -> None:
    found = derive(compile_system(load(example("shop").file)))
    assert found["hops"] == 4  # user; order; product or user; payment
    assert (found["services"], found["required"]) == (6, 5)  # nobody waits for notification


def test_a_file_of_numbers_is_read_with_its_units(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text("engineers: 12\nbudget: 300ms\nshare: 30%\npeak: 5x\ndeploys: 4.5\n", "utf-8")
    assert read_numbers(file) == {"engineers": 12, "budget": 300_000_000, "share": 0.3, "peak": 5.0, "deploys": 4.5}


@pytest.mark.parametrize(("text", "words"), [
    ("engineers: twelve\nbudgit: 3s\n", ["whole number", "no number called `budgit`"]),
    ("budget: 300\n", ["the unit is missing"]),
    ("- 12\n", ["a mapping of numbers"]),
    ("services: {a: {}}\n", ["the description of a system"]),
    ("engineers: 12\nengineers: 13\nteam: 0\n", ["engineers", "engineers", "between"]),
    ("", ["empty"]),
])
def test_a_file_with_mistakes_says_all_of_them_with_their_places(tmp_path: Path, text: str, words: list[str]) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(InvalidFileError) as caught:
        read_numbers(file)
    said = caught.value.diagnostics
    assert len(said) == len(words)
    assert all(word in one.message for word, one in zip(words, said, strict=True))
    assert not text or all(one.line > 0 for one in said)
