import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from epochal.stack.embedded import as_service
from epochal.stack.home import Home
from epochal.stack.process import Service
from epochal.stack.services import migration


@pytest.mark.thorough
@pytest.mark.parametrize(
    "made", [lambda home: as_service(home, workers=1, environ={}, outlives=True), lambda home: migration(home, {})]
)
def test_a_user_s_own_spec_py_is_not_taken_for_ours(tmp_path: Path, made: Callable[[Home], Service]) -> None:
    (tmp_path / "spec.py").write_text("raise SystemExit('this is not the spec of Epochal')")
    command = [*made(Home(tmp_path)).command, "--help"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
