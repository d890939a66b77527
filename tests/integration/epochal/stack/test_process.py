import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from epochal.stack.process import Child, Service
from tests.services import eventually


def service(tmp_path: Path, *code: str, ready: Callable[[], bool] = lambda: True, grace_s: float = 5.0) -> Service:
    return Service(
        "it", (sys.executable, "-c", "; ".join(code)), tmp_path / "it.log", {}, tmp_path, ready=ready, grace_s=grace_s
    )


def until(condition: Callable[[], bool]) -> None:
    eventually(condition, 10.0, "it comes about")


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    child = Child(service(tmp_path, "print('hello')"))
    child.start()
    until(lambda: child.exit_status() == 0)
    assert (tmp_path / "it.log").read_text() == "hello\n"
    child.end()


def test_it_is_starting_until_its_probe_says_otherwise(tmp_path: Path) -> None:
    usable = False
    child = Child(service(tmp_path, "import time", "time.sleep(60)", ready=lambda: usable))
    child.start()
    assert not child.probe()
    assert child.state == "starting"
    usable = True
    assert child.probe()
    assert child.state == "running"
    child.end()
    assert child.state == "stopped"


def test_a_crashed_service_is_started_again_after_its_wait(tmp_path: Path) -> None:
    now = 0.0
    child = Child(service(tmp_path, "import time", "time.sleep(60)"), clock=lambda: now)
    child.start()
    first = child.pid
    assert first is not None
    assert child.restart_after_crash() is None
    os.kill(first, signal.SIGKILL)
    until(lambda: child.exit_status() is not None)
    assert child.restart_after_crash() == 0.5
    now = 0.4
    assert child.restart_after_crash() is None
    assert child.pid is None
    now = 0.6
    assert child.restart_after_crash() is None
    assert child.pid not in (None, first)
    assert child.restarts == 1
    child.end()


def test_it_is_late_when_it_is_not_usable_in_time(tmp_path: Path) -> None:
    now = 0.0
    child = Child(service(tmp_path, "import time", "time.sleep(60)", ready=lambda: False), clock=lambda: now)
    child.start()
    assert not child.start_timed_out()
    now = 61.0
    assert child.start_timed_out()
    child.end()


def test_one_that_does_not_heed_is_killed_with_all_it_started(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, pathlib, time",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "kid = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
        "pathlib.Path('kid').write_text(str(kid.pid))",
        "pathlib.Path('kid').rename('pid')",
        "time.sleep(60)",
    )
    child = Child(service(tmp_path, *code, grace_s=0.2))
    child.start()
    until((tmp_path / "pid").exists)
    kid = int((tmp_path / "pid").read_text())
    leader = child.pid
    assert leader is not None
    child.end()
    assert not alive(leader)
    until(lambda: not alive(kid))


def test_hurry_ends_the_wait(tmp_path: Path) -> None:
    code = (
        "import signal, time, pathlib",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "pathlib.Path('up').touch()",
    )
    child = Child(service(tmp_path, *code, "time.sleep(60)", grace_s=60.0))
    child.start()
    until((tmp_path / "up").exists)
    child.end(hurry=lambda: True)
    assert child.pid is None


def test_it_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib",
        "from epochal.stack.process import Child, Service",
        "command = (sys.executable, '-c', 'import time; time.sleep(60)')",
        f"service = Service('it', command, pathlib.Path('{tmp_path}/log'))",
        "child = Child(service)",
        "child.start()",
        "print(child.pid, flush=True)",
        "time.sleep(60)",
    )
    root = Path(__file__).parents[4]
    with subprocess.Popen([sys.executable, "-c", "; ".join(code)], stdout=subprocess.PIPE, cwd=root) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
        until(lambda: not alive(child))


def test_a_long_log_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal.stack.process.LOG_LIMIT_BYTES", 10)
    (tmp_path / "it.log").write_text("x" * 11)
    child = Child(service(tmp_path, "print('new')"))
    child.start()
    until(lambda: child.exit_status() == 0)
    assert (tmp_path / "it.log").read_text() == "new\n"
    assert (tmp_path / "it.log.1").read_text() == "x" * 11
    child.end()
