import os
import signal
import subprocess

import pytest

from model.drawing import Drawing
from tracking.drawers import LONGEST_S, Drawers, DrawingError
from trainer.plots import pictures

from .conftest import Service, copied, curve

pytestmark = pytest.mark.thorough

MANY = 4


def test_a_process_draws_what_is_drawn_here_and_another_follows_one_that_dies_or_hangs() -> None:
    drawing = Drawing(title="one\ntwo", curve=curve(1, 5), best_epoch=3)
    drawers, here = Drawers(), pictures(drawing)
    with subprocess.Popen(["sleep", "600"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as hung:
        drawers._free.append(hung)
        drawers._longest_s = 0.2
        with pytest.raises(DrawingError):
            drawers.draw(drawing)
        assert hung.returncode == -signal.SIGKILL
    drawers._longest_s = LONGEST_S
    assert drawers.draw(drawing) == here
    (first,) = drawers._free
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    with pytest.raises(DrawingError):
        drawers.draw(drawing)
    assert drawers.draw(drawing) == here
    (second,) = drawers._free
    drawers.close()
    assert second.returncode == 0


def test_many_jobs_have_their_pictures_when_nothing_trains(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracking.mirror.MANY", MANY)
    monkeypatch.setattr("tracking.mirror.FILES_WAIT_S", 3600.0)  # all curves of a busy machine take longer than it
    service.submit(MANY)
    claims = service.claim(MANY)
    for claim in claims[1:]:
        service.succeed(claim, points=curve(1, 3))
    mirror = service.mirror()
    copied(mirror)
    files = [service.server.ask("artifacts/list", run_id=service.run_of(claim)).get("files") for claim in claims[1:]]
    assert files == [None] * (MANY - 1)  # the first one trains
    service.succeed(claims[0], points=curve(1, 3))
    copied(mirror)
    for claim in claims:
        assert service.server.artifact(service.run_of(claim), "curves.png").startswith(b"\x89PNG")
