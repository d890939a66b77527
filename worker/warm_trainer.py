"""The trainer of a slot, which stays warm between packs."""

import logging
import threading
from collections.abc import Callable

from store.trouble import Trouble

from .devices import Device
from .errors import TrainerDied
from .trainer_process import Trainer

log = logging.getLogger(__name__)


class WarmTrainer:
    """The trainer of one slot: started when it is needed, and again when it has died."""

    def __init__(self, device: Device, start: Callable[[Device], Trainer], stopping: threading.Event) -> None:
        self._device, self._start, self._stopping = device, start, stopping
        self._trouble = Trouble(log, f"{device.name} cannot train, and claims no jobs")
        self._trainer: Trainer | None = None
        self._left: Trainer | None = None
        """One that was killed, and perhaps never ends: then another would share its device with it."""

    def get(self) -> Trainer | None:
        """The trainer, started if need be; None when this worker stops or cannot train."""
        if self._stopping.is_set():
            return None
        if self._trainer is None or not self._trainer.alive():
            self.close()
            if self._left is not None and self._left.alive():
                return None
            try:
                self._trainer = self._start(self._device)
                self._trouble.is_over()
            except (TrainerDied, OSError) as error:
                self._trouble.is_there(error)
        return None if self._stopping.is_set() else self._trainer

    def close(self) -> None:
        """End it, and delete its folder."""
        if self._trainer is not None:
            self._trainer.close()
            self._left, self._trainer = self._trainer, None

    def kill(self) -> bool:
        """End it now, from any thread; whether there was one to end."""
        trainer = self._trainer
        if trainer is None or not trainer.alive():
            return False
        trainer.kill()
        return True
