"""Figures, arithmetic, limits and answers: small things with exact results."""

from __future__ import annotations

import pytest

from msforge.lessons.checking import telling
from msforge.lessons.expression import ExpressionError, parse, parse_comparison
from msforge.lessons.figures import Figure, FigureError, look_up, quantity
from msforge.lessons.paths import differences, parse_limit, spent, under
from msforge.lessons.questions import judge, page, read_answer
from msforge.report.bigtype import big
from msforge.results.result import Cost, Storm
from msforge.results.tables import ServiceResult
from msforge.spec.places import split
from msforge.spec.schema_lab import LabQuestion
from msforge.testing import blank

KNOWN = {
    "a": Figure(6.0, "ns"), "b": Figure(3.0, "ns"), "c": Figure(2.0, "count"), "none": Figure(None, "ns"),
    "r": Figure(0.5, "ratio"), "run:x[p -> q.r].y": Figure(8.0, "count"),
}  # fmt: skip
RESOLVED = {
    "services": {"a": {"replicas": 2, "wait": "60s"}, "b": {"replicas": 3, "threads": "unlimited"}}, "size": "1GiB",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("a", 6.0, "ns"), ("a + b", 9.0, "ns"), ("a - b - b", 0.0, "ns"), ("a / b", 2.0, "count"),
        ("a * c", 12.0, "ns"),
        ("a + b * c", 12.0, "ns"), ("( a + b ) * c", 18.0, "ns"), ("(a + b) / c", 4.5, "ns"),
        ("a - 1ms", 6.0 - 1e6, "ns"),
        ("run:x[p -> q.r].y / c", 4.0, "count"), ("a / none", None, "count"), ("none + a", None, "ns"),
        ("r * a", 3.0, "ns"),
        ("a / ( b - b )", None, "count"),
    ],
)  # fmt: skip
def test_arithmetic(text: str, value: float | None, unit: str) -> None:
    assert parse(text).value(KNOWN.__getitem__) == Figure(value, unit)


@pytest.mark.parametrize("text", ["", "a +", "+ a", "( a", "a b", "a / / b", ")"])
def test_what_is_no_arithmetic(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "holds"),
    [("a < 7ns", True), ("a <= 6ns", True), ("a > b", True), ("a / b = 2", True), ("a != 6ns", False),
     ("none < 5s", False), ("run:x[p -> q.r].y >= 8", True), ("r < 40%", False)],
)  # fmt: skip
def test_comparisons(text: str, holds: bool) -> None:
    assert parse_comparison(text).holds(KNOWN.__getitem__) is holds


