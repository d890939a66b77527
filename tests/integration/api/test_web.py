"""The documents of the API, in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import page_of

from .conftest import NOBODY
from .test_process import Running, running

pytestmark = pytest.mark.browser


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, NOBODY) as made:
        yield made


def test_the_documents_show_every_operation_and_try_one(server: Running, browser: Browser) -> None:
    with page_of(browser) as seen:
        complaints: list[str] = []
        seen.on("pageerror", lambda error: complaints.append(str(error)))
        seen.on("console", lambda message: complaints.append(message.text))
        seen.goto(f"http://127.0.0.1:{server.port}/docs/")
        shown = seen.locator(".opblock", has_text="/readyz")
        expect(shown).to_be_visible()
        expect(seen.locator(".opblock", has_text="/api/v1/uploads/{sha256}").first).to_be_visible()
        shown.locator(".opblock-summary-control").click()
        shown.get_by_role("button", name="Try it out").click()
        shown.get_by_role("button", name="Execute").click()
        expect(shown.locator(".live-responses-table")).to_contain_text('"status": "ok"')
        assert complaints == []
