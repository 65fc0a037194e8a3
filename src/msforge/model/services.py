"""Services with their bodies and consumers; stores, channels and the network they share."""

from __future__ import annotations

from msforge.model import guards
from msforge.model.lookup import Lookup
from msforge.model.plan import (
    NONE,
    UNLIMITED,
    Autoscale,
    Body,
    Channel,
    Consumer,
    Cpu,
    Function,
    Network,
    Service,
    Store,
)
from msforge.model.steps import BodyCompiler, StepTable
from msforge.policies.distributions import Dist
from msforge.spec import schema_services as written
from msforge.spec.schema_stores import Channel as WrittenChannel
from msforge.spec.schema_system import SystemModel


def step_table(model: SystemModel, names: Lookup) -> StepTable:
    """An empty table that knows what each body speaks and whose it is."""
    protocols, owners = [], []
    for index, service in enumerate(model.services.values()):
        protocols += ["grpc" if endpoint.grpc else "http" for endpoint in service.endpoints.values()]
        protocols += ["http"] * len(service.consumers)
        owners += [index] * (len(service.endpoints) + len(service.consumers))
    return StepTable(names, protocols, owners)


def bodies(model: SystemModel, names: Lookup, table: StepTable) -> tuple[Body, ...]:
    """All endpoints and consumers, service by service; fills the table of steps."""
    made: list[Body] = []
    for service, spec in model.services.items():
        owner = names.services[service]
        for name, endpoint in spec.endpoints.items():
            compiler = BodyCompiler(table, owner, len(made))
            block = compiler.block(endpoint.steps, f"services.{service}.endpoints.{name}.steps")
            made.append(Body(
                len(made), owner, name, block, idempotent=bool(endpoint.idempotent),
                http=endpoint.http or "", grpc=endpoint.grpc or "",
            ))
        for name, consumer in spec.consumers.items():
            compiler = BodyCompiler(table, owner, len(made))
            block = compiler.block(consumer.steps, f"services.{service}.consumers.{name}.steps")
            made.append(Body(
                len(made), owner, name, block, consumer=names.consumers[f"{service}.{name}"],
                idempotent=consumer.idempotent,
            ))
    return tuple(made)


def consumers(model: SystemModel, names: Lookup) -> tuple[Consumer, ...]:
    """All consumers, service by service."""
    return tuple([
        Consumer(
            index=names.consumers[f"{service}.{name}"],
            body=names.bodies[f"{service}.{name}"],
            service=names.services[service],
            channel=names.channels[consumer.from_],
            threads=consumer.threads,
            prefetch=consumer.threads if consumer.prefetch is None else consumer.prefetch,
            retry=guards.delivery(consumer.retry),
            idempotent=consumer.idempotent,
        )
        for service, spec in model.services.items()
        for name, consumer in spec.consumers.items()
    ])


def services(model: SystemModel, names: Lookup) -> tuple[Service, ...]:
    """All services in written order."""
    return tuple([_service(name, spec, names) for name, spec in model.services.items()])


def _service(name: str, spec: written.Service, names: Lookup) -> Service:
    function = _function(spec.function)
    limit = spec.rate_limit
    return Service(
        index=names.services[name],
        name=name,
        bodies=tuple([names.bodies[f"{name}.{body}"] for body in (*spec.endpoints, *spec.consumers)]),
        # A function starts cold, and each instance serves one request that nobody waits behind.
        replicas=spec.replicas if function is None else 0,
        threads=spec.threads if function is None else 1,
        queue=spec.queue.capacity if function is None else 0,
        discipline=spec.queue.discipline,
        cpu=_cpu(spec.cpu),
        balance=spec.balance,
        client_balancer=spec.balancer == "client",
        rate=0.0 if limit is None else limit.rate,
        burst=0 if limit is None else limit.burst or 1,
        detect=spec.detect,
        startup=spec.startup,
        autoscale=_autoscale(spec.autoscale),
        function=function,
        cost_per_hour=0.0 if spec.instance is None else spec.instance.cost,
        zones=tuple([names.zones[zone] for zone in spec.zones]),
        external=spec.external,
        language=spec.language,
    )


