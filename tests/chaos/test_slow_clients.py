"""Two hundred slow clients of every kind, for a minute: who has a token is answered within a second."""

from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from tests.acceptance.embedded import Embedded
from tests.slow_clients import FIRST_BYTES, attack, slowest_answer

ATTACK_S = 60.0


def test_slow_clients_stop_no_embedded_stack(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path)
    try:
        embedded.start()
        port = urlsplit(embedded.endpoints.api).port
        assert port is not None
        pid = embedded.pid("api")
        with ExitStack() as attacks:
            for number, first in enumerate(FIRST_BYTES.values()):
                each = 200 // len(FIRST_BYTES) + 1
                attacks.enter_context(attack(port, first, count=each, lifetime_s=3600.0 if number % 2 else 2.0))
            assert slowest_answer(port, embedded.endpoints.token, for_s=ATTACK_S) < 1.0
        assert embedded.pid("api") == pid
    finally:
        embedded.stop()
