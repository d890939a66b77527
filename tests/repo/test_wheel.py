"""The wheel holds all that runs: packages, the built page, the lessons."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .pages import ROOT

pytestmark = pytest.mark.thorough


def test_the_wheel_holds_the_built_page_and_what_needs_no_build(tmp_path: Path) -> None:
    built = [path.relative_to(ROOT).as_posix() for path in (ROOT / "api" / "static").rglob("*") if path.is_file()]
    assert "api/static/index.html" in built, "run: make install"
    folders = ["egg_info", f"--egg-base={tmp_path}", "build", f"--build-base={tmp_path}/build"]
    wheel = ["bdist_wheel", f"--bdist-dir={tmp_path}/files", f"--dist-dir={tmp_path}/wheel"]
    program = "import setuptools; setuptools.setup()"
    subprocess.run([sys.executable, "-c", program, "-q", *folders, *wheel], cwd=ROOT, check=True, capture_output=True)
    (file,) = (tmp_path / "wheel").glob("epochal-*.whl")
    with zipfile.ZipFile(file) as archive:
        held = set(archive.namelist())
    unbuilt = {"api/plain/docs.html", "api/gunicorn.py", "examples/lessons/01-bias.yaml", "trainer/shipped/iris.npz"}
    assert {*built, *unbuilt} <= held
    assert not any(name.startswith(("tests/", "benchmarks/", "web/")) for name in held)
