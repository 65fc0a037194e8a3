"""The clients outside the system: they call as services do, with their own timeout, retries and network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from msforge.live.faults import CLIENTS_NAME
from msforge.live.load.tally import Tally
from msforge.model.plan import Source, Step, System, Verb
from msforge.records import Outcome
from msforge.runtime import plan
from msforge.runtime.balancer import Balancer
from msforge.runtime.calls import Calling
from msforge.runtime.clock import Clock
from msforge.runtime.conventions import root_trace
from msforge.runtime.directory import Directory
from msforge.runtime.failures import DEGRADED
from msforge.runtime.flow import Flow
from msforge.runtime.place import HERE
from msforge.runtime.replica import Replica
from msforge.scaffold.numbers import guards_of
from msforge.scaffold.plans import call_of

NO_FIELDS: Final[dict[str, Any]] = {}


class Clients:
    """All clients of a run. To the runtime they are a replica that calls and serves nobody.

    `view` is what the control API's `ps` says.
    """

    def __init__(self, system: System, view: Mapping[str, Any], clock: Clock, tally: Tally, *, seed: int) -> None:
        self.system = system
        self.clock = clock
        self.tally = tally
        self.directory = Directory()
        self.replica = Replica(
            plan.Service(CLIENTS_NAME, latency=system.network.latency), clock=clock, directory=self.directory,
            seed=seed, log=_unheard,
        )
        self.callers = {source.name: self._caller(seed) for source in system.sources}
        self.outcome_of = {service.name: service.index for service in system.services}
        self._calls = self._calls_of(system)
        self.look(view, first=True)

    def look(self, view: Mapping[str, Any], *, first: bool = False) -> None:
        """Learn where the services are: behind one door, or, balancing themselves, which replicas are believed up."""
        for service in view["services"]:
            urls = [service["url"]]
            if service["client_balancer"]:
                urls = [replica["url"] for replica in service["replicas"] if replica["believed"]]
            if first:
                self.directory.balancers[service["name"]] = Balancer(service["balance"], urls)
            elif service["client_balancer"]:
                self.directory.believe(service["name"], urls)

    @property
    def balancing(self) -> bool:
        """Whether they choose replicas themselves, and so must hear of crashes."""
        wanted = {self.system.bodies[step.target].service for step in self.system.steps
                  if step.verb is Verb.CALL and step.service < 0}
        return any(self.system.services[index].client_balancer for index in wanted)

    def adopt(self, system: System) -> None:
        """A changed plan is in force: the clients' own policies and the network are others."""
        gone = guards_of(self.system) - guards_of(system)
        self.system = system
        self._calls = self._calls_of(system)
        for caller in self.callers.values():
            caller.guards.drop(gone)
        self.replica.transport.adopt(system.network.latency)

    def _calls_of(self, system: System) -> dict[int, plan.Call]:
        return {s.index: call_of(system, s) for s in system.steps if s.verb is Verb.CALL and s.service < 0}

    def _caller(self, seed: int) -> Replica:
        """Who calls for one source: with guards of its own, through the connections of all."""
        caller = Replica(
            plan.Service(CLIENTS_NAME), clock=self.clock, directory=self.directory, seed=seed, log=_unheard
        )
        caller.transport = self.replica.transport
        return caller

    async def send(self, source: Source, step: Step, flow: Flow, arrival: int) -> int:
        """One request of a client, at the current place: its outcome."""
        tally = self.tally
        call = self._calls[step.index]
        entry = tally.entry(source.name, call.name)
        now = self.clock.now()
        tally.sent(entry, arrival, max(0, now - arrival))
        place = HERE.get()
        back, net = place.back, place.net
        calling = Calling(flow, call, NO_FIELDS, place)
        answer = await (calling.once() if call.plain else calling.run())
        tally.ended(
            entry,
            (
                source.index, step.target, flow.number, arrival, self.clock.now(), answer.outcome,
                self._cause(answer.outcome, answer.cause), calling.tries, 0, 0, 0, place.net - net, place.back - back,
            ),
            answer.cause,
        )
        return answer.outcome

    def _cause(self, outcome: int, cause: str) -> int:
        """The first cause as a row keeps it: service * 16 + outcome, -1 for none."""
        if outcome <= DEGRADED:
            return -1
        service, _, word = cause.partition(":")
        index = self.outcome_of.get(service, -1)
        known = word.upper() in Outcome.__members__
        return index * 16 + int(Outcome[word.upper()]) if index >= 0 and known else -1

    def flow(self, source: Source, key: int, number: int, arrival: int) -> Flow:
        """What a client's turn runs in."""
        flow = Flow(
            self.callers[source.name], source.name, key, number, 0, trace=root_trace(key, number),
            root=f"{source.index}:{arrival}", arrive=arrival,
        )
        HERE.set(flow.place)
        return flow

    async def start(self) -> None:
        """Open the connections' pool."""
        await self.replica.start()

    async def stop(self) -> None:
        """Close it, with whatever is under way."""
        for task in [task for caller in self.callers.values() for task in caller.exchanges]:
            task.cancel()
        await asyncio.sleep(0)
        self.replica.up = False
        await self.replica.stop()

    def link_fault(self, fault: Mapping[str, Any]) -> None:
        """A fault between clients and a service begins."""
        self.replica.faults.set(dict(fault))

    def link_mended(self, number: str) -> None:
        """It is over."""
        self.replica.faults.clear(number, missing_ok=True)


def _unheard(line: str) -> None:
    """Clients keep no log."""
