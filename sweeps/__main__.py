"""The controller of sweeps: `python -m sweeps`."""

import logging
import os
import signal
import socket
import sys
import threading

from spec.settings import BadSettingsError, Settings

log = logging.getLogger("sweeps")

ROUND_S = 0.1
"""Pause after a round in which nothing moved."""
MORE_S = 0.02
"""Pause after a round in which something did."""


def main() -> int:
    """Look after sweeps until SIGTERM or SIGINT."""
    try:
        settings = Settings.read()
    except BadSettingsError as error:
        print(error, file=sys.stderr)
        return 2
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(settings, stop)
    return 0


def run(settings: Settings, stop: threading.Event) -> None:
    """Look after sweeps in rounds until `stop`."""
    from store.db import connect
    from store.doorbell import Doorbell
    from store.errors import StoreError
    from store.limits import Limits
    from store.posting import Poster
    from store.trials import TrialStore
    from store.webhooks import Outbox

    from .controller import Controller
    from .deliveries import Deliveries

    engine = connect(settings.database_url)
    store = TrialStore(engine, Limits.of(settings))
    name = f"{socket.gethostname()}-{os.getpid()}"
    controller = Controller(store, Doorbell(settings.broker_url), name, lease_s=settings.lease_s)
    deliveries = Deliveries(Outbox(engine, settings.public_url), Poster(private=settings.webhook_private))
    threading.Thread(target=deliveries.run, args=[stop], name="webhooks", daemon=True).start()
    log.info("looking after sweeps")
    available, moved = True, False
    while not stop.wait(MORE_S if moved else ROUND_S):
        try:
            moved = controller.round()
            available = True
        except StoreError as error:
            if available:
                log.warning("the database does not answer: %s", error)
            available = moved = False


if __name__ == "__main__":
    sys.exit(main())
