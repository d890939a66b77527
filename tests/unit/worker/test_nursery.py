"""The nursery is a real process here, and so are the trainers that it forks."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.services import eventually
from worker import nursery
from worker.devices import Device
from worker.errors import TrainerDied
from worker.nursery import Nursery
from worker.process import TrainerProcess

pytestmark = pytest.mark.skipif(not nursery.POSSIBLE, reason="trainers are forked on Linux only")

CPU = Device("cpu", "cpu")


@pytest.fixture(scope="module")
def warm() -> Iterator[Nursery]:
    made = Nursery(os.environ)
    yield made
    made.close()


def start(of: Nursery) -> TrainerProcess:
    return TrainerProcess.start(CPU, dict(os.environ), "INFO", 60.0, of)


@pytest.fixture
def trainer(warm: Nursery) -> Iterator[TrainerProcess]:
    started = start(warm)
    yield started
    started.close()


def forked(of: Nursery) -> list[psutil.Process]:
    """The trainers that live."""
    process = of._process
    return [] if process is None else psutil.Process(process.pid).children()


def test_a_trainer_is_forked_and_ends_when_it_is_closed(warm: Nursery, trainer: TrainerProcess) -> None:
    (process,) = forked(warm)
    assert process.name() == "trainer"
    assert process.environ()["OMP_NUM_THREADS"] == "1"
    assert trainer.alive()
    trainer.close()
    assert not trainer.alive()
    assert not trainer.folder.exists()
    assert forked(warm) == []


def test_how_a_trainer_ended_is_told(warm: Nursery, trainer: TrainerProcess) -> None:
    (process,) = forked(warm)
    process.send_signal(signal.SIGSEGV)
    with pytest.raises(TrainerDied, match="SIGSEGV"):
        trainer.hear(10.0)
    assert not trainer.alive()
    trainer.kill()


def test_trainers_know_nothing_of_each_other(warm: Nursery, trainer: TrainerProcess) -> None:
    other = start(warm)
    assert len(forked(warm)) == 2
    trainer.close()  # it sees its input end, though the other was forked while that was open
    assert other.alive()
    other.close()


def test_a_trainer_outlives_its_nursery_and_the_next_comes_from_another(warm: Nursery, trainer: TrainerProcess) -> None:
    process = warm._process
    assert process is not None
    process.kill()
    process.wait()
    assert trainer.alive()
    after = start(warm)
    assert after.alive()
    assert warm._process is not process
    after.close()
    trainer.kill()
    eventually(lambda: not trainer.alive(), 5.0, "it can be killed")


def test_a_nursery_that_cannot_load_bears_nobody(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch')")
    broken = Nursery({**os.environ, "PYTHONPATH": str(tmp_path)})
    with pytest.raises(TrainerDied):
        start(broken)
    broken.close()


def test_what_is_loaded_starts_no_thread_and_no_cuda_and_leaves_training_nothing_to_import() -> None:
    script = """
import os, sys
from worker import nursery
nursery.load()
import torch
from trainer.fit import warm_up
assert not torch.cuda.is_initialized()
assert len(os.listdir("/proc/self/task")) == 1, "a fork would lose a thread"
before = set(sys.modules)
warm_up(torch.device("cpu"))
print(len(set(sys.modules) - before))
"""
    environment = {**os.environ, **nursery.LIKE_ALL_TRAINERS}
    said = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    assert int(said.stdout) < 10
