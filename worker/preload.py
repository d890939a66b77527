"""What the fork server imports, once, so that a trainer that it forks has nothing left to import."""

import atexit
import gc
import importlib
import os
import shutil
from multiprocessing import forkserver
from pathlib import Path

from store.signals import leave_to_parent

from .devices import ONE_THREAD

MODULES = (
    *("trainer.checkpoint", "trainer.export", "trainer.distributed", "trainer.runtime", "worker.child"),
    "numpy.random",  # what training imports at first use
)


@atexit.register
def _remove_socket() -> None:
    """Remove the folder of the fork server's socket: a worker that ends at once, or is killed, leaves it behind."""
    address = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_address", None)
    if address and (folder := Path(address).parent).name.startswith("pymp-"):
        shutil.rmtree(folder, ignore_errors=True)


gc.disable()  # it would look through what is imported again and again, for a seventh of the time
os.setpgrp()  # Ctrl-C in a terminal is for the worker, which then ends its trainers in order
leave_to_parent()
os.environ.update(ONE_THREAD)  # every trainer inherits it
try:
    for module in MODULES:
        importlib.import_module(module)
except ImportError as error:  # the standard library would fork trainers all the same, and each would import again
    raise SystemExit(f"trainers cannot be forked: {error}") from error
gc.collect()
gc.freeze()  # the garbage collector of a forked process would else write to, and so copy, all that is shared
gc.enable()
