"""The client on a machine that has no `fcntl`, as Windows."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
sys.modules["fcntl"] = None
from epochal import Client, EpochalError
print(Client("http://here:1", "epo_x"), Client("http://here:1"))
try:
    Client()
except EpochalError as error:
    print(error)
"""


def test_the_client_needs_no_locks_of_files(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")}
    environ |= {"EPOCHAL_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    clients, error = done.stdout.splitlines()
    assert clients == " ".join(["<Client of http://here:1>"] * 2)
    assert "set EPOCHAL_URL and EPOCHAL_TOKEN" in error
