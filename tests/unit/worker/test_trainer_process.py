import io
import subprocess
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from worker.trainer_process import TrainerProcess


class Stuck:
    """A process that hangs in the driver of its device: no signal ends it."""

    def __init__(self) -> None:
        self.stdin, self.stdout = io.BytesIO(), io.BytesIO()

    def kill(self) -> None:
        pass

    def wait(self, timeout: float | None = None) -> int:
        assert timeout is not None, "it would be waited for without end"
        raise subprocess.TimeoutExpired("trainer", timeout)


def test_a_trainer_that_no_signal_ends_keeps_no_slot(caplog: pytest.LogCaptureFixture) -> None:
    stuck: Any = Stuck()
    trainer = TrainerProcess(stuck, TemporaryDirectory(), "cuda:0")
    trainer.close()
    assert not trainer.folder.exists()
    assert "the trainer of cuda:0 was killed and does not end" in caplog.text
