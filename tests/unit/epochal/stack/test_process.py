import os
import sys
import time
from pathlib import Path

import pytest

from epochal.stack.process import Backoff, Child, Service, end_together

SERVES = """
import time
print("up", flush=True)
time.sleep(60)
"""
ENDS_WITH_OTHERS = """
import signal, sys, time
from pathlib import Path

def end(*_):
    here = Path(sys.argv[1])
    here.touch()
    while len(list(here.parent.glob("*.ends"))) < 4:
        time.sleep(0.01)
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(60)
"""


def test_waits_grow_and_begin_afresh_after_a_healthy_run() -> None:
    backoff = Backoff(first_s=1.0, most_s=5.0, healthy_s=60.0)
    assert [backoff.after(2.0) for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff.after(61.0) == 1.0


@pytest.mark.parametrize("outlives", [False, True])
def test_a_service_has_a_process_group_and_shares_the_session_unless_it_outlives_its_parent(
    tmp_path: Path, outlives: bool
) -> None:
    """Ctrl-C reaches a group. How nice processes are counts among those of one session only."""
    child = Child(Service("one", (sys.executable, "-c", SERVES), tmp_path / "log", outlives=outlives, grace_s=0.0))
    child.start()
    pid = child.pid
    assert pid is not None
    try:
        assert os.getpgid(pid) == pid
        assert os.getsid(pid) == (pid if outlives else os.getsid(0))
    finally:
        end_together([child])


def test_services_end_together_and_not_one_after_the_other(tmp_path: Path) -> None:
    services = [
        Service(name, (sys.executable, "-c", ENDS_WITH_OTHERS, str(tmp_path / f"{name}.ends")), tmp_path / name)
        for name in "abcd"
    ]
    children = [Child(service) for service in services]
    for child in children:
        child.start()
    while not all(service.log.read_text() for service in services):
        time.sleep(0.05)
    end_together(children)
    assert [child.exit_status() for child in children] == [0] * 4
