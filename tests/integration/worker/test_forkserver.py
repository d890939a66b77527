"""The fork server is a real process here, and so are the trainers that it forks."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing import util
from pathlib import Path

import psutil
import pytest

from spec.job import JobSpec
from spec.states import FailureReason
from tests.services import PATIENCE, eventually
from worker import forkserver
from worker.child import NICE
from worker.devices import Device
from worker.errors import TrainerDied
from worker.messages import Ended, Job, Train
from worker.trainer_process import TrainerProcess

pytestmark = pytest.mark.skipif(not forkserver.AVAILABLE, reason="trainers are forked on Linux only")

CPU = Device("cpu", "cpu")


def start() -> TrainerProcess:
    return TrainerProcess.start(CPU, dict(os.environ), "INFO", 60.0)


@pytest.fixture
def trainer() -> Iterator[TrainerProcess]:
    started = start()
    yield started
    started.close()


def server() -> psutil.Process:
    """The fork server of this process."""
    (found,) = [one for one in psutil.Process().children() if "worker.preload" in " ".join(one.cmdline())]
    return found


def forked() -> list[psutil.Process]:
    """The trainers that live."""
    return list(server().children())


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A worker of its own, which has its own fork server."""
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60.0 * PATIENCE,
    )


def test_a_trainer_is_forked_and_ends_when_it_is_closed(trainer: TrainerProcess) -> None:
    (process,) = forked()
    assert process.name() == "trainer"
    assert os.getpgid(process.pid) == process.pid  # Ctrl-C is for the worker
    assert os.getsid(process.pid) == os.getsid(0)  # the kernel heeds how nice a process is within a session only
    assert process.nice() == os.nice(0) + NICE
    assert trainer.alive()
    trainer.close()
    assert not trainer.alive()
    assert not trainer.folder.exists()
    assert forked() == []


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """That exit statuses are told is tested, not how fast."""
    monkeypatch.setattr(forkserver, "_REPORTED_WITHIN_S", 60.0)
    monkeypatch.setattr(forkserver, "_LOCK_S", 120.0)


@pytest.mark.usefixtures("patient")
def test_the_exit_status_of_a_trainer_is_known(trainer: TrainerProcess) -> None:
    (process,) = forked()
    process.send_signal(signal.SIGSEGV)
    with pytest.raises(TrainerDied, match="SIGSEGV"):
        trainer.receive(10.0 * PATIENCE)
    assert not trainer.alive()
    trainer.kill()


def test_a_trainer_and_the_fork_server_leave_it_to_the_worker_to_end_them(trainer: TrainerProcess) -> None:
    processes = [server(), *forked()]
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        for process in processes:
            process.send_signal(number)
    assert trainer.receive(0.5) is None
    assert trainer.alive()
    assert [server(), *forked()] == processes


@pytest.mark.usefixtures("patient")
def test_exit_statuses_are_known_while_other_threads_start_trainers() -> None:
    codes: list[int] = []

    def crash() -> None:
        for _ in range(3):
            one = forkserver.fork(("--no-such-argument",), {})
            with one.stdin, one.stdout:
                codes.append(one.wait(20.0 * PATIENCE))

    threads = [threading.Thread(target=crash) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [2] * 12  # argparse's


def test_a_trainer_ends_though_another_was_forked_while_it_lived(trainer: TrainerProcess) -> None:
    other = start()
    assert len(forked()) == 2
    trainer.close()  # its input ends only if the other does not hold the pipe open
    assert other.alive()
    other.close()


def test_a_trainer_outlives_the_fork_server_and_the_next_is_forked_by_another(trainer: TrainerProcess) -> None:
    killed = server()
    killed.kill()
    eventually(lambda: killed.status() == psutil.STATUS_ZOMBIE, 5.0, "it ends")
    assert trainer.alive()
    after = start()
    assert after.alive()
    assert server().pid != killed.pid
    after.close()
    assert trainer.alive()
    trainer.kill()
    eventually(lambda: not trainer.alive(), 5.0, "it can be killed")


@pytest.mark.thorough
def test_a_trainer_that_cannot_be_forked_is_spawned(trainer: TrainerProcess) -> None:
    folder = Path(util.get_temp_dir())
    away = folder.rename(folder.with_suffix(".away"))  # as one that cleans /tmp would
    try:
        spawned = start()
        assert spawned.alive()
        assert len(forked()) == 1
        spawned.close()
    finally:
        away.rename(folder)


def test_no_trainer_is_forked_by_a_server_that_cannot_import(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch')")
    script = """
from worker import forkserver
from worker.errors import TrainerDied
try:
    forkserver.fork((), {})
except TrainerDied:
    print("died")
"""
    ran = run(script, PYTHONPATH=str(tmp_path))
    assert ran.stdout == "died\n"
    assert "trainers cannot be forked: no torch" in ran.stderr


@pytest.mark.thorough
def test_the_fork_server_ends_with_its_worker_and_leaves_no_file(tmp_path: Path) -> None:
    script = """
import os, signal, sys
import psutil
from worker import forkserver
from worker.devices import Device
trainer = ("--device", "cpu", "--folder", os.environ["FOLDER"], "--checkpoint-s", "60")
forkserver.fork(trainer, Device("cpu", "cpu").environment)
print(*(one.pid for one in psutil.Process().children(recursive=True)), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ran = run(script, FOLDER=str(tmp_path / "models"), TMPDIR=str(tmp_path))
    pids = [int(pid) for pid in ran.stdout.split()]
    assert len(pids) >= 2
    eventually(lambda: not any(map(psutil.pid_exists, pids)), 10.0, "server and trainer end")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
def test_a_process_that_ends_by_itself_ends_its_trainers(tmp_path: Path) -> None:
    script = """
import os
from worker import forkserver
from worker.devices import Device
trainer = ("--device", "cpu", "--folder", os.environ["FOLDER"], "--checkpoint-s", "60")
process = forkserver.fork(trainer, Device("cpu", "cpu").environment)
print(process.stdout.readline())  # it is ready
"""
    assert "pid" in run(script, FOLDER=str(tmp_path / "models")).stdout


@pytest.mark.thorough
def test_what_is_imported_starts_no_thread_and_no_cuda_and_leaves_training_nothing_to_import() -> None:
    script = """
import os, sys
import worker.preload
import torch
from trainer.fit import warm_up
assert os.environ["OMP_NUM_THREADS"] == "1"
assert not torch.cuda.is_initialized()
assert len(os.listdir("/proc/self/task")) == 1, "a fork would lose a thread"
before = set(sys.modules)
warm_up(torch.device("cpu"))
print(len(set(sys.modules) - before))
"""
    ran = run(script)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 10


def test_a_job_that_needs_more_memory_than_there_is_fails_alone_and_its_trainer_goes_on() -> None:
    trainer = TrainerProcess.start(CPU, dict(os.environ), "INFO", 60.0, memory_bytes=768 << 20)
    try:
        assert failure(trainer, [16, 8192, 8192]) is FailureReason.out_of_memory
        assert failure(trainer, [4]) is None
    finally:
        trainer.close()


def failure(trainer: TrainerProcess, hidden: list[int]) -> FailureReason | None:
    """Why a job with such layers fails."""
    spec = JobSpec.model_validate({"dataset": "xor", "epochs": 1, "architecture": {"type": "mlp", "hidden": hidden}})
    trainer.send(Train(jobs=(Job(id="a", spec=spec),), limit=1))
    while not isinstance(report := trainer.receive(60.0), Ended):
        assert report is not None
    return report.failure_reason
