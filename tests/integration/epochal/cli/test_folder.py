"""Commands in a folder in which their user has files of the same names as our packages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from epochal.slurm.pilots import script

OWN = "an own file was imported"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("command", "says"),
    [
        (script(1.0, devices="nonsense"), "'nonsense' means nothing"),
        (f"{Path(sys.executable).with_name('epochal')} token create --owner ann", "No token was made"),
    ],
    ids=["a pilot", "a token"],
)
def test_a_program_of_ours_imports_no_file_of_its_users(tmp_path: Path, command: str, says: str) -> None:
    for name in ("epochal", "worker", "store", "spec"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit({OWN!r})")
    addresses = {"EPOCHAL_DATABASE_URL": f"sqlite:///{tmp_path}/none.db", "EPOCHAL_BROKER_URL": "redis://127.0.0.1:9"}
    environ = {**os.environ, **addresses, "EPOCHAL_FILES_URL": f"file://{tmp_path}/files"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert OWN not in done.stderr
    assert says in done.stderr
