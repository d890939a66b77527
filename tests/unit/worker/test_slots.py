import threading

import pytest

from worker.devices import Device
from worker.slots import Slots


class Busy:
    """A supervisor that drains until it is let go."""

    device = Device("cpu", "cpu")

    def __init__(self) -> None:
        self.training = False
        self.began = threading.Event()
        self.let_go = threading.Event()
        self.stopped = self.closed = False

    def drain(self) -> None:
        self.training = True
        self.began.set()
        assert self.let_go.wait(10.0)
        self.training = False

    def stop(self) -> None:
        self.stopped = True
        self.let_go.set()

    def close(self) -> None:
        self.closed = True


class Stumbling(Busy):
    def drain(self) -> None:
        raise RuntimeError("a fault of ours")


def answering(slots: Slots) -> threading.Thread:
    thread = threading.Thread(target=slots.answer, daemon=True)
    thread.start()
    return thread


def test_a_bell_keeps_a_slot_until_nothing_is_queued() -> None:
    supervisor = Busy()
    slots = Slots([supervisor])
    bell = answering(slots)
    assert supervisor.began.wait(10.0)
    assert (len(slots), len(slots.free_devices)) == (1, 0)
    supervisor.let_go.set()
    bell.join(10.0)
    assert len(slots.free_devices) == 1


def test_every_bell_takes_another_slot() -> None:
    supervisors = [Busy(), Busy()]
    slots = Slots(supervisors)
    bells = [answering(slots), answering(slots)]
    assert all(supervisor.began.wait(10.0) for supervisor in supervisors)
    assert slots.stop(within_s=10.0)
    for bell in bells:
        bell.join(10.0)


def test_a_stop_waits_for_jobs_to_be_given_back_and_closes_supervisors() -> None:
    supervisor = Busy()
    slots = Slots([supervisor])
    bell = answering(slots)
    assert supervisor.began.wait(10.0)
    assert slots.stop(within_s=10.0)
    assert (supervisor.stopped, supervisor.closed) == (True, True)
    bell.join(10.0)


def test_a_stop_does_not_wait_for_ever() -> None:
    class Stuck(Busy):
        def stop(self) -> None:
            self.stopped = True

    supervisor = Stuck()
    slots = Slots([supervisor])
    answering(slots)
    assert supervisor.began.wait(10.0)
    assert not slots.stop(within_s=0.0)
    supervisor.let_go.set()


def test_a_slot_that_stumbles_answers_the_next_bell(caplog: pytest.LogCaptureFixture) -> None:
    slots = Slots([Stumbling()])
    slots.answer()
    slots.answer()
    assert caplog.text.count("a slot failed") == 2
