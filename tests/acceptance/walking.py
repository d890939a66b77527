"""What the walks through the page share: a browser that is signed in, and what holds for every view."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from epochal.cli.stack import sign_in_link
from tests.browser import HARMLESS, page_of
from tests.hands import Keyboard

from .embedded import ROOT, Embedded

AXE = (ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
SLOW_MS = 240_000
"""Longest wait for a job on a busy machine."""
SCREENS = [(1440, "light"), pytest.param(375, "dark", marks=pytest.mark.thorough)]
"""A desk by day and a telephone at night: width in px, and theme."""


@contextmanager
def signed_in(browser: Browser, stack: Embedded, width: int = 1440, theme: str = "light") -> Iterator[Page]:
    """The page, opened by the printed link; it may say nothing in the console and ask nobody else."""
    with page_of(browser) as seen:
        seen.set_viewport_size({"width": width, "height": 900})
        seen.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        seen.set_default_timeout(SLOW_MS)
        complaints: list[str] = []
        asked: list[tuple[str, str]] = []
        seen.on(
            "console",
            lambda line: (
                complaints.append(f"{line.location} {line.text}") if line.type in ("error", "warning") else None
            ),
        )
        seen.on("pageerror", lambda error: complaints.append(str(error.stack)))
        seen.on("request", lambda request: asked.append((request.url, request.frame.url)))
        seen.goto(sign_in_link(stack.endpoints.api, stack.endpoints.token))
        expect(seen.get_by_role("heading", name="Jobs")).to_be_visible()
        yield seen
        on_purpose = ("422", "ERR_INTERNET_DISCONNECTED", HARMLESS)  # wrong fields are asked about, a line is cut
        unexpected = {text for text in complaints if not any(one in text for one in on_purpose)}
        assert not unexpected, unexpected
        strange = [url for url, _ in asked if not url.startswith((stack.endpoints.api, "data:", "blob:"))]
        assert not strange, strange
        feed = f"{stack.endpoints.api}/api/v1/jobs/stream"
        more = [url for url, view in asked if url.endswith("/stream") and url != feed and "#/playground" not in view]
        assert not more, "one stream is enough: a browser has six connections to a server"


def go(seen: Page, do: Keyboard, view: str) -> None:
    """Open a view by the navigation, which is folded away on a telephone."""
    menu = seen.get_by_role("button", name="Menu")
    if menu.is_visible():
        do.press(menu)
    do.press(seen.get_by_role("navigation", name="Views").get_by_role("link", name=view, exact=True))
    expect(seen.get_by_role("heading", level=1)).to_have_text(view)


def look(seen: Page) -> None:
    """What holds for every view: nothing for axe to say, no sideways scrolling, and no second scroll bar."""
    seen.emulate_media(reduced_motion="reduce")  # between two colours of a transition, text is pale
    if seen.evaluate("!window.axe"):
        seen.evaluate(AXE)
    found: dict[str, Any] = seen.evaluate(
        "axe.run(document, {resultTypes: ['violations'], rules: {'target-size': {enabled: true}}})"
    )
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    assert seen.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert seen.evaluate("document.documentElement.scrollHeight <= innerHeight")
