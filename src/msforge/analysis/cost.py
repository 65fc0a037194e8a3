"""The bill to expect: instances, stores, functions, traffic between zones. The file names no currency."""

from __future__ import annotations

from msforge.analysis.explanation import Cost, CostRow
from msforge.analysis.levels import Solved
from msforge.model.plan import Service, System, Verb

HOURS = 730           # of a month, as clouds count
MONTH = HOURS * 3600  # seconds
GIB = 1 << 30


def cost(level: Solved) -> Cost | None:
    """The expected cost of a month at a level that lasts; None when the file gives no prices."""
    system = level.load.system
    rows = [row for s in system.services for row in _service(level, s)]
    for store in system.stores:
        if store.cost_per_hour > 0:
            rows.append(CostRow(store.name, f"1 x {store.cost_per_hour:g}/h", store.cost_per_hour * HOURS))
    for channel in system.channels:
        price = float(getattr(channel, "cost_per_hour", 0.0))
        if price > 0:
            rows.append(CostRow(channel.name, f"1 x {price:g}/h", price * HOURS))
    rows += _zone_traffic(level)
    if not rows:
        return None
    total = sum(r.month for r in rows)
    requests = level.rate * MONTH
    return Cost(tuple(rows), total, total / requests * 1e6 if requests > 0 else None)


def _service(level: Solved, service: Service) -> list[CostRow]:
    rows = []
    if service.cost_per_hour > 0:
        month = service.replicas * service.cost_per_hour * HOURS
        rows.append(CostRow(service.name, f"{service.replicas} x {service.cost_per_hour:g}/h", month))
    function = service.function
    if function is not None:
        bodies = level.load.bodies
        calls = sum(bodies[b] for b in service.bodies) * MONTH
        busy = sum(bodies[b] * level.response.serve(b).mean for b in service.bodies if bodies[b] > 0) * MONTH
        month = calls * function.cost_per_million / 1e6 + busy * function.memory / GIB * function.cost_per_gib_second
        if function.cost_per_million > 0 or function.cost_per_gib_second > 0:
            rows.append(CostRow(service.name, f"{calls / 1e6:.3g} million invocations", month))
    return rows


def _zone_traffic(level: Solved) -> list[CostRow]:
    system = level.load.system
    price = system.network.zone_cost_per_gib
    if price <= 0:
        return []
    bytes_per_s = 2 * system.network.message_bytes * crossings(level)
    gib = bytes_per_s * MONTH / GIB
    return [CostRow("network", f"{gib:,.3g} GiB between zones", gib * price)]


def crossings(level: Solved) -> float:
    """Requests a second between different zones."""
    system: System = level.load.system
    total = 0.0
    for step in system.steps:
        if step.verb is Verb.CALL and step.service >= 0:
            callee = system.bodies[step.target].service
            if callee != step.service:
                total += level.load.steps[step.index] * level.response.zones_apart(step.service, callee)
    return total
