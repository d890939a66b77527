"""The controller of sweeps: `python -m sweeps`."""

import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial

from spec.settings import Settings
from store.service import in_rounds, kept_up, serve

log = logging.getLogger("sweeps")

ROUND_S = 0.1
"""Pause after a round in which nothing moved."""
MORE_S = 0.02
"""Pause after a round in which something did."""


def load() -> Callable[[Settings, threading.Event], None]:
    """Import what looks after sweeps."""
    from store.db import connect
    from store.doorbell import Doorbell
    from store.limits import Limits
    from store.posting import Poster
    from store.trials import TrialStore
    from store.webhooks import Outbox
    from store.writes import Writes

    from .controller import Controller
    from .deliveries import Deliveries

    def run(settings: Settings, stop: threading.Event) -> None:
        """Look after sweeps in rounds until `stop`."""
        engine = connect(settings.database_url)
        store = TrialStore(engine, Limits.of(settings))
        name = f"{socket.gethostname()}-{os.getpid()}"
        controller = Controller(store, Doorbell(settings.broker_url), name, lease_s=settings.lease_s)
        deliveries = Deliveries(Outbox(engine, settings.public_url), Poster(private=settings.webhook_private))
        send = partial(kept_up, partial(deliveries.run, stop), stop, name="the thread webhooks", log=log)
        threading.Thread(target=send, name="webhooks", daemon=True).start()
        log.info("looking after sweeps")
        in_rounds(controller.round, Writes(engine), stop, pause_s=ROUND_S, more_s=MORE_S, log=log)

    return run


if __name__ == "__main__":
    sys.exit(serve(load))
