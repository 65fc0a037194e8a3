"""The operations of one version of the plan, made on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.model.plan import Block, Step, System, Verb
from msforge.sim.caching import ReadOp
from msforge.sim.inner import InnerCallOp
from msforge.sim.leaf import LeafCallOp
from msforge.sim.messaging import PublishOp
from msforge.sim.operations import VERBS, Operation
from msforge.sim.parallel import ParallelOp
from msforge.sim.quiet import calls_of, stages_of
from msforge.sim.saga import SagaOp
from msforge.sim.storage import WriteOp
from msforge.sim.tree import ParallelSend

if TYPE_CHECKING:
    from msforge.sim.engine import Engine

ALL_VERBS: dict[Verb, type[Operation]] = {
    **VERBS, Verb.PARALLEL: ParallelOp, Verb.READ: ReadOp, Verb.WRITE: WriteOp, Verb.PUBLISH: PublishOp,
    Verb.SAGA: SagaOp,
}


class Programs:
    """`bodies[b]` are the operations of body b in this version of the plan."""

    def __init__(self, engine: Engine, system: System) -> None:
        self.engine = engine
        self.system = system
        self.bodies = _Bodies(self)
        self.calls: dict[int, LeafCallOp | InnerCallOp] = {}
        self.staged: dict[int, list[tuple[list[Step], Any]]] = {}

    def block(self, block: Block) -> tuple[Any, ...]:
        """The operations of a block of steps."""
        operations = tuple(self._operation(self.system.steps[i]) for i in block)
        if self.engine.tracer is not None:
            return self.engine.tracer.marked(operations)
        return operations

    def stages(self, body: int) -> list[tuple[list[Step], Any]]:
        """The stages of an endpoint of an inner service: times, then what sends its calls (None: nothing)."""
        if body not in self.staged:
            stages = stages_of(self.system, self.system.bodies[body].block)
            self.staged[body] = [
                (times, ParallelSend(self.engine, step) if step is not None and step.verb == Verb.PARALLEL else step)
                for times, step in stages
            ]
        return self.staged[body]

    def sends(self, send: Any) -> list[LeafCallOp | InnerCallOp]:
        """The operations of the calls to quiet services that a stage sends."""
        step = send.step if isinstance(send, ParallelSend) else send
        return [self._quiet_call(call) for call in calls_of(self.system, step)]

    def _quiet_call(self, step: Step) -> LeafCallOp | InnerCallOp:
        if step.index not in self.calls:
            kind = LeafCallOp if self.system.bodies[step.target].service in self.engine.quiet else InnerCallOp
            self.calls[step.index] = kind(self, step)
        return self.calls[step.index]

    def _operation(self, step: Step) -> Operation:
        if step.verb == Verb.CALL:
            service = self.system.bodies[step.target].service
            if service in self.engine.quiet or service in self.engine.inner:
                return self._quiet_call(step)
        return ALL_VERBS[step.verb](self, step)


class _Bodies(dict[int, Any]):
    def __init__(self, programs: Programs) -> None:
        super().__init__()
        self.programs = programs

    def __missing__(self, body: int) -> Any:
        ops = self[body] = self.programs.block(self.programs.system.bodies[body].block)
        return ops
