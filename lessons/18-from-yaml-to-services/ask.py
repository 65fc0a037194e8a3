"""Starts the corner shop in my-shop, orders three of a thing, and looks at the bill.

    python ask.py             is the total three times the price?
    python ask.py contract    does product's contract promise `stock`?
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

SHOP = Path(__file__).resolve().parent / "my-shop"


def msforge(*words: str) -> str:
    """What a command of msforge prints."""
    done = subprocess.run([sys.executable, "-m", "msforge", *words, "-C", str(SHOP)], stdin=subprocess.DEVNULL,
                          capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        sys.exit((done.stderr or done.stdout).strip())
    return done.stdout


def ask(service: str, running: dict[str, Any], path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The answer of a service."""
    url = next(one["url"] for one in running["services"] if one["name"] == service)
    request = urllib.request.Request(url + path, headers={"content-type": "application/json"},
                                     data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def order_three() -> None:
    """Order, and compare."""
    msforge("down")  # what runs may be older than the code
    msforge("up", "--detach", "--port-base", "0")
    try:
        running = json.loads(msforge("ps", "--json"))
        product = ask("product", running, "/price")
        bill = ask("order", running, "/orders", {"item": "lamp", "amount": 3})
    finally:
        msforge("down")
    print(f"product answers {json.dumps(product)}, and three of it cost {json.dumps(bill)}")
    if not product.get("price"):
        sys.exit("product gives no price: write its handler")
    if bill.get("total") != 3 * product["price"]:
        sys.exit(f"three cost {bill.get('total')}, and not {3 * product['price']}: write order's handler")


def promised() -> None:
    """Look into product's contract."""
    contract = json.loads((SHOP / "services" / "product" / "openapi.json").read_text("utf-8"))
    schemas = contract["components"]["schemas"]
    fields = schemas["PriceResponse"].get("properties", {})
    print(f"product promises {', '.join(fields)}")
    if "stock" not in fields or "price" not in fields:
        sys.exit("product's contract has to promise both `price` and `stock`")


if __name__ == "__main__":
    if not SHOP.is_dir():
        sys.exit("there is no my-shop yet: msforge new my-shop --from system.yaml --yes")
    promised() if sys.argv[1:] == ["contract"] else order_three()
