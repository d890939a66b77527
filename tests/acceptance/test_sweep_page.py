"""Sweeps and comparisons on the page, in a browser: from the form to the difference between two seeds."""

import re

import pytest
from playwright.sync_api import Page, expect

from .embedded import Embedded
from .walking import SLOW_MS, look, signed_in

pytestmark = pytest.mark.browser

BASE = '{"dataset": "iris", "architecture": {"type": "mlp", "hidden": [8]}, "epochs": 15}'


def look_at_all_sizes(seen: Page) -> None:
    """As it is, and on a telephone in the dark; without the transitions of colours, between which text is pale."""
    seen.emulate_media(color_scheme="light", reduced_motion="reduce")
    look(seen)
    seen.set_viewport_size({"width": 375, "height": 800})
    seen.emulate_media(color_scheme="dark", reduced_motion="reduce")
    look(seen)
    seen.set_viewport_size({"width": 1440, "height": 900})
    seen.emulate_media(color_scheme="light", reduced_motion="reduce")


def test_a_sweep_is_written_trained_understood_and_its_jobs_compared(stack: Embedded) -> None:
    with signed_in(stack, 1440, "light") as seen:
        seen.goto(f"{stack.endpoints.api}/#/sweeps")
        seen.get_by_role("link", name="New sweep").first.click()
        seen.get_by_label("Name").fill("rates and widths")
        seen.get_by_label("Base job").fill(BASE)
        seen.get_by_label("Seeds").fill("2")
        seen.get_by_label("Configurations").fill("4")
        first = seen.get_by_role("group", name="Parameter 1")
        first.get_by_label("From").fill("-1")
        expect(first.get_by_role("alert")).to_contain_text(
            "learning_rate log_uniform must have limits above 0", timeout=SLOW_MS
        )
        look_at_all_sizes(seen)
        first.get_by_label("From").fill("0.001")
        expect(seen.get_by_role("complementary", name="Check")).to_contain_text("4 configurations", timeout=SLOW_MS)
        seen.get_by_role("button", name="Start the sweep").press("Enter")

        expect(seen.get_by_text("finished", exact=True).first).to_be_visible(timeout=SLOW_MS)
        expect(seen.get_by_label("Answer")).to_contain_text("validation loss")
        expect(seen.get_by_role("table").first).to_contain_text("best")
        expect(seen.get_by_label("All configurations")).to_contain_text("4 with a score")
        expect(seen.get_by_role("img", name=re.compile("^validation loss by epoch: 4 lines"))).to_be_visible()
        look_at_all_sizes(seen)

        seen.get_by_role("button", name="optimizer: limits and scale").press("Enter")
        seen.get_by_role("radio", name="sgd").check()
        expect(seen.get_by_text(re.compile("^[0-3] kept$"))).to_be_visible()
        seen.reload()
        expect(seen.get_by_text(re.compile("^[0-3] kept$"))).to_be_visible(timeout=SLOW_MS)
        seen.get_by_role("button", name="Best spec").click()
        expect(seen.get_by_role("dialog")).to_contain_text("name: iris")
        look(seen)
        seen.keyboard.press("Escape")
        seen.get_by_role("button", name="Find the ensemble").click()
        expect(seen.get_by_label("Ensemble")).to_contain_text("validation", timeout=SLOW_MS)

        seen.get_by_role("link", name="Its 2 jobs").press("Enter")
        expect(seen.get_by_role("heading", name="Compare")).to_be_visible()
        expect(seen.get_by_role("region", name="What differs")).to_contain_text("seed")
        seen.get_by_label("Group by").select_option("learning_rate")
        expect(seen.get_by_label("Groups")).to_contain_text("Deviation")
        look_at_all_sizes(seen)
        seen.get_by_label("Group by").select_option("")
        seen.get_by_role("button", name="Add jobs").click()
        dialog = seen.get_by_role("dialog")
        dialog.get_by_role("checkbox").first.check()
        dialog.get_by_role("button", name="Add 1 job").press("Enter")
        expect(seen.get_by_text("3 jobs", exact=True)).to_be_visible()
        seen.get_by_role("button", name=re.compile("^Remove")).first.press("Enter")
        expect(seen.get_by_text("2 jobs", exact=True)).to_be_visible()
        seen.reload()
        expect(seen.get_by_text("2 jobs", exact=True)).to_be_visible(timeout=SLOW_MS)
