"""The virtual environment of the peers, which are measured but are no dependencies."""

import json
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path("benchmarks/peers.txt")
FOLDER = Path("build/peers-venv")
LOG = Path("build/peers-venv.log")
_DONE = FOLDER / "requirements.txt"
"""The installed requirements; written last, so that an interrupted installation is repeated."""


def peers_python() -> Path:
    """The peers' Python, with peers.txt installed; pip's output goes to a log."""
    python = FOLDER / "bin" / "python"
    wanted = REQUIREMENTS.read_text()
    if not _DONE.exists() or _DONE.read_text() != wanted:
        print(f"Installing the peers into {FOLDER} (log: {LOG}) ...", file=sys.stderr, flush=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        venv.create(FOLDER, with_pip=True)
        with LOG.open("w") as log:
            subprocess.run([python, "-m", "pip", "install", "-r", REQUIREMENTS], check=True, stdout=log, stderr=log)
        _DONE.write_text(wanted)
    return python


def peers_versions() -> str:
    """Names and installed versions of the peers."""
    listed = subprocess.run([peers_python(), "-m", "pip", "list", "--format=json"], check=True, capture_output=True)
    named = {line.partition("==")[0].partition("[")[0] for line in REQUIREMENTS.read_text().splitlines()}
    return ", ".join(f"{each['name']} {each['version']}" for each in json.loads(listed.stdout) if each["name"] in named)
