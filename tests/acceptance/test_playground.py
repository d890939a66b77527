"""The playground and the lessons in a browser: a network is seen while it trains, a prediction meets numbers."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from epochal.cli.stack import sign_in_link

from .embedded import Embedded
from .walking import SLOW_MS, look, signed_in

pytestmark = pytest.mark.browser


@pytest.mark.thorough
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
        seen.get_by_role("button", name="Share").click()
        expect(seen.get_by_role("dialog")).to_contain_text("This link works on this machine only.")
        seen.get_by_role("button", name="Close").click()
        stack.slow_motion.begin()
        seen.get_by_role("button", name="Play").press("Enter")
        expect(seen.get_by_label(re.compile("What the network answers after epoch"))).to_be_visible(timeout=SLOW_MS)
        with seen.expect_request("**/resume"):  # it does not end paused
            seen.get_by_role("button", name="Pause").click()
            seen.get_by_role("button", name="Play").click()
        seen.get_by_role("button", name="Pause").click()
        stack.slow_motion.end()
        expect(seen.get_by_text(re.compile("^(Paused|Trained)"))).to_be_visible(timeout=SLOW_MS)
        expect(seen.get_by_text("First picture after")).to_be_visible()
        come_back(seen)
        seen.get_by_role("button", name="Reset").click()
        expect(seen).to_have_url(re.compile(r"playground\?(?!.*job=)"))

        seen.route("**/api/v1/jobs", _refused, times=1)
        seen.get_by_role("button", name="One step").click()
        expect(seen.get_by_text("You have enough jobs.")).to_be_visible()
        seen.get_by_role("button", name="Play").click()
        expect(seen.get_by_text("Trained", exact=True)).to_be_visible(timeout=SLOW_MS)  # not paused by the step
        seen.get_by_text("Data as a table").press("Space")  # whose key it is
        expect(seen.get_by_role("group", name="Loss of training and validation by epoch: data")).to_be_visible()

        seen.goto(f"{stack.endpoints.api}/#/lessons")
        expect(seen.get_by_role("listitem")).to_have_count(12)
        look(seen)
        seen.get_by_role("link", name="Identity layers collapse").click()
        expect(seen.get_by_role("button", name="Run it")).to_be_disabled()
        seen.get_by_label("about what one straight line reaches").check()
        with seen.expect_request("**/jobs/bulk"):  # all or none
            seen.get_by_role("button", name="Run it").click()
        expect(seen.get_by_text("Your prediction was right.")).to_be_visible(timeout=SLOW_MS)
        expect(seen.get_by_role("img", name="What deep tanh answers")).to_be_visible()
        expect(seen.get_by_label("What is seen, and why").get_by_label("not so")).to_have_count(0)
        seen.get_by_label("Activation").select_option("relu")
        seen.get_by_role("button", name="Run with this change").click()
        expect(seen.get_by_role("link", name="perceptron, activation relu")).to_be_visible(timeout=SLOW_MS)
        seen.set_viewport_size({"width": 375, "height": 800})
        look(seen)


@pytest.mark.thorough
def test_a_run_that_diverges_has_shown_what_it_had_to_and_the_lesson_goes_on(stack: Embedded, browser: Browser) -> None:
    with signed_in(browser, stack) as seen:
        seen.route("**/api/v1/lessons/step-size", _diverging)
        seen.goto(f"{stack.endpoints.api}/#/lessons/step-size")
        seen.get_by_role("radio").first.check()
        seen.get_by_role("button", name="Run it").click()
        expect(seen.get_by_role("link", name=re.compile("^Next: "))).to_be_visible(timeout=SLOW_MS)
        expect(seen.get_by_text("failed", exact=True).first).to_be_visible()


def test_who_signs_in_next_at_the_computer_has_lessons_of_their_own(stack: Embedded, browser: Browser) -> None:
    with stack.http() as admin, signed_in(browser, stack) as seen:
        admin.post("/users", json={"name": "pupil"}).raise_for_status()
        token = admin.post("/tokens", json={"user": "pupil"}).raise_for_status().json()["token"]
        seen.goto(f"{stack.endpoints.api}/#/lessons/depth")
        seen.get_by_role("radio").first.check()
        seen.goto(f"{stack.endpoints.api}/#/lessons")
        expect(seen.get_by_role("link", name="predicted")).to_have_count(1)
        seen.goto(sign_in_link(stack.endpoints.api, token))
        seen.get_by_role("button", name="Sign in as pupil").click()
        expect(seen.get_by_text("pupil", exact=True)).to_be_visible()
        expect(seen.get_by_role("heading", name="Jobs")).to_be_visible()
        seen.goto(f"{stack.endpoints.api}/#/lessons")
        expect(seen.get_by_role("listitem")).to_have_count(12)
        expect(seen.get_by_role("link", name="predicted")).to_have_count(0)


def come_back(seen: Page) -> None:
    """A training goes on where it was after it was opened as a job, and is trained once more after a reload."""
    play, trained = seen.get_by_role("button", name="Play"), seen.get_by_text("Trained", exact=True)
    seen.get_by_role("link", name="Open as a job").click()
    expect(seen.get_by_text(re.compile("^(paused|succeeded)$")).first).to_be_visible()  # not cancelled
    seen.go_back()
    play.click()
    expect(trained).to_be_visible(timeout=SLOW_MS)
    seen.reload()
    expect(trained).to_be_visible(timeout=SLOW_MS)
    seen.get_by_label("Epoch that is shown").fill("5")
    expect(seen.get_by_text("005", exact=True)).to_be_visible()  # along the curve, for there is one picture
    with seen.expect_request(lambda asked: asked.method == "POST" and asked.url.endswith("/jobs")):
        play.click()  # of an earlier training only the last picture is there
    expect(trained).to_be_visible(timeout=SLOW_MS)


def _refused(route: Route) -> None:
    """The answer to a job that the service does not take."""
    route.fulfill(status=422, json={"detail": "You have enough jobs."})


def _diverging(route: Route) -> None:
    """The lesson with a run that diverges."""
    lesson = route.fetch().json()
    lesson["jobs"]["too large"].update(learning_rate=1000.0, activation="relu")
    route.fulfill(json=lesson)
