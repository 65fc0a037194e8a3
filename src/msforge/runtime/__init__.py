"""How a service behaves while it runs: admission, calls with their policies, events, faults; on asyncio.

The machines are in `policies`, the meaning in docs/semantics.md; the simulator follows the same rules in `sim`.
`msforge new` renders this source into each generated service, so a module here imports only the standard library,
aiohttp, prometheus_client, `policies` and `records`.
"""
