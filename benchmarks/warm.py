"""The persistent actors of a peer: warm before the clock starts, like all persistent processes."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WAIT_S = 0.01
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Start:
    """The moment when so many actors are warm; each writes the time into a file of the folder once it is."""

    folder: str
    actors: int

    def once_warm(self, warm_up: Callable[[], object]) -> None:
        """In an actor, before each of its trials: before the first one warm up, and wait for the other actors."""
        mine = Path(self.folder) / str(os.getpid())
        if mine.exists():
            return
        warm_up()
        temporary = mine.with_suffix(".new")
        temporary.write_text(str(time.time()))
        temporary.rename(mine)
        deadline = time.monotonic() + PATIENCE_S
        while (warm := len(self._times())) < self.actors:
            if time.monotonic() > deadline:
                raise NeverWarmError(f"{warm} of {self.actors} actors are warm after {PATIENCE_S:g} s")
            time.sleep(WAIT_S)

    @property
    def at(self) -> float:
        """The moment, in seconds since 1970. An actor that came later has replaced another."""
        return self._times()[self.actors - 1]

    def _times(self) -> list[float]:
        return sorted(float(file.read_text()) for file in Path(self.folder).iterdir() if not file.suffix)


class NeverWarmError(Exception):
    """Some actors did not come."""
