"""A machine on which no temporary file can be written: who needs one says so in a sentence."""

from collections.abc import Callable

import pytest

from api.gunicorn import on_starting
from store.files import Files, ScratchError, may_pass
from store.files.s3 import S3Files
from worker.file_cache import FileCache
from worker.process import main


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/proc/epochal"])


def test_a_worker_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--devices", "cpu"])
    assert "No temporary file can be written on " in capsys.readouterr().err


def test_the_api_does_not_start() -> None:
    with pytest.raises(SystemExit, match=r"No temporary file can be written on .* let TMPDIR name a folder"):
        on_starting(None)


@pytest.mark.parametrize(
    "need",
    [lambda files: files.staging_folder(), lambda files: FileCache(files, "tables", kept=1)],
    ids=["a staging folder", "a cache"],
)
def test_files_of_a_bucket_may_be_had_later(need: Callable[[Files], object]) -> None:
    with pytest.raises(ScratchError) as caught:
        need(S3Files("s3://bucket"))
    assert may_pass(caught.value)
