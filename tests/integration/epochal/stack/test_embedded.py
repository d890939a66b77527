"""What a stack gives its services, and how it ends. Its only service here is one that sleeps."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from epochal.stack.home import Home
from tests.services import PATIENCE, eventually

STACK = """
import sys
from pathlib import Path
from epochal.stack.embedded import Addresses, Stack
from epochal.stack.home import Endpoints
from epochal.stack.process import Service
from spec.settings import Settings


class Sleeping(Stack):
    def _start(self, addresses: Addresses) -> None:
        log = self._home.logs / "sleeper.log"
        self._launch(Service("sleeper", ("sleep", "600"), log, self._environ(addresses), self._home.path))
        self._home.publish(Endpoints(addresses.api, "", ""))


Sleeping(Settings.read(), workers=0, report=lambda line: print(line, flush=True)).run()
"""

SAVES = """
import signal, sys, time
from pathlib import Path

def save(*_):
    time.sleep(0.5)
    Path("saved").touch()
    sys.exit(0)

signal.signal(signal.SIGTERM, save)
Path("sleeps").touch()
time.sleep(600)
"""


@contextmanager
def sleeping(
    home: Home, output: int, *, nohup: bool = False, lessons: str = "", stack: str = STACK
) -> Iterator[subprocess.Popen[bytes]]:
    """A stack that writes to `output`, once it is up."""
    environ = {**os.environ, "EPOCHAL_HOME": str(home.path), "EPOCHAL_PORT": "0", "EPOCHAL_LESSONS": lessons}
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)  # which a process inherits
    try:
        process = subprocess.Popen([sys.executable, "-c", stack], stdout=output, env=environ, start_new_session=True)
    finally:
        signal.signal(signal.SIGHUP, before)
    try:
        eventually(lambda: home.endpoints() is not None, 20.0, "the stack is up")
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", [signal.SIGHUP, signal.SIGINT])
def test_a_stack_whose_terminal_is_closed_ends_in_order(tmp_path: Path, kind: signal.Signals) -> None:
    home = Home(tmp_path)
    master, slave = pty.openpty()
    with sleeping(home, slave) as process:
        (sleeper,) = home.services()
        os.close(slave)
        os.close(master)
        process.send_signal(kind)
        process.wait(30.0 * PATIENCE)
        assert home.endpoints() is None
        assert home.services() == []
        assert not Path(f"/proc/{sleeper.pid}").exists()


def test_a_stack_that_is_told_twice_at_once_ends_in_order(tmp_path: Path) -> None:
    """As systemd tells each process of a session: SIGTERM, then SIGHUP."""
    stack = STACK.replace('("sleep", "600")', f"(sys.executable, '-c', {SAVES!r})")
    stack = stack.replace("self._home.path))", "self._home.path, grace_s=60.0))")
    with sleeping(Home(tmp_path), subprocess.DEVNULL, stack=stack) as process:
        eventually((tmp_path / "sleeps").exists, 20.0, "its service is up")
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):  # it hears both at once
            process.send_signal(number)
        assert process.wait(30.0 * PATIENCE) == 0
    assert (tmp_path / "saved").exists()


def test_a_stack_whose_reader_has_ended_ends_in_order(tmp_path: Path) -> None:
    home = Home(tmp_path)
    reader, writer = os.pipe()
    with sleeping(home, writer) as process:
        os.close(reader)
        os.close(writer)
        process.terminate()
        process.wait(30.0 * PATIENCE)
        assert home.endpoints() is None


def test_a_stack_under_nohup_stays_up_when_its_user_leaves(tmp_path: Path) -> None:
    with sleeping(Home(tmp_path), subprocess.DEVNULL, nohup=True) as process:
        status = Path(f"/proc/{process.pid}/status").read_text()
        ignored = re.search(r"SigIgn:\s*([0-9a-f]+)", status)
        assert ignored is not None
        assert int(ignored[1], 16) & 1 << (signal.SIGHUP - 1)
        process.terminate()
        assert process.wait(30.0 * PATIENCE) == 0


@pytest.mark.parametrize(("given", "passed"), [("own", str(Path("own").absolute())), ("", "")])
def test_a_folder_of_lessons_is_the_one_that_its_user_sees(tmp_path: Path, given: str, passed: str) -> None:
    home = Home(tmp_path)
    with sleeping(home, subprocess.DEVNULL, lessons=given):
        assert psutil.Process(home.services()[0].pid).environ()["EPOCHAL_LESSONS"] == passed


def test_processes_that_a_service_starts_import_no_file_of_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with sleeping(home, subprocess.DEVNULL):
        environ = psutil.Process(home.services()[0].pid).environ()
    (tmp_path / "spec.py").write_text("raise SystemExit('this is not the spec of Epochal')")
    subprocess.run([sys.executable, "-c", "import spec.settings"], env=environ, cwd=tmp_path, check=True, timeout=30)
