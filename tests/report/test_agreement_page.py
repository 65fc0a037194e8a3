"""A verification's page: the words of the terminal, the intervals drawn to scale, names made harmless."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from msforge import sim
from msforge.report.page.agreement import agreement_document
from msforge.results import summarise
from msforge.results.agreement import Agreement
from tests.results.test_agreement import judged, lying, plan, predicted

LIE = ("wait: exponential(120ms)", "wait: exponential(240ms)")


def document(found: Agreement, *changes: tuple[str, str]) -> dict[str, Any]:
    sides = (summarise(plan(), [predicted()[0]]), summarise(plan(), [sim.run(plan(*changes))]))
    return agreement_document(found, *sides, "msforge verify till.yaml")


def test_a_lie_is_named_and_every_figure_that_differs_is_drawn() -> None:
    found = lying(LIE)
    page = document(found, LIE)
    assert (page["state"], page["line"]) == ("bad", "Predicted and measured disagree")
    assert page["findings"][0].startswith("back.pay") and len(page["findings"]) <= 5
    drawn = {(r["subject"], r["metric"]): r for r in page["readings"]}
    assert {r.name.split("/")[1] for r in found.readings if r.differs} <= {subject for subject, _ in drawn}
    p50 = drawn["people -> front.buy", "p50"]
    assert p50["word"] == "✗ differs" and p50["state"] == "worse"
    bar = p50["bar"]
    assert min(bar.values()) > 0 and max(bar.values()) < 1 and bar["low"] <= bar["twin"] <= bar["high"]
    assert not bar["low"] <= bar["measured"] <= bar["high"]
    assert [side["entries"][0]["name"] for side in page["sides"]] == ["people -> front.buy"] * 2
    rows = [row for table in page["tables"] for row in table["rows"]]
    assert len(rows) == len(found.readings)


def test_one_that_agrees_and_one_that_cannot_say() -> None:
    same = judged(predicted()[0])
    page = document(same)
    assert (page["state"], page["findings"], page["reasons"]) == ("good", [], [])
    assert all(0 <= r["bar"][key] <= 1 for r in page["readings"] for key in ("twin", "measured"))
    spoiled = document(judged(predicted()[0], reasons=("the CPU was 99% in use",)))
    assert spoiled["state"] == "none" and spoiled["reasons"] == ["the CPU was 99% in use"]


def test_it_is_data_and_names_are_harmless() -> None:
    found = judged(predicted()[0])
    found = replace(found, system="a\x1b[31m\nb", notes=["\x1b]0;x\x07note"], traces=[{
        "number": 3, "source": "people\x00", "visits": [
            {"side": "measured", "name": "front.buy\x1b", "begin": 0, "waited": None, "took": 5, "outcome": "ok"}]}])
    text = json.dumps(document(found), allow_nan=False)
    assert not any(f"\\u00{code:02x}" in text for code in (0, 7, 27))
