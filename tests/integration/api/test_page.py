"""Our own page, as people see it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from epochal.cli.stack import sign_in_link
from spec.job import JobSpec
from spec.states import StopReason
from store import db
from store.records import Success
from store.tokens import TokenStore
from tests.browser import page
from tests.integration.tracking.conftest import curve
from tests.record import Record
from tests.services import eventually, free_port


@pytest.fixture
def record(tmp_path: Path) -> str:
    """A record with a job that has ended, one that waits, and the token of their owner."""
    url = f"sqlite:///{tmp_path / 'epochal.db'}"
    db.migrate(url)
    engine = db.connect(url)
    store = Record(engine)
    store.submit([JobSpec.model_validate({"dataset": "digits", "epochs": 30, "name": "first"})], owner="ada")
    (claim,) = store.claim(worker="w1", device="cpu", limit=1, lease_s=600)
    points = curve(1, 30)
    last = {name: column[-1] for name, column in points.items() if name != "epoch"}
    end = Success(
        claim.job_id,
        claim.attempt,
        StopReason.max_epochs,
        best_epoch=21,
        best_metrics=last,
        metrics=last,
        points=points,
    )
    assert store.succeed(end)
    store.submit([JobSpec.model_validate({"dataset": "moons", "name": "second"})], owner="ada")
    token = TokenStore(engine).create(owner="ada")
    engine.dispose()
    return token


@pytest.fixture
def served(tmp_path: Path, record: str) -> Iterator[str]:
    """The address of the API over that record."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")}
    environ |= {"EPOCHAL_HOME": str(tmp_path), "EPOCHAL_BROKER_URL": "redis://127.0.0.1:1/0"}
    command = ["gunicorn", "--config", "python:api.gunicorn", "--bind", f"127.0.0.1:{port}", "api.wsgi:app"]

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/readyz", trust_env=False).is_success
        except httpx.HTTPError:
            return False

    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-m", *command], env=environ, stdout=log, stderr=log)
        try:
            eventually(ready, within_s=30, what="the API is ready")
            yield url
        finally:
            server.terminate()
            server.wait(20)


@pytest.mark.browser
def test_a_link_with_the_token_in_its_fragment_signs_in_and_leaves_the_address(served: str, record: str) -> None:
    with page() as seen:
        complaints: list[str] = []
        asked: list[str] = []
        seen.on("console", lambda line: complaints.append(line.text))
        seen.on("pageerror", lambda error: complaints.append(str(error)))
        seen.on("request", lambda request: asked.append(request.url))
        seen.goto(sign_in_link(served, record))
        jobs = seen.get_by_role("table", name="Jobs")
        expect(jobs.get_by_role("row", name="first")).to_contain_text("succeeded", timeout=10_000)
        expect(jobs.get_by_role("row", name="second")).to_contain_text("queued")
        assert seen.url == f"{served}/"
        assert record not in " ".join(asked)
        assert all(url.startswith(served) for url in asked), "the page asks nobody else"
        seen.reload()
        expect(jobs.get_by_role("row", name="first")).to_be_visible()
        assert complaints == []
        seen.get_by_role("button", name="Sign out").click()
        expect(seen.get_by_label("Token")).to_be_visible()
        seen.reload()
        expect(seen.get_by_label("Token")).to_be_visible()


@pytest.mark.browser
def test_a_wrong_token_is_a_sentence_on_the_page(served: str) -> None:
    with page() as seen:
        seen.goto(served)
        seen.get_by_label("Token").fill("epo_wrong")
        seen.get_by_label("Token").press("Enter")
        expect(seen.get_by_role("alert")).to_contain_text("token", ignore_case=True)
        expect(seen.get_by_role("table")).to_have_count(0)
