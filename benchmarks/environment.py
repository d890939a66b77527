"""The virtual environment of the peers: they are measured, and nothing of ours depends on them."""

import json
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = Path("benchmarks/peers.txt")
FOLDER = Path("build/peers-venv")
LOG = Path("build/peers-venv.log")
_DONE = FOLDER / "requirements.txt"
"""What is installed: written last, so that an install that was cut off is done again."""


def peers_python() -> Path:
    """The Python of the peers, after installing what peers.txt names; pip's words go to a log."""
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
    """The peers and their versions, as installed."""
    listed = subprocess.run([peers_python(), "-m", "pip", "list", "--format=json"], check=True, capture_output=True)
    named = {line.partition("==")[0].partition("[")[0] for line in REQUIREMENTS.read_text().splitlines()}
    return ", ".join(f"{each['name']} {each['version']}" for each in json.loads(listed.stdout) if each["name"] in named)
