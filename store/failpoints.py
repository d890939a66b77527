"""Named places in our code at which a test has the process killed. Nothing happens at them in service."""

import os
import signal


class Failpoints:
    """The places that `EPOCHAL_FAILPOINTS` names, separated by commas."""

    def __init__(self, names: str) -> None:
        self._names = frozenset(names.split(","))

    def reach(self, name: str) -> None:
        """End this process, as kill -9 does, where the name is one of them."""
        if name in self._names:
            os.kill(os.getpid(), signal.SIGKILL)
