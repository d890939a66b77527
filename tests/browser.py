"""Debian's Chromium without a screen, for the tests that look at a page as a person would."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

PLACES = (
    "/usr/bin/chromium-headless-shell",
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
)
"""Where a browser may be. Chromium without the window around its pages needs a quarter less of the processor."""

OFF = (
    # What Playwright turns off, for the last list counts.
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "PaintHolding", "LensOverlay"),
    *("HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable", "ThirdPartyStoragePartitioning", "MediaRouter"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled"),
    "PreconnectToSearch",
    # Beside each page, these begin a process for a menu that nobody opens, and pictures of tabs that nobody sees.
    *("PreloadTopChromeWebUI", "WebUIOmniboxPopup", "WebUIOmniboxFullPopup", "WebUIOmniboxAimPopup"),
    *("TabHoverCardImages", "Translate"),
)
"""Features of Chromium."""

HARMLESS = "svelte.dev/e/derived_inert"
"""What Svelte warns of when bits-ui puts something off until after a tick, and then reads fields of a dialog or a menu
that is closed by then: nobody sees it (huntabyte/bits-ui#2146)."""

QUIET = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-client-side-phishing-detection", "--disable-threaded-animation"),
    f"--disable-features={','.join(OFF)}",
    *("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
]
"""As root, in a container, without a word to the outside, and with little work beside that for the page."""

SLOW_MS = 120_000
"""Longest wait for what is expected, on a busy machine."""


def executable() -> str | None:
    """The browser of this machine, if it has one."""
    return next((place for place in PLACES if Path(place).exists()), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser, for the tests of a file: the event loop of Playwright is in the way of tests that have their own."""
    found = executable()
    assert found is not None, "there is no Chromium: apt-get install chromium-headless-shell"
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
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def page() -> Iterator[Page]:
    """A page of a browser of its own."""
    with launched() as browser, page_of(browser) as seen:
        yield seen
