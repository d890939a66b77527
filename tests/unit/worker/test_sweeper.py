from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from spec.job import JobSpec
from spec.states import FailureReason, StopReason
from store import db
from store.checkpoints import CheckpointRecord, CheckpointStore
from store.files import Files, files_at
from store.records import ArtifactRecord, Claim, Progress, Success
from store.tables import Checkpoint
from store.uploads import UploadStore
from tests.record import Record, new_record
from worker.sweeper import Sweeper

SPEC = JobSpec.model_validate({"dataset": "xor"})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with new_record(tmp_path) as engine:
        yield engine


def sweeping(engine: Engine, store: Record, files: Files, *, upload_kept_s: float = 3600.0) -> Sweeper:
    return Sweeper(CheckpointStore(engine), store, UploadStore(engine), files, upload_kept_s=upload_kept_s)


def test_a_file_that_the_record_does_not_know_is_deleted_when_it_is_old(engine: Engine, tmp_path: Path) -> None:
    store, files = Record(engine), files_at((tmp_path / "files").as_uri())
    store.submit([SPEC], owner="ada")
    (claim,) = store.claim(worker="w", device="cpu", limit=1, lease_s=30.0)
    for name in ("known", "lost", ".half-written"):
        files.put(f"checkpoints/{claim.job_id}/{name}", b"content")
    files.put("datasets/another/table", b"content")
    known = CheckpointRecord(1, files.uri(f"checkpoints/{claim.job_id}/known"), "0" * 64)
    store.renew(worker="w", progress=[Progress(claim.job_id, claim.attempt, checkpoints=(known,))], lease_s=30.0)
    sweeper = sweeping(engine, store, files)
    sweeper.lost(after_s=3600.0)
    assert len(list((tmp_path / "files" / "checkpoints" / claim.job_id).iterdir())) == 3
    sweeper.lost(after_s=-1.0)
    assert {path.name for path in (tmp_path / "files").rglob("*") if path.is_file()} == {"table", "known"}


def test_the_files_of_void_checkpoints_are_deleted_and_forgotten(engine: Engine, tmp_path: Path) -> None:
    store, files = Record(engine), files_at((tmp_path / "files").as_uri())
    store.submit([SPEC], owner="ada")
    (claim,) = store.claim(worker="w", device="cpu", limit=1, lease_s=30.0)
    kept = []
    for epoch in range(1, 5):
        path = f"checkpoints/{claim.job_id}/{epoch}"
        files.put(path, b"content")
        kept.append(CheckpointRecord(epoch, files.uri(path), "0" * 64))
    store.renew(worker="w", progress=[Progress(claim.job_id, claim.attempt, checkpoints=tuple(kept))], lease_s=30.0)
    sweeper = sweeping(engine, store, files)

    sweeper.once()
    folder = tmp_path / "files" / "checkpoints"
    assert sorted(path.name for path in (folder / claim.job_id).iterdir()) == ["3", "4"]
    assert CheckpointStore(engine).stale() == []

    stuck = files.uri(f"checkpoints/{claim.job_id}/stuck/file")
    files.put(f"checkpoints/{claim.job_id}/stuck/file/within", b"no file")
    with db.writing(engine) as connection:
        rows = [{"job_id": claim.job_id, "attempt": 1, "epoch": 0, "uri": stuck, "sha256": "0" * 64, "void": True}]
        connection.execute(insert(Checkpoint).values(rows))
    files.delete_file(kept[3].uri)  # somebody was faster
    store.fail(claim.job_id, claim.attempt, reason=FailureReason.error, message="no")
    sweeper.once()
    assert [path.name for path in (folder / claim.job_id).iterdir()] == ["stuck"]  # which keeps no other
    assert CheckpointStore(engine).stale() == [stuck]


def test_what_a_dead_attempt_published_is_deleted_and_a_running_finish_is_not_robbed(
    engine: Engine, tmp_path: Path
) -> None:
    store, files = Record(engine), files_at((tmp_path / "files").as_uri())
    sweeper = sweeping(engine, store, files)

    def publish(claim: Claim) -> ArtifactRecord:
        path = f"jobs/{claim.job_id}/a{claim.attempt}/model"
        files.put(path, b"content")
        return ArtifactRecord("model", files.uri(path), "0" * 64, 7)

    def left() -> list[str]:
        return sorted(path.parent.name for path in (tmp_path / "files").rglob("*") if path.is_file())

    store.submit([SPEC], owner="ada")
    (dies,) = store.claim(worker="w", device="cpu", limit=1, lease_s=-1.0)
    publish(dies)
    sweeper.lost(after_s=-1.0)
    assert left() == ["a1"]  # nobody has taken the lease: it may still be recorded

    store.reap()
    sweeper.lost(after_s=3600.0)
    assert left() == ["a1"]
    (ends,) = store.claim(worker="w", device="cpu", limit=1, lease_s=30.0)
    model = publish(ends)
    sweeper.lost(after_s=-1.0)
    assert left() == ["a2"]

    end = Success(ends.job_id, ends.attempt, StopReason.max_epochs, best_epoch=1, best_metrics=None, artifacts=[model])
    assert store.succeed(end)
    sweeper.lost(after_s=-1.0)
    assert left() == ["a2"]


def test_an_abandoned_upload_is_forgotten_and_its_files_are_deleted(engine: Engine, tmp_path: Path) -> None:
    store, files, uploads = Record(engine), files_at((tmp_path / "files").as_uri()), UploadStore(engine)

    def left() -> list[str]:
        return sorted(path.name for path in (tmp_path / "files").rglob("*") if path.is_file())

    upload = uploads.begin("a" * 64, owner="ann", file="a.csv", size=9)
    for name in ("counted", "never-counted"):
        files.put(f"{upload.folder}/{name}", b"content")
    uploads.grow(upload, f"{upload.folder}/counted", 7)
    files.put("uploads/0123/of-one-that-ended", b"content")

    sweeping(engine, store, files).lost(after_s=3600.0)
    assert left() == ["counted", "never-counted", "of-one-that-ended"]  # they are young
    sweeping(engine, store, files).lost(after_s=-1.0)
    assert left() == ["counted", "never-counted"]  # it goes on
    assert uploads.get("a" * 64, owner="ann").received == 7

    sweeping(engine, store, files, upload_kept_s=-1.0).lost(after_s=-1.0)
    assert left() == []
    assert uploads.find("a" * 64, owner="ann") is None
    assert not (tmp_path / "files" / "uploads" / upload.id).exists()
