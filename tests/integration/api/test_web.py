"""The page, in a browser."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from spec.job import JobSpec
from spec.states import StopReason
from spec.views import Metrics
from store.records import Progress, Success

from .conftest import NOBODY
from .test_process import Running, running

pytestmark = pytest.mark.browser

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("web"), NOBODY) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    installed = next(path for path in CHROMIUM if Path(path).exists())
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, server: Running) -> Iterator[Page]:
    """The page, freshly opened; nothing of it may break its own policy or raise."""
    with browser.new_page() as opened:
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda message: complaints.append(message.text))
        opened.goto(f"http://127.0.0.1:{server.port}/")
        yield opened
    assert [text for text in complaints if "401" not in text] == []


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button").click()


def finish(server: Running, name: str) -> None:
    """Leave a job that was trained for ten epochs, and was best after seven."""
    spec = JobSpec.model_validate({"dataset": "xor", "name": name, "epochs": 10})
    (job,) = server.store.submit([spec], owner="ann").jobs
    server.store.claim(worker="w", device="cpu", limit=1, lease_s=60)
    epochs: list[float | None] = [*range(1, 11)]
    losses: list[float | None] = [math.exp(-epoch / 3) for epoch in range(1, 11)]
    points = {"epoch": epochs, "train_loss": losses, "val_loss": [*losses[:5], None, *losses[6:]]}
    server.store.renew(worker="w", progress=[Progress(job.id, 1, points)], lease_s=60)
    best: Metrics = {"train_loss": 0.1, "val_macro_f1": 0.75, "test_roc_auc": 0.5}
    server.store.succeed(Success(job.id, 1, StopReason.early_stopping, best_epoch=7, best_metrics=best))


def test_without_a_token_it_says_where_one_is(page: Page) -> None:
    expect(page.get_by_text("endpoints.json")).to_be_visible()
    expect(page.get_by_role("table")).to_be_hidden()


def test_a_bad_token_is_reported_once_and_not_tried_again(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, "epo_wrong")
    expect(page.get_by_role("status")).to_contain_text("unknown")
    page.evaluate("refresh()")
    assert len(asked) == 1


def test_without_a_job_it_says_how_to_submit_one(server: Running, page: Page) -> None:
    sign_in(page, server.tokens.create(owner="newcomer"))
    expect(page.get_by_text("epochal submit")).to_be_visible()


def test_a_job_shows_its_curve(server: Running, page: Page) -> None:
    finish(server, "<b>mine</b>")
    sign_in(page, server.token)
    row = page.get_by_role("row", name="<b>mine</b>")
    expect(row).to_contain_text("succeeded")
    expect(row).to_contain_text("10 / 10")
    row.press("Enter")
    expect(page.get_by_role("heading", name="<b>mine</b>")).to_be_visible()
    expect(page.locator("#chart path.train")).to_have_attribute("d", line_through(10))
    expect(page.locator("#chart path.val")).to_have_attribute("d", line_through(9))  # one was infinite
    expect(page.locator("#chart").get_by_text("best: 7")).to_be_visible()
    expect(page.locator("#one-figures")).to_have_text("validation macro f1 0.7500 · test roc auc 0.5000")
    page.evaluate("refresh()")
    expect(row).to_be_focused()


def test_a_job_that_has_ended_shows_its_pictures_until_another_is_chosen(server: Running, page: Page) -> None:
    finish(server, "drawn")
    server.store.submit([JobSpec.model_validate({"dataset": "xor", "name": "undrawn"})], owner="ann")
    sign_in(page, server.token)
    page.get_by_role("row", name="drawn").filter(has_text="succeeded").first.click()
    picture = page.get_by_role("img", name="curves", exact=True)
    expect(picture).to_be_visible(timeout=30_000)
    assert picture.evaluate("image => image.naturalWidth") > 100
    page.get_by_role("row", name="undrawn").click()
    expect(picture).to_have_count(0)


def line_through(points: int) -> re.Pattern[str]:
    return re.compile(rf"^M[^ML]+(L[^ML]+){{{points - 1}}}$")


def test_a_job_that_waits_says_why(server: Running, page: Page) -> None:
    server.store.submit([JobSpec.model_validate({"dataset": "xor", "name": "waits"})], owner="ann")
    sign_in(page, server.token)
    page.get_by_role("row", name="waits").click()
    expect(page.get_by_text("No worker is up")).to_be_visible()
    expect(page.get_by_text("No epoch has ended yet.")).to_be_visible()


def test_the_documents_show_every_operation_and_try_one(server: Running, page: Page) -> None:
    page.goto(f"http://127.0.0.1:{server.port}/docs/")
    shown = page.locator(".opblock", has_text="/readyz")
    expect(shown).to_be_visible()
    expect(page.locator(".opblock", has_text="/api/v1/uploads/{sha256}").first).to_be_visible()
    shown.locator(".opblock-summary-control").click()
    shown.get_by_role("button", name="Try it out").click()
    shown.get_by_role("button", name="Execute").click()
    expect(shown.locator(".live-responses-table")).to_contain_text('"status": "ok"')
