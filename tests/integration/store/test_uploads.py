"""The record of uploads under way, on both databases."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, func, select, update

from store import db
from store.errors import UploadNotFoundError, UploadOffsetError
from store.tables import Upload, UploadPiece
from store.uploads import UploadRecord, UploadStore

A, B = "a" * 64, "b" * 64


@pytest.fixture
def uploads(engine: Engine) -> UploadStore:
    return UploadStore(engine)


def begin(uploads: UploadStore, sha256: str = A, owner: str = "ann", size: int = 9) -> UploadRecord:
    return uploads.begin(sha256, owner=owner, file="f.csv", size=size)


def test_an_upload_that_is_begun_again_is_the_same(uploads: UploadStore) -> None:
    begun = begin(uploads)
    assert begin(uploads) == uploads.get(A, owner="ann") == begun
    assert (begun.file, begun.size, begun.received) == ("f.csv", 9, 0)


def test_requests_that_begin_an_upload_at_the_same_moment_make_one(uploads: UploadStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: begin(uploads).id, range(8)))) == 1


def test_an_upload_is_seen_by_its_owner_only(uploads: UploadStore) -> None:
    ann = begin(uploads)
    assert uploads.find(A, owner="bob") is None
    assert uploads.end(A, owner="bob") is None
    with pytest.raises(UploadNotFoundError, match="begin it"):
        uploads.get(A, owner="bob")
    assert begin(uploads, owner="bob").id != ann.id


def test_pieces_are_counted_one_after_another(uploads: UploadStore) -> None:
    begun = begin(uploads)
    grown = uploads.grow(uploads.grow(begun, "z", 5), "a", 4)
    assert uploads.get(A, owner="ann") == grown
    assert grown.received == 9
    assert uploads.pieces(grown) == ["z", "a"]


def test_of_pieces_at_one_offset_one_is_counted(uploads: UploadStore) -> None:
    begun = begin(uploads)

    def grow(number: int) -> str | None:
        try:
            uploads.grow(begun, str(number), 1 + number)
        except UploadOffsetError:
            return None
        return str(number)

    with ThreadPoolExecutor(8) as threads:
        (counted,) = filter(None, threads.map(grow, range(8)))
    assert uploads.pieces(begun) == [counted]
    assert uploads.get(A, owner="ann").received == 1 + int(counted)


def test_a_piece_of_an_upload_that_has_ended_is_not_counted(uploads: UploadStore, engine: Engine) -> None:
    begun = uploads.grow(begin(uploads), "p", 5)
    assert uploads.end(A, owner="ann") == begun
    with pytest.raises(UploadNotFoundError):
        uploads.grow(begun, "q", 4)
    with db.reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(UploadPiece)).scalar() == 0


def test_the_size_of_the_whole_file_is_reserved(uploads: UploadStore) -> None:
    begin(uploads)
    uploads.grow(begin(uploads, B, size=100), "p", 50)
    begin(uploads, owner="bob", size=1000)
    assert [uploads.reserved(owner=owner) for owner in ("ann", "bob", "eve")] == [109, 1000, 0]


def test_an_upload_that_received_nothing_for_long_is_deleted(uploads: UploadStore, engine: Engine) -> None:
    old, young = begin(uploads), begin(uploads, B)
    for begun in (old, young):
        uploads.grow(begun, f"uploads/{begun.id}/p", 5)
    with db.writing(engine) as connection:
        connection.execute(update(Upload).where(Upload.id == old.id).values(updated_at=db.now(-7200)))
    uploads.abandon(3600)
    assert uploads.find(A, owner="ann") is None
    assert uploads.get(B, owner="ann").received == 5
    uris = [f"file:///files/uploads/{begun.id}/p" for begun in (old, young)]
    assert uploads.unknown(uris) == uris[:1]
