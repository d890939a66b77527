"""Debian's Chromium without a screen, for the tests that look at a page as a person would."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route, expect, sync_playwright

PLACES = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
"""Where a browser may be."""

QUIET = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
"""As root, in a container, and without a word to the outside."""

SLOW_MS = 30_000
"""Longest wait for what is expected, on a busy machine."""

LOCAL = {"127.0.0.1", "localhost", "::1", None}


def executable() -> str | None:
    """The browser of this machine, if it has one."""
    return next((place for place in PLACES if Path(place).exists()), None)


@contextmanager
def page() -> Iterator[Page]:
    """An empty page of a fresh browser, which reaches this machine and nothing else.

    The browser ends with the test: the event loop of Playwright would be in the way of tests that have their own.
    """
    found = executable()
    assert found is not None, "there is no Chromium: apt-get install chromium"
    expect.set_options(timeout=SLOW_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        try:
            context = browser.new_context(viewport={"width": 1400, "height": 1000}, service_workers="block")
            context.route("**/*", _only_here)
            yield context.new_page()
        finally:
            browser.close()


def _only_here(route: Route) -> None:
    if urlsplit(route.request.url).hostname in LOCAL:
        route.continue_()
    else:
        route.abort("internetdisconnected")
