"""What a child process of the API gets of its environment."""

import subprocess
import sys
from pathlib import Path

import pytest

from api.children import child_environment


def test_a_child_has_no_secret_and_imports_no_file_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setenv("EPOCHAL_TOKEN", "epo_secret")
    (tmp_path / "ingest.py").write_text("raise SystemExit('this is not ours')")
    environ = child_environment()
    assert "EPOCHAL_TOKEN" not in environ
    subprocess.run([sys.executable, "-c", "import ingest.limits"], env=environ, cwd=tmp_path, check=True, timeout=30)
