from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from spec.job import JobSpec
from spec.states import FailureReason
from store import db
from store.checkpoints import CheckpointRecord, CheckpointStore
from store.files import Files
from store.jobs import Beat, JobStore
from worker.sweeper import Sweeper

SPEC = JobSpec.model_validate({"dataset": "xor"})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'record.db'}"
    db.migrate(url)
    engine = db.connect(url)
    yield engine
    engine.dispose()


def test_a_file_that_the_record_does_not_know_is_deleted_when_it_is_old(engine: Engine, tmp_path: Path) -> None:
    store, files = JobStore(engine), Files((tmp_path / "files").as_uri())
    store.submit([SPEC], owner="ada")
    (claim,) = store.claim(worker="w", device="cpu", limit=1, lease_s=30.0)
    for name in ("known", "lost", ".half-written"):
        files.put(f"checkpoints/{claim.job_id}/{name}", b"content")
    files.put("jobs/another/model", b"content")
    known = CheckpointRecord(1, files.uri(f"checkpoints/{claim.job_id}/known"), "0" * 64)
    store.renew(worker="w", beats=[Beat(claim.job_id, claim.attempt, checkpoints=(known,))], lease_s=30.0)
    sweeper = Sweeper(CheckpointStore(engine), files)
    sweeper.lost(after_s=3600.0)
    assert len(list((tmp_path / "files" / "checkpoints" / claim.job_id).iterdir())) == 3
    sweeper.lost(after_s=-1.0)
    assert {path.name for path in (tmp_path / "files").rglob("*") if path.is_file()} == {"model", "known"}


def test_the_files_of_void_checkpoints_are_deleted_and_forgotten(engine: Engine, tmp_path: Path) -> None:
    store, files = JobStore(engine), Files((tmp_path / "files").as_uri())
    store.submit([SPEC], owner="ada")
    (claim,) = store.claim(worker="w", device="cpu", limit=1, lease_s=30.0)
    kept = []
    for epoch in range(1, 5):
        path = f"checkpoints/{claim.job_id}/{epoch}"
        files.put(path, b"content")
        kept.append(CheckpointRecord(epoch, files.uri(path), "0" * 64))
    store.renew(worker="w", beats=[Beat(claim.job_id, claim.attempt, checkpoints=tuple(kept))], lease_s=30.0)
    sweeper = Sweeper(CheckpointStore(engine), files)

    sweeper.once()
    folder = tmp_path / "files" / "checkpoints"
    assert sorted(path.name for path in (folder / claim.job_id).iterdir()) == ["3", "4"]
    assert CheckpointStore(engine).stale() == []

    files.delete_file(kept[3].uri)  # somebody was faster
    store.fail(claim.job_id, claim.attempt, reason=FailureReason.error, message="no")
    sweeper.once()
    assert list(folder.iterdir()) == []
    assert CheckpointStore(engine).stale() == []
