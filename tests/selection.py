"""Which tests run: those this machine can run, on the databases that matter. What is left out is named at the end."""

import shutil
import subprocess
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache

import pytest

from . import browser, disks, machines, slurm

DATABASES = ("both", "database_url")
"""Parameters whose values are databases. Of two cases that differ in nothing else, one runs unless it is marked."""

OF_THE_STORE = "engine"
"""The parameter of the tests of the store: both cases run unless the test is marked that either will do."""

LEFT_OUT = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    usage = "run every case on both databases, not only those whose SQL or locks differ, and draw more examples"
    parser.addoption("--all-databases", action="store_true", help=usage)
    parser.addoption("--quick", action="store_true", help="leave out the tests marked thorough, as make test does")


@pytest.hookimpl(trylast=True)  # after -k and -m: what was not asked for is not left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out: dict[str, list[str]] = {}
    kept: list[pytest.Item] = []
    deselected: list[pytest.Item] = []
    for item in items:
        reason = _reason(item)
        (deselected if reason else kept).append(item)
        if reason:
            path, _, name = item.location
            left_out.setdefault(reason, []).append(f"{path}::{name}")
    items[:] = kept
    config.hook.pytest_deselected(items=deselected)
    config.stash[LEFT_OUT] = left_out
    if hasattr(config, "workeroutput"):  # this is a process of pytest-xdist, and another one writes the summary
        config.workeroutput["left_out"] = left_out


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for reason, names in config.stash.get(LEFT_OUT, {}).items():
        terminalreporter.section(f"{len(names)} left out: {reason}", sep="-")
        for line in _lines(names):
            terminalreporter.write_line(line)


def _lines(names: list[str]) -> list[str]:
    """The tests, with the number of their cases; of many tests, the files."""
    tests = Counter(name.partition("[")[0] for name in names)
    counted = tests if len(tests) <= 20 else Counter(name.partition("::")[0] for name in names)
    return [one if count == 1 else f"{one} ({count} cases)" for one, count in counted.items()]


def _reason(item: pytest.Item) -> str | None:
    """Why a test is left out; None when it runs."""
    for marker, missing in NEEDS.items():
        if item.get_closest_marker(marker) and (reason := missing()):
            return reason
    if _is_repeated(item) and not item.config.getoption("--all-databases"):
        return "they run on one of two databases; on both with --all-databases (make sure-all)"
    if item.config.getoption("--quick") and item.get_closest_marker("thorough"):
        return "they are marked thorough; they run without --quick (make sure)"
    return None


def _is_repeated(item: pytest.Item) -> bool:
    """Whether a test runs on the other database, which is an even choice that stays the same."""
    parameters: Mapping[str, object] = item.callspec.params if hasattr(item, "callspec") else {}
    names = (*DATABASES, OF_THE_STORE) if item.get_closest_marker("either_database") else DATABASES
    database = next((str(parameters[name]) for name in names if name in parameters), None)
    if database is None or item.get_closest_marker("both_databases"):
        return False
    case = f"{item.location[0]}::{item.location[2].replace(database, '')}"
    chosen = ("sqlite", "postgres")[zlib.crc32(case.encode()) % 2]
    return not database.startswith(chosen)


@cache
def _without_browser() -> str | None:
    return None if browser.executable() else "there is no Chromium; apt-get install chromium-headless-shell"


@cache
def _without_gpu() -> str | None:
    program = shutil.which("nvidia-smi")
    listed = program and subprocess.run([program, "-L"], capture_output=True, check=False).stdout
    return None if listed else "there is no NVIDIA GPU, or no driver for it"


@cache
def _without_prometheus() -> str | None:
    there = shutil.which("prometheus") and shutil.which("promtool")
    return None if there else "there is no Prometheus; apt-get install prometheus"


NEEDS: Mapping[str, Callable[[], str | None]] = {
    "browser": _without_browser,
    "gpu": _without_gpu,
    "prometheus": _without_prometheus,
    "disk": disks.without_disks,
    "machines": machines.without_machines,
    "slurm": slurm.without_slurm,
}
"""What a marked test needs, as the reason why it cannot run here."""
