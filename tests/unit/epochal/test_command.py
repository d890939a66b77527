import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"

PRESS_CTRL_C_WHEN_IT_IMPORTS = """
import importlib, os, signal, sys

imported, command = sys.argv[1:]
module, _, function = command.partition(":")
sys.argv[1:] = ["jobs", "--help"]
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests may run in the background, where it is ignored

class CtrlC:
    def find_spec(self, name, path, target=None):
        if name == imported:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
getattr(importlib.import_module(module), function)()
"""


@pytest.mark.parametrize("imported", ["pydantic", "epochal.cli.webhooks"])
def test_ctrl_c_while_the_command_is_imported_ends_it_quietly_with_130(imported: str) -> None:
    command = tomllib.loads(PYPROJECT.read_text())["project"]["scripts"]["epochal"]
    ended = subprocess.run(
        [sys.executable, "-c", PRESS_CTRL_C_WHEN_IT_IMPORTS, imported, command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
