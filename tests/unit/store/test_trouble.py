"""What a log says of trouble: once, however often it is met."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from store.errors import DiskFullError, StoreUnavailableError
from store.trouble import Trouble


def test_trouble_is_said_once_another_one_too_and_once_that_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    trouble = Trouble(logging.getLogger("worker"), "leases are not renewed")
    trouble.is_over()
    for error in (StoreUnavailableError("No answer."), StoreUnavailableError("No answer."), DiskFullError("Full.")):
        trouble.is_there(error)
    trouble.is_over()
    trouble.is_over()
    trouble.is_there(DiskFullError("Full."))
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("WARNING", "leases are not renewed: No answer."),
        ("WARNING", "leases are not renewed: Full."),
        ("INFO", "this is over: leases are not renewed"),
        ("WARNING", "leases are not renewed: Full."),
    ]


def test_trouble_that_two_threads_meet_at_once_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    both = threading.Barrier(2, timeout=10)

    class MetTogetherError(Exception):
        """Is read for the first time only when the other thread's is, too."""

        is_read = False

        def __str__(self) -> str:
            if not self.is_read:
                self.is_read = True
                both.wait()
            return "No answer."

    trouble = Trouble(logging.getLogger("worker"), "leases are not renewed")
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(trouble.is_there, [MetTogetherError(), MetTogetherError()]))
    assert [one.getMessage() for one in caplog.records] == ["leases are not renewed: No answer."]
