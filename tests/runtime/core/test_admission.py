"""The door of a replica at its edges: who waits and is stopped, who is handed a thread in the same moment."""

from __future__ import annotations

import asyncio

from msforge.runtime.admission import BOUNDLESS, WAIT, Admission
from msforge.runtime.clock import Clock
from msforge.runtime.failures import OK, OVERLOADED, TIMEOUT
from msforge.runtime.plan import Cpu
from msforge.runtime.processor import processor_of
from tests.virtual_time import VirtualLoop, run


def test_a_thread_handed_to_one_who_is_stopped_goes_on_to_the_next() -> None:
    async def main(loop: VirtualLoop) -> None:
        door = Admission(1, 5)
        assert door.admit(0) == OK
        first, second = (asyncio.ensure_future(door.enter(0)) for _ in range(2))
        await asyncio.sleep(0)
        assert door.waiting == 2
        door.leave()      # to the first
        first.cancel()    # in the same moment
        assert await second == OK
        assert (door.busy, door.waiting) == (1, 0)
        door.leave()
        assert (door.busy, door.admit(0)) == (0, OK)

    run(main)


def test_one_who_is_stopped_while_waiting_makes_room() -> None:
    async def main(loop: VirtualLoop) -> None:
        door = Admission(1, 1)
        door.admit(0)
        waiting = asyncio.ensure_future(door.enter(0))
        await asyncio.sleep(0)
        assert door.admit(0) == OVERLOADED
        waiting.cancel()
        await asyncio.sleep(0)
        assert door.admit(0) == WAIT
        door.leave()
        assert door.busy == 0

    run(main)


def test_edges() -> None:
    assert Admission(0, -1).capacity == BOUNDLESS
    assert Admission(-1, 0).admit(5) == OK
    assert Admission(1, 0).admit(5, deadline=5) == TIMEOUT
    assert Admission(1, 0).admit(5, deadline=6) == OK


def test_work_that_is_given_up_leaves_its_core_to_others() -> None:
    async def main(loop: VirtualLoop) -> None:
        for cpu in (Cpu(1.0), Cpu(1.0, sharing=False)):
            clock: Clock = loop.clock()
            processor = processor_of(cpu, clock)
            since = clock.now()
            long, short = (asyncio.ensure_future(processor.work(ns)) for ns in (1000, 100))
            await clock.sleep(50)
            long.cancel()
            await short
            assert clock.now() - since == (50 + 75 if cpu.sharing else 150)
            processor.pause()
            held = asyncio.ensure_future(processor.work(10))
            await clock.sleep(1000)
            processor.resume()
            since = clock.now()
            await held
            assert clock.now() - since == 10

    run(main)
