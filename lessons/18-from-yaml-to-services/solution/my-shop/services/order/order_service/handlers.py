# Yours: msforge wrote this once. `msforge sync` only adds handlers for new endpoints at its end.
"""What order does for each request.

Each line that awaits `do` is a step of system.yaml. Calls, messages and stores are
real; `work` and `wait` only pass the time that the description gives them. Replace such a step
with code that does the work, one at a time; the tests say so when the calls no longer agree with
the description.
"""

from __future__ import annotations

from order_service import models, steps


async def place(request: models.PlaceRequest, do: steps.Place) -> models.PlaceResponse:
    """POST /orders."""
    await do.work_1()
    product = await do.call_product_price()
    return models.PlaceResponse(total=request.amount * product.price)
