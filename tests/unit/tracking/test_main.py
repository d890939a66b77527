"""What the process of the mirror refuses before it begins."""

import threading
from pathlib import Path

import pytest

from spec.settings import BadSettingsError, Settings
from tracking.__main__ import load


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "EPOCHAL_MLFLOW_URL is not set"),
        ({"EPOCHAL_MLFLOW_URL": "http://127.0.0.1:1", "EPOCHAL_FILES_URL": "gs://lab"}, "EPOCHAL_FILES_URL: gs://"),
    ],
)
def test_an_address_that_it_cannot_work_with_is_a_bad_setting(tmp_path: Path, given: dict[str, str], said: str) -> None:
    with pytest.raises(BadSettingsError, match=said):
        load()(Settings.read({"EPOCHAL_HOME": str(tmp_path), **given}), threading.Event())
