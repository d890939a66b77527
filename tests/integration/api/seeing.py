"""Our own page over a record that a test fills: what the tests that look at it share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect

from epochal.cli.stack import sign_in_link
from spec.job import JobSpec
from tests.browser import HARMLESS, page_of

from .test_process import Running


def spec(name: str, **fields: Any) -> JobSpec:
    return JobSpec.model_validate({"dataset": "digits", "epochs": 30, "name": name, **fields})


def address(api: Running) -> str:
    return f"http://127.0.0.1:{api.port}"


@contextmanager
def signed_in(browser: Browser, api: Running) -> Iterator[Page]:
    """The page of somebody who came by the link; no script fails, and the content security policy blocks nothing."""
    with page_of(browser) as seen:
        seen.set_default_timeout(60_000)
        complaints: list[str] = []
        seen.on("console", lambda line: complaints.append(line.text))
        seen.on("pageerror", lambda error: complaints.append(str(error)))
        seen.goto(sign_in_link(address(api), api.token))
        expect(seen.get_by_role("heading", name="Jobs")).to_be_visible()
        yield seen
        unexpected = [line for line in complaints if "Failed to load resource" not in line and HARMLESS not in line]
        assert not unexpected, unexpected
