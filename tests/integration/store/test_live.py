"""Pictures of jobs that train, through a real broker."""

from pathlib import Path

import pytest

from epochal.stack.home import Home
from epochal.stack.process import Child
from epochal.stack.services import broker, broker_url
from store.live import LivePictures
from tests.services import eventually, own_broker, takes_at_most


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the broker answers is tested here, not how fast."""
    monkeypatch.setattr("store.live.TIMEOUT_S", 20.0)


def test_a_reader_gets_the_last_picture_and_those_that_follow_of_its_job_only() -> None:
    with own_broker() as server:
        worker, api = LivePictures(server.url), LivePictures(server.url)
        worker.show("one", "first")
        watch = api.watch("one")
        worker.show("other", "foreign")
        worker.show("one", "second")
        assert [watch.next(5.0), watch.next(5.0), watch.next(0.0)] == ["first", "second", None]
        server.kill()
        assert watch.next(0.01) is None
        assert not watch.waits
        worker.show("one", "lost")
        watch.close()


def test_the_socket_of_a_broker_may_have_characters_that_mean_something_in_a_url(tmp_path: Path) -> None:
    path = tmp_path / "a #1 50%25?x"
    server = Child(broker(Home(tmp_path), path))
    server.start()
    try:
        eventually(server.probe, 10.0, "the broker answers")
        pictures = LivePictures(broker_url(path))
        watch = pictures.watch("one")
        pictures.show("one", "first")
        assert watch.next(5.0) == "first"
        watch.close()
    finally:
        server.end()


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "redis+socket:///nowhere/s?virtual_host=0", "amqp://127.0.0.1"]
)
def test_without_a_broker_there_are_no_pictures_no_errors_and_no_wait(url: str) -> None:
    with takes_at_most(0.5):
        LivePictures(url).show("one", "lost")
        watch = LivePictures(url).watch("one")
        assert watch.next(0.0) is None
    watch.close()
