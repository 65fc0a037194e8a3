# Yours and msforge's: add fields and rules; `msforge sync` merges what changes in system.yaml.
"""What product is asked and answers, and what it asks of others.

Every field has a default, so that emulated callers may leave it out; take the default away to require it.
`python tests/contract.py` writes new fields into the contract, openapi.json.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """What all of them share: unknown fields are kept and passed on."""

    model_config = ConfigDict(
        extra="allow", populate_by_name=True, serialize_by_alias=True, protected_namespaces=()
    )


class PriceRequest(Model):
    """What GET /price is asked."""


class PriceResponse(Model):
    """What GET /price answers."""

    price: float = 0.0
    currency: str = ""
    stock: int = 0
