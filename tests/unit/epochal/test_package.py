"""What `import epochal` gives."""

import subprocess
import sys

import pytest

FIRST_TOUCH = """
import sys, epochal
assert {"Client", "EpochalError", "client", "errors"} <= set(dir(epochal))
assert not {"epochal.client", "epochal.errors"} & set(sys.modules)
assert epochal.errors.EpochalError is epochal.EpochalError
assert epochal.client.Client is epochal.Client
"""


def test_names_and_modules_are_there_before_anything_is_loaded() -> None:
    ended = subprocess.run([sys.executable, "-c", FIRST_TOUCH], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_name_that_is_not_there_is_an_error_to_type_checkers_too() -> None:
    import epochal

    with pytest.raises(AttributeError, match="has no attribute 'Clientt'"):
        epochal.Clientt("http://127.0.0.1")  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        epochal.nonsense(3)  # type: ignore[attr-defined]
