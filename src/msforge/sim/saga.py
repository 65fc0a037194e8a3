"""Sagas: a chain of steps, each with the step that undoes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msforge.model.plan import Step
from msforge.sim import kernel
from msforge.sim.kernel import DONE, PENDING, Frame
from msforge.sim.operations import Operation

if TYPE_CHECKING:
    from msforge.sim.programs import Programs


class SagaOp(Operation):
    """Runs each `do`; on a failure runs the `undo` of those done, in reverse."""

    __slots__ = ("does", "slots", "undoes")

    def __init__(self, programs: Programs, step: Step) -> None:
        super().__init__(programs, step)
        self.does = [programs.block(b) for b in step.blocks[0::2]]
        self.undoes = [programs.block(b) for b in step.blocks[1::2]]
        self.slots = [self.engine.next_slot() for _ in step.blocks]
        self.engine.sagas.setdefault(step.index, [0, 0])

    def start(self, frame: Frame) -> int:
        """Begin with the first `do`."""
        saga = Saga(self, frame)
        frame.child = saga
        result = saga.forward()
        if result != PENDING:
            frame.child = None
        return result


class Saga:
    """One saga under way: `done` parts so far, then `undoing` down to 0."""

    __slots__ = ("cause", "child", "done", "failure", "frame", "op", "outcome", "undoing")

    def __init__(self, op: SagaOp, frame: Frame) -> None:
        self.op = op
        self.frame = frame
        self.child: Frame | None = None
        self.done = 0
        self.undoing = -1
        self.outcome = 0
        self.cause = -1
        self.failure = (0, -1)

    def _run(self, index: int, undo: bool) -> int:
        op = self.op
        frame = self.frame
        slot = op.slots[2 * index + undo]
        site = frame.site.sub(slot, f"{op.word}/{'undo' if undo else 'do'}{index}")
        child = Frame((op.undoes if undo else op.does)[index], site, frame.context, frame, self)
        self.child = child
        result = kernel.run(child)
        if result != PENDING:
            self._take(child)
            if result != DONE and not undo:
                self.failure = (child.outcome, child.cause)
        return result

    def _take(self, child: Frame) -> None:
        self.frame.add_times(child)
        self.child = None

    def forward(self) -> int:
        """Run the `do`s from where it stands."""
        while self.done < len(self.op.does):
            result = self._run(self.done, undo=False)
            if result == PENDING:
                return PENDING
            if result != DONE:
                return self.backward()
            self.done += 1
        return DONE

    def backward(self) -> int:
        """A `do` failed: run the `undo`s of those done, last first."""
        frame = self.frame
        if self.undoing < 0:
            self.outcome, self.cause = self.failure
            self.undoing = self.done
            if self.done:
                self.op.engine.sagas[self.op.step.index][0] += 1
        while self.undoing:
            self.undoing -= 1
            result = self._run(self.undoing, undo=True)
            if result == PENDING:
                return PENDING
            if result != DONE:
                self._stuck()
        return kernel.fail(frame, self.outcome, self.cause)

    def _stuck(self) -> None:
        self.op.engine.sagas[self.op.step.index][1] += 1

    def child_ended(self, child: Frame, result: int) -> None:
        """A part that took time has ended."""
        self._take(child)
        if self.undoing >= 0:
            if result != DONE:
                self._stuck()
            outcome = self.backward()
        elif result == DONE:
            self.done += 1
            outcome = self.forward()
        else:
            self.failure = (child.outcome, child.cause)
            outcome = self.backward()
        if outcome == DONE:
            kernel.resume(self.frame)
        elif outcome != PENDING:
            kernel.fail_later(self.frame, self.outcome, self.cause)

    def abandon(self, cancel: bool) -> None:
        """The frame around it is gone: what was done stays done, and nobody will undo it."""
        left = self.done if self.undoing < 0 else self.undoing + (self.child is not None)
        self.op.engine.sagas[self.op.step.index][1] += sum(bool(undo) for undo in self.op.undoes[:left])
        if self.child is not None:
            kernel.stop(self.child, cancel)
