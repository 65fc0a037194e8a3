"""The operations of one version of the plan, made on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.model.plan import Block, Step, System, Verb
from msforge.sim.caching import ReadOp
from msforge.sim.leaf import LeafCallOp
from msforge.sim.messaging import PublishOp
from msforge.sim.operations import VERBS, Operation
from msforge.sim.parallel import ParallelOp
from msforge.sim.saga import SagaOp
from msforge.sim.storage import WriteOp

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

    def block(self, block: Block) -> tuple[Any, ...]:
        """The operations of a block of steps."""
        operations = tuple(self._operation(self.system.steps[i]) for i in block)
        if self.engine.tracer is not None:
            return self.engine.tracer.marked(operations)
        return operations

    def _operation(self, step: Step) -> Operation:
        if step.verb == Verb.CALL and self.system.bodies[step.target].service in self.engine.quiet:
            return LeafCallOp(self, step)
        return ALL_VERBS[step.verb](self, step)


class _Bodies(dict[int, Any]):
    def __init__(self, programs: Programs) -> None:
        super().__init__()
        self.programs = programs

    def __missing__(self, body: int) -> Any:
        ops = self[body] = self.programs.block(self.programs.system.bodies[body].block)
        return ops
