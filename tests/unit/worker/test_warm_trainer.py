import threading
from typing import Any

from worker.devices import Device
from worker.warm_trainer import WarmTrainer


class Hanging:
    """A trainer that goes on for a while after it was killed."""

    lives = True

    def alive(self) -> bool:
        return self.lives

    def close(self) -> None:
        """It is killed, and hangs in its device."""


def test_no_other_trainer_shares_the_device_of_one_that_does_not_end() -> None:
    started: list[Hanging] = []

    def start(device: Device) -> Any:
        started.append(Hanging())
        return started[-1]

    warm = WarmTrainer(Device("cpu", "cpu"), start, threading.Event())
    assert warm.get() is not None
    warm.close()
    assert warm.get() is None
    assert warm.get() is None
    started[0].lives = False
    assert warm.get() is not None
    assert len(started) == 2
