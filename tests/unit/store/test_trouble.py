"""What a log says of trouble: once, however often it is met."""

import logging

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
