"""Who may know whom: the contracts in pyproject.toml hold, and they do catch what they forbid."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import ROOT

PACKAGES = ("spec", "store", "model", "ingest", "api", "worker", "tracking", "trainer", "sweeps", "epochal")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_no_package_imports_what_it_must_not() -> None:
    checked = lint_imports(ROOT)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("package", "statement", "contract"),
    [
        ("spec", "import store", "The contract"),
        ("trainer", "import flask", "The trainer"),
        ("api", "import torch", "The API answers"),
        ("api", "from store import leases", "The API and the mirror cannot claim"),
        ("tracking", "from store import leases", "The API and the mirror cannot claim"),
        ("api", "from store import transitions", "States change through"),
        ("worker", "from store import tables", "States change through"),
        ("api", "from ingest import table", "The API answers"),
        ("model", "import torch", "A finished model"),
        ("ingest", "from store import files", "The reading of uploads"),
        ("worker", "import mlflow", "A worker neither"),
        ("worker", "from store import jobs", "A worker cannot submit"),
        ("tracking", "from trainer import fit", "The mirror"),
        ("epochal", "from store import jobs", "What users import"),
        ("store", "from worker import app", "The record"),
        ("sweeps", "import torch", "Sweeps know"),
        ("sweeps", "from store import leases", "Sweeps know"),
    ],
)
def test_a_forbidden_import_is_caught(tmp_path: Path, package: str, statement: str, contract: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / package / "intruder.py").write_text(f'"""An intruder."""\n\n{statement}\n')
    checked = lint_imports(tmp_path)
    assert checked.returncode == 1, checked.stdout
    assert any(line.startswith(contract) and "BROKEN" in line for line in checked.stdout.splitlines()), checked.stdout
