# Yours: msforge wrote this once. `msforge sync` only adds handlers for new endpoints at its end.
"""What stock does for each request.

Each line that awaits `do` is a step of system.yaml. Calls, messages and stores are
real; `work` and `wait` only pass the time that the description gives them. Replace such a step
with code that does the work, one at a time; the tests say so when the calls no longer agree with
the description.
"""

from __future__ import annotations

from stock_service import models, steps


async def count(request: models.CountRequest, do: steps.Count) -> models.CountResponse:
    """GET /count."""
    await do.wait_1()
    return models.CountResponse()
