"""Sweeps and comparisons on the page, by keyboard in a browser: from the form to the difference between two seeds."""

import re
from functools import partial

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.hands import Keyboard

from .embedded import Embedded
from .walking import SCREENS, SLOW_MS, go, look, signed_in

pytestmark = pytest.mark.browser

FITS = "box => box.scrollWidth <= box.clientWidth"
"""Whether a box has nothing to scroll sideways."""


def fits(seen: Page, box: str, width: int) -> bool:
    """Whether a box has nothing to scroll sideways in a window of this width."""
    before = seen.viewport_size
    assert before is not None
    seen.set_viewport_size({"width": width, "height": before["height"]})
    found = bool(seen.get_by_label(box).evaluate(FITS))
    seen.set_viewport_size(before)
    return found


def expect_jobs_of_sweeps_when_asked(seen: Page, do: Keyboard, name: str) -> None:
    """The list of jobs leaves out the jobs of sweeps, and shows them when that is ticked."""
    go(seen, do, "Jobs")
    of_sweep = seen.get_by_role("link", name=re.compile(f"^{name}"))
    expect(of_sweep).to_have_count(0)
    do.tick(seen.get_by_label("Jobs of sweeps"))
    expect(of_sweep.first).to_be_visible(timeout=SLOW_MS)
    look(seen)


def read_the_configurations(seen: Page, do: Keyboard) -> None:
    """In the order of their numbers, as a chart, and two of their parameters as a table."""
    expect(seen.get_by_role("img", name="of 4 configurations in the order of their numbers")).to_be_visible()
    do.press(seen.get_by_role("region", name="Contour").get_by_text("Data as a table"))
    expect(seen.get_by_label("Contour").get_by_role("columnheader", name="validation loss")).to_be_visible()
    do.press(seen.get_by_role("group", name="Configurations").get_by_role("button", name="#"))
    expect(seen.get_by_role("columnheader", name="#").last).to_have_attribute("aria-sort", "ascending")


def keep_those_with_sgd(seen: Page, do: Keyboard) -> None:
    """By the buttons above the axes; a reload shows the same."""
    kept = seen.get_by_text(re.compile("^[0-3] kept$"))
    do.press(seen.get_by_role("button", name="optimizer: limits and scale"))
    do.tick(seen.get_by_role("radio", name="sgd"))
    expect(kept).to_be_visible()
    expect(seen).to_have_url(re.compile("brush="))  # a moment later: a slider that is dragged writes seldom
    seen.reload()
    expect(kept).to_be_visible(timeout=SLOW_MS)


def smooth_and_hide_the_line(seen: Page, do: Keyboard) -> None:
    """Of the only group."""
    do.reach(seen.get_by_label("Smoothing", exact=True))
    seen.keyboard.press("End")
    look(seen)
    do.press(seen.get_by_title("Hide this line"))
    expect(seen.get_by_text("The lines with values are hidden.")).to_be_visible()
    look(seen)


def remove_a_job(seen: Page, do: Keyboard) -> None:
    """The focus stays beside the others."""
    remove = seen.get_by_role("button", name=re.compile("^Remove"))
    do.press(remove.first)
    expect(remove).to_have_count(2)
    expect(seen.get_by_role("list").filter(has=remove)).to_be_focused()


