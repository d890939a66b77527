"""Python imports this at start where its folder is on PYTHONPATH: the product needs no code for slow motion."""

import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

EPOCH_S = 0.2


class _SlowedReporting(MetaPathFinder):
    """Finds `worker.reporting`, in which the end of an epoch is reported, and adds the pause when it is loaded."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "worker.reporting":
            return None
        sys.meta_path.remove(self)
        found = importlib.util.find_spec(fullname)
        assert found is not None
        assert found.loader is not None
        load = found.loader.exec_module

        def load_slowed(module: ModuleType) -> None:
            load(module)
            _slow(module.SupervisorCallbacks)

        found.loader.exec_module = load_slowed  # type: ignore[method-assign]
        return found


def _slow(callbacks: Any) -> None:
    report = callbacks.on_epoch_end

    def on_epoch_end(self: Any, points: Any) -> None:
        if os.path.exists(os.environ["SLOW_MOTION"]):  # noqa: PTH110 (every process would import pathlib)
            time.sleep(EPOCH_S)
        report(self, points)

    callbacks.on_epoch_end = on_epoch_end


sys.meta_path.insert(0, _SlowedReporting())
