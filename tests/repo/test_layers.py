"""Who may know whom: the contracts in pyproject.toml hold, and they do catch what they forbid."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
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


INTRUDERS = (
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
)
"""An import, the package that must not have it, and how the contract begins that says so."""


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What is said of each broken contract, by its name, of a copy with all intruders: nothing imports an intruder."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for package, statement, _ in INTRUDERS:
        (folder / package / f"{intruder(statement)}.py").write_text(f'"""An intruder."""\n\n{statement}\n')
    checked = lint_imports(folder)
    assert checked.returncode == 1, checked.stdout
    _, _, said = checked.stdout.partition("Broken contracts")
    _, *others = re.split(r"\n(.+)\n-+\n\n", said)
    return dict(zip(others[::2], others[1::2], strict=True))


def intruder(statement: str) -> str:
    """The name of a module with this statement."""
    return "intruder_" + statement.replace(" ", "_")


@pytest.mark.parametrize(("package", "statement", "contract"), INTRUDERS)
def test_a_forbidden_import_is_caught(package: str, statement: str, contract: str, broken: Mapping[str, str]) -> None:
    (said,) = (said for name, said in broken.items() if name.startswith(contract))
    assert f"-   {package}.{intruder(statement)} -> " in said
