"""A worker: `python -m worker [--devices ...]` trains queued jobs on this machine until it is told to stop."""

import logging
import os
import sys
from contextlib import suppress

from spec.importing import importing

if __name__ == "__main__":
    with importing():
        from .process import main
    code = main()
    logging.shutdown()
    with suppress(OSError):  # its terminal may be closed
        sys.stderr.flush()
    os._exit(code)  # Celery's pool threads are not daemons: one that hangs on the broker would keep us for ever
