"""A file store that cannot be used is said when the API starts, and by its readiness."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import PATIENCE

from .conftest import NOBODY, service


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "FILES_URL",
            "s3://not-there/files",
            "The bucket not-there is not there: make it, or correct EPOCHAL_FILES_URL.",
        ),
        ("FILES_URL", "ftp://somewhere", "Use file:///folder or s3://bucket/prefix."),
        ("LEASE_S", "soon", "EPOCHAL_LEASE_S"),
    ],
)
def test_the_api_does_not_start_with_a_wrong_setting_and_says_what_to_change(
    bucket: str, tmp_path: Path, name: str, value: str, said: str
) -> None:
    environ = {one: text for one, text in os.environ.items() if not one.startswith("EPOCHAL_")}
    environ |= {"EPOCHAL_HOME": str(tmp_path), "EPOCHAL_BROKER_URL": NOBODY, f"EPOCHAL_{name}": value}
    command = [sys.executable, "-m", "gunicorn", "--config", "python:api.gunicorn", "--bind", "127.0.0.1:0"]
    done = subprocess.run(
        [*command, "api.wsgi:app"], env=environ, capture_output=True, text=True, timeout=60 * PATIENCE, check=False
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_readiness_says_what_is_wrong_with_the_bucket(bucket: str, tmp_path: Path) -> None:
    api = service(tmp_path, EPOCHAL_FILES_URL="s3://not-there/files")
    answer = api.ask("GET", "/readyz", token=None)
    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {
        **{"database": "ok", "disk": "ok"},
        "files": "The bucket not-there is not there: make it, or correct EPOCHAL_FILES_URL.",
    }
    api.engine.dispose()


def test_an_api_whose_folder_is_not_the_one_of_the_record_says_so_and_stores_nothing_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "files"
    first = service(tmp_path)
    assert first.ask("GET", "/readyz", token=None).status_code == 200
    first.engine.dispose()
    folder.rename(tmp_path / "unmounted")

    api = service(tmp_path)
    files = api.ask("GET", "/readyz", token=None).get_json()["checks"]["files"]
    assert files.startswith(f"The folder {folder} on ")
    assert "it has no mark" in files
    assert caplog.text.count("run `python -m store mark`") == 1
    upload = {"file": (io.BytesIO(b"a,b\n1,2\n3,4\n"), "table.csv"), "target": "b"}
    assert api.ask("POST", "/api/v1/datasets", data=upload).status_code == 503
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert api.submit()  # it waits for a worker
    api.engine.dispose()
