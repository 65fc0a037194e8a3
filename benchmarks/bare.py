"""What a hop is compared with: `bare.py serve PORT`, a FastAPI handler; `bare.py call PORT HOPS LANES`, its client.

The handler has typed bodies as a generated one has, and nothing else: no metrics, no log, no policies.
`call` prints the CPU seconds that its hops took this process.
"""

from __future__ import annotations

import asyncio
import sys
import time

HOST = "127.0.0.1"


def serve(port: int) -> None:
    """Serve POST /data until killed."""
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Asked(BaseModel):
        sku: str
        quantity: int

    class Answered(BaseModel):
        id: str
        total: int

    app = FastAPI()

    # the annotations are local names: they are set by hand, since this module's are text
    async def data(asked):  # type: ignore[no-untyped-def]
        return Answered(id=asked.sku, total=asked.quantity)

    data.__annotations__ = {"asked": Asked, "return": Answered}
    app.post("/data")(data)
    uvicorn.run(app, host=HOST, port=port, log_level="error", access_log=False)


async def call(port: int, hops: int, lanes: int) -> float:
    """`hops` calls over `lanes` connections at once: CPU seconds of this process."""
    import aiohttp

    async with aiohttp.ClientSession() as session:
        url = f"http://{HOST}:{port}/data"

        async def ask(times: int) -> None:
            for _ in range(times):
                async with session.post(url, json={"sku": "a", "quantity": 2}) as response:
                    response.raise_for_status()
                    await response.json()

        await asyncio.gather(*(ask(2) for _ in range(lanes)))  # connections are there
        before = time.process_time()
        await asyncio.gather(*(ask(hops // lanes) for _ in range(lanes)))
        return time.process_time() - before


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        print(asyncio.run(call(*(int(word) for word in sys.argv[2:5]))))