@pytest.mark.parametrize("text", ["a", "a <", "< a", "a < b < c"])
def test_what_is_no_comparison(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_comparison(text)


def test_a_figure_has_the_unit_of_its_field() -> None:
    from msforge.results import Result
    from msforge.results.figures import Measured

    desk = blank(ServiceResult, name="desk", utilisation=Measured(0.4), wait_mean=Measured(5e6))
    storm = blank(Storm, attempts=Measured(1.5))
    result = blank(Result, services=[desk], cost=blank(Cost, per_month=30.0), storm=storm)
    assert look_up(result, "services[desk].utilisation") == Figure(0.4, "ratio")
    assert look_up(result, "services[0].wait_mean") == Figure(5e6, "ns")
    assert look_up(result, "cost.per_month") == Figure(30.0, "cost")
    assert look_up(result, "storm.attempts") == Figure(1.5, "count")
    assert look_up(result, "services[external=false].count") == Figure(1.0, "count")
    assert look_up(result, "services[external=true].count") == Figure(0.0, "count")
    assert look_up(result, "services[external=true].last.utilisation").value is None, "the last of nothing"
    for place in ("services[till].utilisation", "services.desk", "services[desk].nothing", "services[desk]", "", "a b"):
        with pytest.raises(FigureError):
            look_up(result, place)


@pytest.mark.parametrize(
    ("written", "figure"),
    [(450, Figure(450.0, "count")), ("450", Figure(450.0, "count")), ("1,200.5", Figure(1200.5, "count")),
     ("5%", Figure(0.05, "ratio")), ("80ms", Figure(8e7, "ns")), ("50/s", Figure(50.0, "per_second"))],
)  # fmt: skip
def test_quantities(written: object, figure: Figure) -> None:
    assert quantity(written).value == pytest.approx(figure.value) and quantity(written).unit == figure.unit


@pytest.mark.parametrize(
    ("limit", "met"),
    [
        ("services.a.replicas <= 2", True), ("services.a.replicas < 2", False), ("services.*.replicas <= 3", True),
        ("services.*.replicas <= 2", False), ("total services.*.replicas <= 5", True),
        ("total services.*.replicas <= 4", False),
        ("services.a.wait <= 1m", True), ("services.b.threads <= 64", False), ("services.c.replicas <= 9", False),
        ("services.*.function <= 9", True), ("size >= 128MiB", True), ("size < 1GiB", False),
    ],
)  # fmt: skip
def test_limits(limit: str, met: bool) -> None:
    assert spent(parse_limit(limit), RESOLVED).met is met


def test_differences_and_what_they_lie_under() -> None:
    after = {"services": {"a": {"replicas": 2, "wait": "1m"}, "b": {"replicas": 4, "threads": "unlimited"}, "c": {}},
             "size": "1GiB"}
    found = list(differences(RESOLVED, after))
    assert found == [("services", "b", "replicas"), ("services", "c")], "60s is 1m"
    assert under(found[0], split("services.*.replicas") or ())
    assert under(found[0], ("services",))
    assert not under(found[1], split("services.*.replicas") or ())
    assert list(differences([1, 2], [1])) == [()]


NUMBER = LabQuestion(ask="How long?", figure="a", within="20%")
CHOICE = LabQuestion(ask="Which?", choices={"x": "this", "y": "that"}, right="x", because="It is {{c}}.")


@pytest.mark.parametrize(
    ("said", "right", "off"),
    [("6ns", True, "spot on"), ("7ns", True, "17 % too much"), ("5ns", True, "17 % too little"),
     ("12ns", False, "2 times too much"), ("2ns", False, "3 times too little"),
     ("9000ns", False, "1,500 times too much"), ("", False, "")],
)  # fmt: skip
def test_a_number_is_near_or_not(said: str, right: bool, off: str) -> None:
    found = judge("q", NUMBER, said, KNOWN.__getitem__)
    assert (found.right, found.off, found.truth) == (right, off, "6.00ns")


@pytest.mark.parametrize(
    ("output", "line"),
    [("error: no folder\nhelp: make it\n", "error: no folder"),
     ("FAILED tests/a.py::test_b\n1 failed, 8 passed in 3s\n", "FAILED tests/a.py::test_b"),
     ("it answers 3\nwrite its handler\n\n", "write its handler"), ("", "")],
)  # fmt: skip
def test_the_telling_line_of_a_command(output: str, line: str) -> None:
    assert telling(output) == line


def test_a_choice_is_right_or_not() -> None:
    assert judge("q", CHOICE, "x", KNOWN.__getitem__).right
    wrong = judge("q", CHOICE, "y", KNOWN.__getitem__)
    assert (wrong.right, wrong.truth, wrong.because) == (False, "x: this", "It is 2.")


def test_answers_are_read_as_people_write_them() -> None:
    assert read_answer("q", CHOICE, " X) ", "count") == "x"
    assert read_answer("q", NUMBER, "5 ms", "ns") == "5 ms"
    ratio = LabQuestion(ask="?", figure="r", within="5%")
    assert judge("q", ratio, "52", KNOWN.__getitem__).right, "52 is said for 52 %"


def test_the_answers_page_is_read_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    from msforge.spec.lab import load_answers

    path = tmp_path_factory.mktemp("answers") / "answers.yaml"
    path.write_text(page({"p": NUMBER}, {"q": CHOICE}, {"p": "7ms"}, {"p": "ns"}), "utf-8")
    assert load_answers(path, "answers.yaml") == {"p": "7ms", "q": None}


def test_big_type_fits() -> None:
    text = big("p99 412ms < 800ms, and much more than fits into one line", 80)
    assert max(map(len, text.splitlines())) <= 80 and len(text.splitlines()) % 3 == 0
    assert big("I", 80) == "▀█▀\n █\n▀▀▀"
