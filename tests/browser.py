"""Debian's Chromium without a screen, for the tests that look at a page as a person would."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

PLACES = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
"""Where a browser may be."""

QUIET = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
"""As root, in a container, and without a word to the outside."""

SLOW_MS = 120_000
"""Longest wait for what is expected, on a busy machine."""

LOCAL = {"127.0.0.1", "localhost", "::1", None}


def executable() -> str | None:
    """The browser of this machine, if it has one."""
    return next((place for place in PLACES if Path(place).exists()), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser, for the tests of a file: the event loop of Playwright is in the way of tests that have their own."""
    found = executable()
    assert found is not None, "there is no Chromium: apt-get install chromium"
    expect.set_options(timeout=SLOW_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Browser) -> Iterator[Page]:
    """An empty page that knows nothing of the others, and reaches this machine and nothing else."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, service_workers="block")
    try:
        context.set_default_timeout(SLOW_MS)
        context.route("**/*", _only_here)
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def page() -> Iterator[Page]:
    """A page of a browser of its own."""
    with launched() as browser, page_of(browser) as seen:
        yield seen


def _only_here(route: Route) -> None:
    if urlsplit(route.request.url).hostname in LOCAL:
        route.continue_()
    else:
        route.abort("internetdisconnected")
