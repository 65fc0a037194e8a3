"""The Result as a file: the same bytes, there and back, and clear words about files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from msforge import load, simulate
from msforge.errors import ResultFormatError
from msforge.records import SECOND, Outcome
from msforge.results import Result, read_window, summarise
from msforge.results.reference import page
from tests.cli.conftest import TINY
from tests.results.handmade import MS, Book, objective, shop


def a_result() -> Result:
    system = shop((objective("p99 < 100ms", "p99", 100 * MS),))
    book = Book(system, 110)
    for n in range(200):
        at = n * SECOND // 2
        outcome = Outcome.TIMEOUT if n % 50 == 7 else Outcome.OK
        book.serve(1, at, at + 2 * MS, at + (5 + n % 30) * MS, store=3 * MS)
        book.serve(0, at, at, at + (7 + n % 30) * MS, own=2 * MS, outcome=outcome)
        book.root(at, at + (7 + n % 30) * MS, outcome, own=2 * MS)
        book.tries.append((0, at, outcome is Outcome.TIMEOUT))
    return summarise(system, [book.records()])


def test_a_result_survives_the_way_to_json_and_back() -> None:
    result = a_result()
    again = Result.from_json(result.to_json())
    assert again == result
    assert again.to_json() == result.to_json()


def test_the_same_records_give_the_same_bytes() -> None:
    assert a_result().to_json() == a_result().to_json()


def test_the_json_is_standard_and_holds_no_wall_time_path_or_host() -> None:
    plain = json.loads(a_result().to_json(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert plain["format"] == 1 and plain["system"] == "shop" and plain["digest"] == "d" * 64
    assert not {"time", "date", "host", "path", "created"} & set(plain)


def test_the_folder_a_description_lies_in_leaves_no_trace(tmp_path: Path) -> None:
    written: list[str] = []
    for folder in (tmp_path / "here", tmp_path / "over there"):
        folder.mkdir()
        path = folder / "system.yaml"
        path.write_text(TINY, "utf-8")
        written.append(simulate(load(path), processes=1).to_json())
    assert written[0] == written[1] and "over there" not in written[1]


def test_leaving_the_data_out_makes_it_small_and_says_so_when_a_window_is_asked_for() -> None:
    result = a_result()
    small = Result.from_json(result.to_json(data=False))
    assert len(result.to_json(data=False)) < len(result.to_json())
    assert small.entries == result.entries and small.data is None and small.plan is None
    with pytest.raises(ResultFormatError, match="no other window of it can be read") as caught:
        read_window(small, (0, SECOND))
    assert "--out" in caught.value.hint


def test_another_version_is_refused_by_name() -> None:
    plain = json.loads(a_result().to_json()) | {"format": 7, "engine": "9.2.0"}
    with pytest.raises(ResultFormatError) as caught:
        Result.from_json(json.dumps(plain), name="run.json")
    assert str(caught.value) == (
        "run.json is a result of format 7, written by msforge 9.2.0; this version reads format 1"
    )
    assert "run the simulation again" in caught.value.hint
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("text", ["", "not json", "[1]", '"text"', "null", '{"name": "shop"}', "[" * 100_000, "\x00"])
def test_what_is_no_result_is_told_so(text: str) -> None:
    with pytest.raises(ResultFormatError, match=r"run\.json is not a result") as caught:
        Result.from_json(text, name="run.json")
    assert "msforge simulate" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda plain: plain.pop("entries"), "entries: is missing"),
        (lambda plain: plain.update(seed="x"), "seed: should be int, not str"),
        (lambda plain: plain["entries"][0]["counts"].pop("arrivals"), r"entries\[0\].counts.arrivals: is missing"),
        (lambda plain: plain.update(services=3), "services: should be a list, not int"),
        (lambda plain: plain["story"].update(healthy=1), "story.healthy: should be bool, not int"),
    ],
)
def test_a_damaged_result_is_told_where(change: object, where: str) -> None:
    plain = json.loads(a_result().to_json())
    change(plain)  # type: ignore[operator]
    with pytest.raises(ResultFormatError, match=where):
        Result.from_json(json.dumps(plain))


@pytest.mark.parametrize("part", ["data", "plan"])
def test_damaged_data_is_told_when_it_is_needed(part: str) -> None:
    result = a_result()
    if part == "data":
        assert result.data is not None
        result.data[0].pop("moments")
    else:
        assert result.plan is not None
        result.plan.pop("services")
    with pytest.raises(ResultFormatError, match=f"`{part}` is damaged"):
        read_window(result, (0, 10 * SECOND))


def test_the_page_about_the_format_is_what_the_fields_say() -> None:
    written = Path(__file__).parents[2] / "docs" / "result.md"
    assert written.read_text(encoding="utf-8").endswith(page()), "python tools/generate_docs.py"


def test_every_field_of_the_format_says_what_it_means() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) > 250
    assert [row for row in rows if len(row.removesuffix(" |").rsplit(" | ", 1)[1].strip()) < 4] == []
