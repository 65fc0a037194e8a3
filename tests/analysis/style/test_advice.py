"""The advice: as many deployables as the reasons ask for and the limits allow, and what turns it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msforge.analysis.style import scaling
from msforge.analysis.style.advice import Advice, advise
from msforge.analysis.style.fields import BY_NAME, FIELDS
from msforge.analysis.style.plan import plan
from msforge.analysis.style.sensitivity import changes
from msforge.analysis.style.situation import Situation, parsed, situation
from msforge.units import UnitError


def of(**said: Any) -> Advice:
    """The advice for what was said, as it is written."""
    values = {name: parsed(name, value) for name, value in said.items()}
    return advise(situation(values, dict.fromkeys(values, "given")))


def limits(advice: Advice) -> dict[str, int | None]:
    return {one.name: one.deployables for one in advice.allows}


situations = st.builds(
    lambda **values: situation(values, {}),
    engineers=st.integers(1, 500), services=st.integers(1, 200), rate=st.floats(0.1, 10_000),
    cpu=st.integers(10_000, 10**8), budget=st.integers(10**6, 10**10), alone=st.integers(10**5, 10**10),
    deploys=st.none() | st.floats(0.1, 500), peak=st.floats(1, 50), share=st.floats(0.01, 0.9),
    languages=st.integers(1, 6), availability=st.floats(0.9, 0.99999), each=st.floats(0.99, 0.99999),
    hop=st.integers(10_000, 10**8), hops=st.none() | st.floats(1, 50),
)


def test_a_small_team_without_a_reason_gets_a_monolith_and_a_large_one_modules() -> None:
    assert of(engineers=8).style == "a monolith"
    assert of(engineers=9).style == "a modular monolith"
    assert of(engineers=9).deployables == 1


def test_deployments_that_queue_up_ask_for_pipelines() -> None:
    # 8 h hold 16 deployments of 30 minutes; two thirds of that are 10.67.
    assert of(engineers=40, deploys=10).wanted == 1
    found = of(engineers=40, deploys=25)
    assert (found.wanted, found.deployables, found.style) == (3, 3, "a few services")
    assert of(engineers=40, deploys=60).style == "microservices"


def test_each_language_needs_a_process() -> None:
    assert of(engineers=10, languages=3).deployables == 3


def test_a_part_is_split_off_when_that_saves_more_than_its_upkeep_costs() -> None:
    small = of(engineers=10, rate="50/s", cpu="10ms", peak="20x", share="20%")
    assert small.wanted == 1
    large = of(engineers=10, rate="5000/s", cpu="10ms", peak="20x", share="20%", memory="8GiB")
    assert large.wanted == 2
    one, parts = scaling.as_one(large.situation), scaling.apart(large.situation)
    assert one.month - sum(part.month for part in parts) > scaling.upkeep(large.situation)
    # All processes of the one program carry 8 GiB and what Python takes; the part's carry a fifth of the 8.
    assert one.memory == pytest.approx(one.cores * 8.125)
    assert parts[1].memory == pytest.approx(parts[1].cores * (0.125 + 8 / 5))


def test_the_budget_allows_one_more_deployable_for_each_call_that_fits() -> None:
    assert limits(of(budget="110ms", alone="100ms", hop="2ms"))["latency"] == 6
    assert limits(of(budget="100ms", alone="100ms", hop="2ms"))["latency"] == 1
    assert limits(of(budget="90ms", alone="100ms"))["latency"] == 1
    assert limits(of(budget="110ms", alone="100ms", hop="2ms", services=30, hops=5))["latency"] is None
    assert limits(of(budget="110ms", alone="100ms", hop="2ms", services=30, hops=6))["latency"] == 6


def test_what_is_asked_for_and_not_allowed_is_a_conflict_with_names() -> None:
    found = of(engineers=40, deploys=40, budget="102ms", alone="100ms", hop="2ms")
    assert (found.wanted, found.limit, found.deployables) == (4, 2, 2)
    assert found.conflict is not None
    wanting, holding = found.conflict
    assert [one.name for one in wanting] == ["deployments"]
    assert "latency" in [one.name for one in holding]
    assert of(engineers=8).conflict is None


def test_the_plan_is_held_to_budget_and_target() -> None:
    found = {one.name: one for one in plan(of(engineers=8, services=8, budget="113ms", alone="100ms").situation)}
    assert found["latency"].planned == "114ms" and found["latency"].holds is False
    assert found["availability"].planned == "99.92 %" and found["availability"].holds is True  # 0.9999 ** 8
    assert found["deployables a team"].holds is False
    assert list(plan(of(engineers=8).situation)) == []


@given(situations, st.floats(0.05, 1))
def test_a_tighter_budget_never_makes_it_recommend_more(found: Situation, tighter: float) -> None:
    less = replace(found, budget=max(1, int(found.budget * tighter)))
    assert advise(less).deployables <= advise(found).deployables


@given(situations, st.floats(0, 1))
def test_a_higher_availability_never_makes_it_recommend_more(found: Situation, part: float) -> None:
    more = replace(found, availability=found.availability + (0.999999 - found.availability) * part)
    assert advise(more).deployables <= advise(found).deployables


@given(situations, st.floats(1, 50))
def test_slower_calls_never_make_it_recommend_more(found: Situation, times: float) -> None:
    assert advise(replace(found, hop=found.hop * times)).deployables <= advise(found).deployables


@given(situations, st.floats(1, 50))
def test_more_deployments_never_ask_for_fewer(found: Situation, times: float) -> None:
    more = replace(found, deploys=found.deploys_a_day * times)
    assert advise(more).wanted >= advise(found).wanted
    assert advise(more).deployables >= advise(found).deployables


@given(situations)
def test_never_more_than_allowed_nor_than_asked_for_and_at_least_one(found: Situation) -> None:
    advice = advise(found)
    assert 1 <= advice.deployables <= advice.wanted
    assert advice.limit is None or advice.deployables <= advice.limit


@settings(max_examples=10, deadline=None)
@given(situations)
def test_every_turning_point_turns_it_as_printed(found: Situation) -> None:
    advice = advise(found)
    for change in changes(advice):
        field = BY_NAME[change.name]
        turned = advise(replace(found, **{change.name: field.parse(change.value)}))
        assert (turned.style, turned.deployables) == (change.style, change.deployables), change
        assert turned.style != advice.style, change


def test_a_share_is_a_percent_or_a_fraction_on_a_command_line_too() -> None:
    parse = BY_NAME["availability"].parse
    assert parse("0.999") == parse(0.999) == parse("99.9%") == 0.999
    for wrong in ("nan", "1.5", "0.2", "often", True):
        with pytest.raises(UnitError):
            parse(wrong)


def test_the_turning_points_are_where_arithmetic_has_them() -> None:
    found = {(c.name, c.above): c for c in changes(of(engineers=12))}
    assert found["engineers", True].value == "22"  # 11 a day of 30 min are more than two thirds of 8 h
    assert found["engineers", False].value == "8"  # one team
    assert found["deploys", True].value == "10.7"
    assert found["languages", True].value == "2"


def test_the_plain_data_names_every_number_and_where_it_comes_from() -> None:
    plain = of(engineers=12, budget="300ms").to_dict()
    assert list(plain["numbers"]) == [field.name for field in FIELDS]
    assert plain["numbers"]["budget"] == {
        "value": "300ms", "from": "given", "assumed_because": "assumed", "means": BY_NAME["budget"].question,
    }
    assert plain["numbers"]["rate"]["from"] == ""
    assert plain["numbers"]["deploys"]["value"] == "6"


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_assumed_number_reads_back_as_it_is_shown(field: Any) -> None:
    if field.shown:
        assert field.parse(field.format(field.parse(field.shown))) == field.parse(field.shown)
    assert field.why
