"""The playground and the lessons in a browser: a network is seen while it trains, a prediction meets numbers."""

import re

import pytest
from playwright.sync_api import Browser, expect

from .embedded import Embedded
from .walking import SLOW_MS, look, signed_in

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("client")  # which ends slow motion
def test_a_network_is_seen_while_it_trains_and_a_lesson_is_run(stack: Embedded, browser: Browser) -> None:
    with signed_in(browser, stack) as seen:
        seen.goto(f"{stack.endpoints.api}/#/playground?data=moons&epochs=300&rows=100&hide=noise")
        expect(seen.get_by_label("Rows")).to_have_value("100")
        expect(seen.get_by_label("Noise")).to_have_count(0)
        expect(seen.get_by_label("Epochs", exact=True)).to_have_value("300")  # no entry of the menu: it is added
        seen.get_by_role("button", name="Add a neuron to layer 1").click()
        expect(seen).to_have_url(re.compile("layers=5-3"))
        look(seen)
        stack.slow_motion.begin()
        seen.get_by_role("button", name="Play").press("Enter")
        expect(seen.get_by_label(re.compile("What the network answers after epoch"))).to_be_visible(timeout=SLOW_MS)
        seen.get_by_role("button", name="Pause").click()
        stack.slow_motion.end()
        expect(seen.get_by_text(re.compile("^(Paused|Trained)"))).to_be_visible(timeout=SLOW_MS)
        seen.get_by_role("button", name="Play").click()
        expect(seen.get_by_text("Trained", exact=True)).to_be_visible(timeout=SLOW_MS)
        expect(seen.get_by_text("First picture after")).to_be_visible()
        seen.get_by_role("button", name="Reset").click()
        expect(seen).to_have_url(re.compile(r"playground\?(?!.*job=)"))

        seen.goto(f"{stack.endpoints.api}/#/lessons")
        expect(seen.get_by_role("listitem")).to_have_count(12)
        look(seen)
        seen.get_by_role("link", name="Identity layers collapse").click()
        expect(seen.get_by_role("button", name="Run it")).to_be_disabled()
        seen.get_by_label("about what one straight line reaches").check()
        seen.get_by_role("button", name="Run it").click()
        expect(seen.get_by_text("You predicted it.")).to_be_visible(timeout=SLOW_MS)
        expect(seen.get_by_role("img", name="What deep tanh answers")).to_be_visible()
        expect(seen.get_by_label("What is seen, and why").get_by_label("not so")).to_have_count(0)
        seen.get_by_label("Activation").select_option("relu")
        seen.get_by_role("button", name="Run with this change").click()
        expect(seen.get_by_role("link", name="perceptron, activation relu")).to_be_visible(timeout=SLOW_MS)
        seen.set_viewport_size({"width": 375, "height": 800})
        look(seen)
