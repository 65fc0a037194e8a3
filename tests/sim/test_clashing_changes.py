"""Changes that hold alone and not together: told when the second begins."""

from __future__ import annotations

import pytest

import msforge
from msforge.spec import load_text

TEXT = """
msforge: 1
name: clash
services:
  web: {endpoints: {get: {steps: [{call: shop.get, retry: {attempts: 2, backoff: 50ms}}]}}}
  shop: {endpoints: {get: {steps: [work: 1ms]}}}
traffic: {all: {target: web.get, rate: 10/s, for: 3s}}
faults:
  - {change: {"services.web.endpoints.get.steps[0].retry.max_backoff": 60ms}, at: 1s}
  - {change: {"services.web.endpoints.get.steps[0].retry.backoff": 100ms}, at: 2s}
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_changes_that_clash_are_the_files_error(processes: int) -> None:
    with pytest.raises(msforge.InvalidFileError) as told:
        msforge.simulate(load_text(TEXT), replications=2, processes=processes)
    assert "max_backoff" in told.value.diagnostics[0].message
    assert str(told.value) == "1 error in the description"