def _cpu(cpu: written.Cpu | None) -> Cpu | None:
    if cpu is None:
        return None
    scaling = cpu.scaling or written.Scaling()
    return Cpu(cpu.cores, cpu.scheduling == "sharing", scaling.contention, scaling.coherency)


def _autoscale(autoscale: written.Autoscale | None) -> Autoscale | None:
    if autoscale is None:
        return None
    if autoscale.cpu is not None:
        return Autoscale(autoscale.min, autoscale.max, "cpu", autoscale.cpu)
    return Autoscale(autoscale.min, autoscale.max, "threads", autoscale.threads or 1.0)


def _function(function: written.Function | None) -> Function | None:
    if function is None:
        return None
    return Function(
        cold_start=function.cold_start,
        keep_alive=function.keep_alive,
        cost_per_million=function.cost_per_million,
        memory=function.memory,
        cost_per_gib_second=function.cost_per_gib_second,
    )


def stores(model: SystemModel, names: Lookup) -> tuple[Store, ...]:
    """All stores in written order."""
    return tuple([
        Store(
            index=names.stores[name],
            name=name,
            kind=store.kind,
            owner=NONE if store.owner is None else names.services[store.owner],
            connections=store.connections,
            read=store.read,
            write=store.write,
            zone=names.zone(store.zone),
            cost_per_hour=store.cost,
        )
        for name, store in model.stores.items()
    ])


def channels(model: SystemModel, names: Lookup) -> tuple[Channel, ...]:
    """The declared channels in written order, then the dead-letter queues that nobody declared."""
    readers: dict[str, list[int]] = {name: [] for name in names.channels}
    for service, spec in model.services.items():
        for name, consumer in spec.consumers.items():
            readers[consumer.from_].append(names.consumers[f"{service}.{name}"])
    made = [
        _channel(name, channel, names, tuple(readers[name])) for name, channel in model.channels.items()
    ]
    for name in names.implied:
        made.append(_channel(name, _implied(name, model), names, tuple(readers[name])))
    return tuple(made)


def _implied(name: str, model: SystemModel) -> WrittenChannel:
    """An undeclared dead-letter queue: at the place of the first channel that names it, and as quick."""
    first = next(channel for channel in model.channels.values() if channel.dead_letter == name)
    broker = "embedded" if first.broker == "embedded" else "rabbitmq"
    return WrittenChannel.model_construct(
        **{**WrittenChannel().__dict__, "broker": broker, "publish": first.publish, "zone": first.zone}
    )


def _channel(name: str, channel: WrittenChannel, names: Lookup, readers: tuple[int, ...]) -> Channel:
    topic = channel.kind == "topic"
    return Channel(
        index=names.channels[name],
        name=name,
        topic=topic,
        broker=channel.broker or ("kafka" if topic else "rabbitmq"),
        publish=channel.publish,
        max_length=UNLIMITED if topic else channel.max_length,
        reject=not topic and channel.overflow == "reject_publish",
        dead_letter=NONE if channel.dead_letter is None else names.channels[channel.dead_letter],
        partitions=channel.partitions if topic else 0,
        rebalance=channel.rebalance if topic else 0,
        relay=channel.relay,
        consumers=readers,
        zone=names.zone(channel.zone),
        cost_per_hour=channel.cost,
    )


def network(model: SystemModel) -> Network:
    """What a hop costs, inside a zone and between zones."""
    between = model.network.between_zones
    added: Dist | None = None
    if between is not None and not (between.latency.is_constant and between.latency.mean == 0):
        added = between.latency
    return Network(
        latency=model.network.latency,
        zone_latency=added,
        zone_cost_per_gib=0.0 if between is None else between.cost,
        message_bytes=model.network.message_size,
    )
