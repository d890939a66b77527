"""Users, projects and tokens on the page, by keyboard in a browser: from a new user to a token that is revoked."""

import re
from functools import partial

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.hands import Keyboard

from .embedded import Embedded
from .walking import SCREENS, go, look, signed_in

pytestmark = pytest.mark.browser


def make_and_remove_a_webhook(seen: Page, do: Keyboard, project: str) -> None:
    """One that tells of a project."""
    button, field = partial(seen.get_by_role, "button"), seen.get_by_label
    do.press(button(name="New webhook"))
    do.write(field("Address"), "ftp://example.org/")
    do.choose(field("Whose jobs and sweeps"), f"those of {project}")
    do.press(button(name="Make it"))
    expect(seen.get_by_role("dialog")).to_contain_text("Address must")
    look(seen)
    address = f"http://1.1.1.1/{project}"
    do.write(field("Address"), address)
    do.press(button(name="Make it"))
    expect(field("The secret")).to_have_value(re.compile("^whsec_"))
    look(seen)
    seen.keyboard.press("Escape")
    row = seen.get_by_role("row").filter(has_text=address)
    expect(row).to_contain_text(f"project {project}")
    look(seen)
    do.press(button(name=f"Remove {address}"))
    expect(row).to_have_count(0)


@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_a_user_is_made_shares_a_project_and_has_a_token_until_it_is_revoked(
    stack: Embedded, browser: Browser, width: int, theme: str
) -> None:
    def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(
            f"{stack.endpoints.api}/api/v1/jobs", headers=headers, trust_env=False, timeout=60.0
        ).status_code

    user, project, purpose = f"mia-{width}", f"vision-{width}", f"notebook {width}"
    with signed_in(browser, stack, width, theme) as seen:
        do, button, field = Keyboard(seen), partial(seen.get_by_role, "button"), seen.get_by_label
        go(seen, do, "People")
        do.write(field("Name of the new user"), user)
        do.press(button(name="Add user"))
        do.press(button(name=f"Change the quotas of {user}"))
        do.write(field("GPU-hours a month"), "2.5")
        look(seen)
        do.press(seen.get_by_role("dialog").get_by_role("button", name="Save"))
        expect(field("Quotas", exact=True).get_by_role("row", name=user)).to_contain_text("0 of 2.5")

        do.write(field("Name of the new project"), project)
        do.press(button(name="New project"))
        do.write(field(f"User to add to {project}"), user)
        do.press(seen.get_by_role("article", name=f"Project {project}").get_by_role("button", name="Add member"))
        do.choose(field(f"Role of {user} in {project}"), "viewer")
        expect(seen.get_by_text(f"{user} is viewer in {project}.")).to_be_visible()
        users = seen.get_by_role("region", name="Users")
        expect(users.get_by_role("row", name=user)).to_contain_text(f"{project} (viewer)")
        expect(button(name="Lock out admin")).to_be_disabled()

        do.press(button(name="New token"))
        expect(field("What it is for")).to_be_focused()
        do.write(field("What it is for"), purpose)
        do.write(field("User", exact=True), user)
        do.press(button(name="Make it"))
        expect(field("The token")).to_have_value(re.compile("^epo_"))
        token = field("The token").input_value()
        assert status(token) == 200
        seen.keyboard.press("Escape")
        look(seen)
        do.press(button(name=f"Revoke {purpose}"))
        assert status(token) == 200  # it is asked first
        look(seen)
        do.press(button(name="Revoke it"))
        seen.keyboard.press("Enter")  # once more: the question that this may open goes with the token
        expect(seen.get_by_role("dialog")).to_have_count(0)
        expect(button(name=f"Revoke {purpose}")).to_have_count(0)
        expect(seen.get_by_text("Revoked: nobody gets in with it any more.")).to_be_visible()
        assert status(token) == 401
        make_and_remove_a_webhook(seen, do, project)
        do.write(field("Only this action"), "tokens.revoke")
        seen.keyboard.press("Enter")
        do.press(button(name="Refresh"))
        expect(field("Audit log").get_by_role("row", name="tokens.revoke").first).to_contain_text("done")
        do.choose(field("of the last"), "24 hours")
        hours = seen.get_by_role("region", name="Device time")  # who runs this test alone has trained nothing
        expect(hours).to_contain_text(re.compile("Attempts|Nothing was trained in this time"))
