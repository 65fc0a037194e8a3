"""Parallel branches, and how they join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msforge.model.plan import Step
from msforge.sim import kernel
from msforge.sim.kernel import DONE, ERROR, FAILED, PENDING, REQUEST, RESUME, Frame, Timer
from msforge.sim.leaf import LeafCallOp
from msforge.sim.operations import Operation
from msforge.sim.streams import Site, context_of

if TYPE_CHECKING:
    from msforge.sim.programs import Programs


class ParallelOp(Operation):
    """All branches at once; goes on at the `need`th success."""

    __slots__ = ("branches", "copies", "leaves", "need", "total")

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        self.branches = [programs.block(b) for b in step.blocks]
        self.copies = step.copies if len(self.branches) == 1 else 1
        self.total = len(self.branches) * self.copies
        self.need = step.need if step.need > 0 else self.total
        self.leaves = [
            ops[0] if self.need == self.total and len(ops) == 1 and isinstance(ops[0], LeafCallOp) else None
            for ops in self.branches
        ]

    def start(self, frame: Frame) -> int:
        """Start every branch."""
        group = Group(self, frame)
        frame.child = group
        site = frame.site.sub(self.slot, self.word)
        for ops, leaf in zip(self.branches, self.leaves, strict=True):
            for copy in range(self.copies):
                context = context_of(frame.context, copy, 0)
                if leaf is not None:
                    self._send(group, frame, ops, leaf, site, context)
                    continue
                branch = Frame(ops, site, context, frame, group)
                group.branches[branch] = None
                result = kernel.run(branch)
                if result != PENDING:
                    group.child_ended(branch, result)
        return group.started()

    def _send(self, group: Group, frame: Frame, ops: Any, leaf: LeafCallOp, site: Site, context: int) -> None:
        """A branch that is one call to a quiet service needs no frame, unless the call fails."""
        delay = leaf.first_try(frame.root, site, context)
        if delay >= 0:
            group.bundled += 1
            group.last = max(group.last, delay)
            group.hops = leaf.there + leaf.back
            return
        branch = Frame(ops, site, context, frame, group)
        group.branches[branch] = None
        leaf.later(branch, None, delay)


class Group:
    """The branches of one `parallel` under way.

    `bundled` calls to quiet services are counted together when the `last` of them is answered.
    """

    __slots__ = (
        "branches", "bundled", "failed", "frame", "hops", "host", "last", "op", "result", "starting", "succeeded",
        "timer",
    )

    def __init__(self, op: ParallelOp, frame: Frame) -> None:
        self.op = op
        self.frame: Frame | None = frame
        self.host = frame.host
        self.branches: dict[Frame, None] = {}
        self.bundled = 0
        self.last = 0
        self.hops = 0
        self.failed = 0
        self.succeeded = 0
        self.result = PENDING
        self.starting = True
        self.timer: Timer | None = None

    def started(self) -> int:
        """All branches are on their way."""
        self.starting = False
        frame = self.frame
        if frame is None:
            if self.branches and self.host is not None:
                self.host.replica.strays[self] = None
            return self.result
        if not self.bundled:
            return PENDING
        if self.bundled < self.op.total:
            self.timer = Timer(_bundle_done, self)
            self.op.engine.schedule(self.timer, REQUEST, self.last)
            return PENDING
        frame.child = None
        frame.net += self.hops
        if not self.last:
            return DONE
        frame.callbacks = RESUME
        self.op.engine.schedule(frame, REQUEST, self.last)
        return PENDING

    def child_ended(self, branch: Frame, result: int) -> None:
        """One branch is through."""
        self.branches.pop(branch, None)
        frame = self.frame
        if frame is None:
            if not self.branches and branch.host is not None:
                branch.host.replica.strays.pop(self, None)
            return
        if result == DONE:
            self.succeeded += 1
        else:
            self.failed += 1
            frame.outcome, frame.cause = branch.outcome, branch.cause
        if self.succeeded >= self.op.need:
            self._settle(DONE, branch)
        elif self.op.total - self.failed < self.op.need:
            self._settle(FAILED, branch)

    def bundle_done(self) -> None:
        """The last of the calls to quiet services is answered."""
        frame = self.frame
        if frame is None:
            return
        self.succeeded += self.bundled
        if self.succeeded >= self.op.need:
            frame.net += self.hops
            self._end(DONE, frame)

    def _settle(self, result: int, branch: Frame) -> None:
        """The step is decided by this branch; those left over run on by themselves."""
        frame = self.frame
        assert frame is not None
        frame.add_times(branch)
        self._end(result, frame)

    def _end(self, result: int, frame: Frame) -> None:
        self.frame = None
        self.result = result
        if self.timer is not None:
            self.timer.stop()
        frame.child = None
        if result == FAILED and self.op.need != self.op.total:
            frame.outcome = ERROR
        if self.starting:
            return
        if self.host is not None and self.branches:
            self.host.replica.strays[self] = None
        if result == DONE:
            kernel.resume(frame)
        else:
            kernel.fail_later(frame, frame.outcome, frame.cause)

    def abandon(self, cancel: bool) -> None:
        """The frame around it is gone: so are the branches."""
        self.frame = None
        if self.timer is not None:
            self.timer.stop()
        branches, self.branches = self.branches, {}
        for branch in branches:
            kernel.stop(branch, cancel)


def _bundle_done(group: Group) -> None:
    group.bundle_done()