@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_a_sweep_is_written_trained_understood_and_its_jobs_compared(
    stack: Embedded, browser: Browser, width: int, theme: str
) -> None:
    with signed_in(browser, stack, width, theme) as seen:
        do = Keyboard(seen)
        button, link, field = partial(seen.get_by_role, "button"), partial(seen.get_by_role, "link"), seen.get_by_label
        go(seen, do, "Sweeps")
        do.press(link(name="New sweep").first)
        do.write(field("Name"), "rates and widths")
        rate = seen.get_by_role("group", name="Learning rate")
        do.write(rate.get_by_label("From"), "-1")
        expect(rate.get_by_role("alert")).to_contain_text("Learning rate must have limits above 0", timeout=SLOW_MS)
        look(seen)
        do.write(rate.get_by_label("From"), "0.001")
        do.write(field("Configurations", exact=True), "4")
        do.write(field("Seeds", exact=True), "2")
        do.choose(field("Data set"), "iris")
        expect(seen.get_by_role("complementary", name="Check")).to_contain_text("4 configurations", timeout=SLOW_MS)
        expect(seen.get_by_role("region", name="Network")).to_contain_text(
            re.compile("4 ?inputs.*3 ?outputs", re.DOTALL)
        )
        do.press(button(name="Start the sweep"))

        expect(seen.get_by_text("finished", exact=True).first).to_be_visible(timeout=SLOW_MS)
        expect(field("Answer")).to_contain_text("validation loss")
        expect(seen.get_by_role("table").first).to_contain_text("best")
        expect(field("All configurations")).to_contain_text("4 with a score")
        expect(seen.get_by_role("img", name=re.compile("^validation loss by epoch: 4 lines"))).to_be_visible()
        read_the_configurations(seen, do)
        look(seen)

        keep_those_with_sgd(seen, do)
        do.press(button(name="Best spec"))
        expect(seen.get_by_role("dialog")).to_contain_text("name: iris")
        look(seen)
        seen.keyboard.press("Escape")
        do.press(button(name="Find the ensemble"))
        expect(field("Ensemble")).to_contain_text("validation", timeout=SLOW_MS)

        do.press(link(name="Its 2 jobs"))
        expect(seen.get_by_role("region", name="What differs")).to_contain_text("seed")
        assert width < 1440 or fits(seen, "Table of best metrics", 1280)
        do.choose(field("Group by"), "learning rate")
        expect(field("Groups")).to_contain_text("Deviation")
        smooth_and_hide_the_line(seen, do)
        do.choose(field("Group by"), "each job by itself")
        do.press(button(name="Add jobs"))
        do.tick(seen.get_by_role("dialog").get_by_role("checkbox").first)
        do.press(seen.get_by_role("dialog").get_by_role("button", name="Add 1 job"))
        expect(seen.get_by_text("3 jobs", exact=True)).to_be_visible()
        remove_a_job(seen, do)
        expect(seen).to_have_url(re.compile("ids=[^&,%]+(,|%2C)[^&,%]+(&|$)"))
        seen.reload()
        expect(seen.get_by_text("2 jobs", exact=True)).to_be_visible(timeout=SLOW_MS)

        expect_jobs_of_sweeps_when_asked(seen, do, "rates and widths")


@pytest.mark.thorough
@pytest.mark.usefixtures("client")  # which ends slow motion
def test_a_sweep_is_extended_paused_resumed_and_replayed_while_its_view_follows(
    stack: Embedded, browser: Browser
) -> None:
    base = {"dataset": "iris", "architecture": {"type": "mlp", "hidden": [4]}, "epochs": 10}
    space = {"learning_rate": {"log_uniform": [1e-3, 1e-1]}}
    with stack.http() as http:
        sweep = http.post("/sweeps", json={"base": base, "space": space, "method": "random", "trials": 2}).json()
    with signed_in(browser, stack) as seen:
        do, button = Keyboard(seen), partial(seen.get_by_role, "button")
        seen.goto(f"{stack.endpoints.api}/#/sweeps/{sweep['id']}")
        expect(seen.get_by_label("All configurations")).to_contain_text("2 with a score", timeout=SLOW_MS)
        stack.slow_motion.begin()
        do.press(button(name="Extend"))
        do.write(seen.get_by_label("Configurations in all"), "4")
        do.press(seen.get_by_role("dialog").get_by_role("button", name="Extend"))
        do.press(button(name="Pause"))
        expect(seen.get_by_text("paused", exact=True).first).to_be_visible()
        expect(seen.get_by_text("of all jobs together")).to_be_visible()  # it trains nothing a second
        stack.slow_motion.end()
        do.press(button(name="Resume"))
        expect(seen.get_by_label("All configurations")).to_contain_text("4 with a score", timeout=SLOW_MS)
        expect(seen.get_by_text("finished", exact=True).first).to_be_visible(timeout=SLOW_MS)
        do.press(button(name="More"), seen.get_by_role("menuitem", name="Replay"))
        expect(seen.get_by_role("link", name=re.compile("^replay of"))).to_be_visible()
        expect(seen.get_by_text(re.compile("bit for bit"))).to_be_visible(timeout=SLOW_MS)
