"""Three Results, to the byte."""

from __future__ import annotations

import json

import golden
import pytest


@pytest.mark.parametrize("name", golden.NAMES)
def test_result_is_the_golden_one(name: str) -> None:
    kept = json.loads(golden.DIGESTS.read_text("utf-8"))[name]
    assert golden.measure(name) == kept, "if this change is meant: python tests/semantics/golden.py --write"


def test_there_are_three() -> None:
    assert len(golden.NAMES) == 3
    assert sorted(json.loads(golden.DIGESTS.read_text("utf-8"))) == golden.NAMES
