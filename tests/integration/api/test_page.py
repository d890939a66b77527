"""What the API shows in a browser, without workers: the page to whoever signs in, hostile texts, its documents."""

import codecs
import csv
import http.server
import io
import re
import threading
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import APIResponse, Browser, Route, expect

from epochal.cli.stack import sign_in_link
from spec.states import FailureReason, StopReason
from store.records import Claim, Progress, Success
from tests.browser import page_of
from tests.integration.tracking.conftest import curve
from tests.services import eventually, family

from .conftest import NOBODY, service
from .seeing import address, signed_in, spec
from .sweeping import BASE
from .sweeping import train as train_sweeps
from .test_process import Running, running
from .test_sweeps import finished_with_lost_jobs

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>hacked=1</script>",
    "<img src=x onerror=hacked=1>",
    '"><svg onload=hacked=1>',
    "' onmouseover='hacked=1' '",
    "javascript:hacked=1",
    "</title><script>hacked=1</script>",
    "{hacked=1} {@html '<b>'} ${hacked=1} {{hacked=1}}",
)

UNSEEN = """
    Object.defineProperty(document, 'hidden', {get: () => window.unseen ?? false});
    window.look = seen => { window.unseen = !seen; document.dispatchEvent(new Event('visibilitychange')); };
"""
"""`look(false)` in a tab is another tab in front of it."""

DROP_A_FOLDER = """box => {
    const folder = new File(['-'], 'photos');
    folder.slice = () => ({arrayBuffer: () => Promise.reject(new DOMException('', 'NotFoundError'))});
    const event = new Event('drop', {bubbles: true, cancelable: true});
    event.dataTransfer = {types: ["Files"], files: [folder]};
    box.dispatchEvent(event);
}"""
"""What a browser tells a page of a folder: a file that cannot be read."""

DROP_A_SLOW_AND_A_QUICK_FILE = """async box => {
    const bytes = new TextEncoder().encode('a,y').buffer;
    const drop = (name, reads) => {
        const file = new File(['-'], name);
        file.slice = () => ({arrayBuffer: () => reads});
        const event = new Event('drop', {bubbles: true, cancelable: true});
        event.dataTransfer = {types: ["Files"], files: [file]};
        box.dispatchEvent(event);
        return new Promise(resolve => setTimeout(resolve));
    };
    let read;
    await drop('slow.csv', new Promise(resolve => (read = resolve)));
    await drop('quick.csv', Promise.resolve(bytes));
    read(bytes);
    await new Promise(resolve => setTimeout(resolve));
}"""

JOB = {"dataset": "moons", "project": "shown", "architecture": {"type": "mlp", "hidden": [4]}}
UNKNOWN = "The API does not say who is signed in here. Open the link again."


def as_root(api: Running) -> httpx.Client:
    """An administrator."""
    token = api.tokens.create(owner="root", scopes=["jobs:read", "jobs:write", "admin"])
    return httpx.Client(base_url=f"{address(api)}/api/v1", headers={"Authorization": f"Bearer {token}"})


def train(api: Running, epochs: int) -> str:
    """The id of the job that waits longest, after it has trained."""
    (claim,) = api.store.claim(worker="w1", device="cpu", limit=1, lease_s=600)
    return finish(api, claim, epochs)


def finish(api: Running, claim: Claim, epochs: int) -> str:
    """The id of the claimed job, after it has trained."""
    points = curve(1, epochs)
    last = {name: column[-1] for name, column in points.items() if name != "epoch"}
    end = Success(
        claim.job_id,
        claim.attempt,
        StopReason.max_epochs,
        best_epoch=21,
        best_metrics=last,
        metrics=last,
        points=points,
    )
    assert api.store.succeed(end)
    return claim.job_id


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("page"), NOBODY, EPOCHAL_WEBHOOK_PRIVATE="1") as made:
        yield made


class Receiver(http.server.BaseHTTPRequestHandler):
    """It takes every message."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_a_link_with_the_token_in_its_fragment_signs_in_and_leaves_the_address(api: Running, browser: Browser) -> None:
    api.store.submit([spec("first")], owner="ann")
    train(api, 30)
    api.store.submit([spec("second")], owner="ann")
    asked: list[str] = []
    with signed_in(browser, api) as seen:
        seen.on("request", lambda request: asked.append(request.url))
        jobs = seen.get_by_role("table", name="Jobs")
        expect(jobs.get_by_role("row", name="first")).to_contain_text("succeeded")
        expect(jobs.get_by_role("row", name="second")).to_contain_text("queued")
        assert seen.url == f"{address(api)}/"
        seen.reload()
        expect(jobs.get_by_role("row", name="first")).to_be_visible()
        seen.goto(f"{address(api)}/#/jobs?state=queued")
        expect(jobs.get_by_role("row", name="first")).to_have_count(0)
        train(api, 30)
        seen.get_by_role("button", name="Changed: load again").click()
        expect(jobs.get_by_role("row", name="second")).to_have_count(0)
        seen.keyboard.press("Control+k")
        seen.get_by_label("Go to", exact=True).fill("irs")
        seen.get_by_role("option", name="first").click()
        expect(seen.get_by_role("heading", level=1)).to_have_text("first")
        assert api.token not in " ".join(asked)
        assert all(url.startswith(address(api)) for url in asked), "the page asks nobody else"
        tab = seen.context.new_page()
        tab.goto(f"{address(api)}/#/cluster")
        expect(tab.get_by_role("heading", name="Cluster")).to_be_visible()
        seen.get_by_role("button", name="Sign out").click()
        expect(seen.get_by_label("Token")).to_be_visible()
        expect(tab.get_by_label("Token")).to_be_visible()
        seen.reload()
        expect(seen.get_by_label("Token")).to_be_visible()
        expect(tab.get_by_role("alert")).to_contain_text("You were signed out")
        tab.get_by_label("Token").fill(api.token)
        tab.get_by_label("Token").press("Enter")
        expect(tab.get_by_role("heading", name="Cluster")).to_be_visible()


@pytest.mark.thorough
def test_tabs_that_nobody_sees_leave_the_connections_of_the_browser_to_the_one_that_is_seen(
    api: Running, browser: Browser
) -> None:
    """A browser has six connections to a server: six streams were the end of every tab."""
    api.store.submit([spec("there")], owner="ann")
    with signed_in(browser, api) as seen:
        seen.context.add_init_script(UNSEEN)  # without a screen, a browser says of every tab that it is seen
        tabs = [seen.context.new_page() for _ in range(6)]
        for tab in tabs:
            tab.goto(address(api))
            expect(tab.get_by_role("table", name="Jobs")).to_be_visible()
            tab.evaluate("look(false)")
        api.store.submit([spec("later")], owner="ann")
        expect(seen.get_by_role("link", name="later")).to_be_visible()
        expect(tabs[0].get_by_role("link", name="later")).to_have_count(0)
        tabs[0].evaluate("look(true)")
        expect(tabs[0].get_by_role("link", name="later")).to_be_visible()

        held: list[Route] = []  # an answer that comes when its view is left is for nobody, and is no complaint either
        seen.route("**/api/v1/jobs?limit=*", lambda route: held.append(route))  # noqa: PLW0108 (it marks what it calls)
        with seen.expect_request("**/api/v1/jobs?limit=*"):
            api.store.submit([spec("too late")], owner="ann")
        seen.goto(f"{address(api)}/#/cluster")
        expect(seen.get_by_role("heading", name="Cluster")).to_be_visible()
        with seen.expect_response("**/api/v1/jobs?limit=*"):
            for route in held:
                route.continue_()
    for _ in range(3):
        train(api, 30)


@pytest.mark.thorough
def test_of_jobs_with_different_losses_none_is_the_best_by_its_loss(api: Running, browser: Browser) -> None:
    specs = [spec("one", seed=20260101), spec("two", seed=20260102), spec("other", seed=0, loss="focal")]
    api.store.submit(specs, owner="ann")
    one, two, other = (train(api, epochs) for epochs in (30, 25, 24))
    with signed_in(browser, api) as seen:
        card = seen.get_by_role("region", name="Best metrics")
        best = card.get_by_role("row", name="one").get_by_role("cell").filter(has_text="best")
        seen.route(f"**/jobs/{one}/curve?*", _away, times=1)
        with seen.expect_response(lambda answer: f"{one}/curve?" in answer.url and answer.ok):  # it is asked again
            seen.goto(f"{address(api)}/#/compare?ids={one},{two}")
        expect(best).to_have_count(4)  # the losses and the accuracies
        seen.get_by_role("button", name="seed", exact=True).click()
        expect(seen.get_by_role("region", name="Groups").get_by_role("row")).to_have_count(3)  # their numbers are long
        seen.goto(f"{address(api)}/#/compare?ids={one},{two},{other}")
        expect(card).to_contain_text("but not of losses: these jobs have different ones")
        expect(best).to_have_count(2)
        seen.route(f"**/jobs/{one}", _away, times=1)
        seen.goto(f"{address(api)}/#/jobs/{one}")
        expect(seen.get_by_text("away for a moment")).to_be_visible()
        expect(seen.get_by_role("heading", level=1)).to_have_text("one")
        for kind, then in (("jobs", seen.get_by_role("row", name="one")), ("sweeps", seen.get_by_text("No sweep yet"))):
            seen.route(f"**/api/v1/{kind}?*", _away, times=1)
            seen.goto(f"{address(api)}/#/{kind}")
            expect(seen.get_by_text("away for a moment")).to_be_visible()
            expect(then).to_be_visible()


HEAR = """
    const read = ReadableStreamDefaultReader.prototype.read;
    window.heard = "";
    ReadableStreamDefaultReader.prototype.read = async function (...given) {
        const part = await read.apply(this, given);
        if (typeof part.value === "string") window.heard += part.value;
        return part;
    };
"""
"""Keeps what the page was sent by streams."""


def test_a_job_that_ends_while_its_view_is_opened_is_shown_as_ended(api: Running, browser: Browser) -> None:
    (job,) = api.store.submit([spec("overtaken", priority=10)], owner="ann").jobs  # before those that other tests left
    (claim,) = api.store.claim(worker="w1", device="cpu", limit=1, lease_s=600)
    assert claim.job_id == job.id
    with signed_in(browser, api) as seen:
        seen.add_init_script(HEAR)
        seen.reload()
        expect(seen.get_by_role("row", name="overtaken")).to_contain_text("running")
        eventually(lambda: "ready" in seen.evaluate("window.heard"), 20.0, "the stream is there, or all is asked again")

        held: list[tuple[Route, APIResponse]] = []
        seen.route(f"**/api/v1/jobs/{job.id}", lambda route: held.append((route, route.fetch())), times=1)
        seen.goto(f"{address(api)}/#/jobs/{job.id}")
        eventually(lambda: seen.evaluate("true") and held != [], 20.0, "the job is asked for")
        finish(api, claim, 30)
        eventually(lambda: "succeeded" in seen.evaluate("window.heard"), 20.0, "the news are there")
        ((route, answer),) = held
        route.fulfill(response=answer)
        expect(seen.get_by_text("succeeded", exact=True).first).to_be_visible()


@pytest.mark.thorough
def test_what_becomes_of_a_job_is_seen_by_whoever_looks_at_it_and_the_focus_stays_in_its_view(
    api: Running, browser: Browser
) -> None:
    (job,) = api.store.submit([spec("watched", priority=20)], owner="ann").jobs
    (claim,) = api.store.claim(worker="w1", device="cpu", limit=1, lease_s=600)
    api.store.renew(worker="w1", progress=[Progress(job.id, claim.attempt, curve(1, 3))], lease_s=600)
    with signed_in(browser, api) as seen:
        seen.goto(f"{address(api)}/#/jobs/{job.id}")
        seen.get_by_role("button", name="Cancel", exact=True).press("Enter")
        question = seen.get_by_role("dialog", name="Cancel watched?")
        expect(question).to_be_visible()
        finish(api, claim, 30)  # and the button that opened the question is gone, too
        expect(question).to_have_count(0)
        expect(seen.get_by_role("main").locator(":focus")).to_have_count(1)
        api.store.delete(job.id, owner="ann")
        expect(seen.get_by_text("There is no such job among yours")).to_be_visible()


HIDE_UNDER_THE_POINTER = """async (line) => {
    const canvas = document.querySelector("canvas");
    const box = canvas.getBoundingClientRect();
    const move = (x) => canvas.dispatchEvent(new MouseEvent("mousemove", {
        bubbles: true, clientX: box.left + box.width * x, clientY: box.top + box.height / 2,
    }));
    line.click();
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    move(0.3);
    move(0.6);
}"""
"""Hide a line and move the pointer in one turn, before the next frame is drawn."""


def _away(route: Route) -> None:
    """The answer of a service that is busy."""
    route.fulfill(status=503, headers={"Retry-After": "1"}, json={"detail": "It is away for a moment."})


@pytest.mark.thorough
def test_compared_lines_are_smoothed_and_hidden_and_jobs_above_the_limit_are_not_silently_left_out(
    api: Running, browser: Browser
) -> None:
    api.store.submit([spec("even"), spec("odd")], owner="ann")
    even, odd = train(api, 30), train(api, 30)
    with signed_in(browser, api) as seen:
        seen.goto(f"{address(api)}/#/compare?ids={even},{odd}")
        chart = seen.get_by_role("img", name="validation loss by epoch")
        expect(chart).to_have_accessible_name("validation loss by epoch: 2 lines")
        seen.get_by_label("Along").select_option("time")
        expect(seen.get_by_role("img", name="validation loss by seconds since the start: 2 lines")).to_be_visible()
        seen.reload()
        expect(seen.get_by_role("img", name="validation loss by seconds since the start: 2 lines")).to_be_visible()
        seen.get_by_label("Along").select_option("epochs")
        line = seen.get_by_role("button", name="odd", exact=True)
        line.press("Enter")
        expect(chart).to_have_accessible_name("validation loss by epoch: one line")
        seen.get_by_label("Smoothing", exact=True).press("End")
        expect(seen).to_have_url(re.compile("smooth="))
        seen.reload()
        expect(chart).to_have_accessible_name("validation loss by epoch, smoothed: one line")
        expect(line).to_have_attribute("aria-pressed", "false")
        expect(seen.get_by_label("Smoothing", exact=True)).to_have_value("0.99")
        seen.get_by_text("Data as a table").click()
        expect(seen.get_by_role("columnheader", name="smoothed")).to_be_visible()
        seen.get_by_role("button", name="even", exact=True).click()
        expect(seen.get_by_text("The lines with values are hidden.")).to_be_visible()
        line.click()
        expect(chart).to_have_accessible_name("validation loss by epoch, smoothed: one line")
        seen.set_viewport_size({"width": 600, "height": 800})
        metrics = seen.get_by_role("group", name="Table of best metrics")
        hidden = "box => Math.max(0, box.querySelector('table').offsetWidth - box.clientWidth)"
        assert metrics.evaluate(hidden) > 0
        seen.emulate_media(media="print")
        assert metrics.evaluate(hidden) == 0, "paper cuts it"
        seen.emulate_media(media="screen")
        seen.set_viewport_size({"width": 1280, "height": 800})
        strangers = ",".join(str(uuid.uuid4()) for _ in range(60))
        seen.goto(f"{address(api)}/#/compare?ids={even},{odd},{strangers}")
        expect(seen.get_by_text("62 jobs are chosen, and the first 50 are shown")).to_be_visible()
        seen.get_by_role("button", name="Remove odd").click()
        expect(seen.get_by_text("61 jobs are chosen, and the first 50 are shown")).to_be_visible()


def test_a_pointer_that_meets_a_chart_as_it_changes_is_answered(api: Running, browser: Browser) -> None:
    api.store.submit([spec("even"), spec("odd")], owner="ann")
    even, odd = train(api, 30), train(api, 30)
    with signed_in(browser, api) as seen:
        seen.goto(f"{address(api)}/#/compare?ids={even},{odd}")
        chart = seen.get_by_role("img", name="validation loss by epoch: 2 lines")
        chart.locator("canvas").hover()
        expect(chart.get_by_text("Epoch")).to_be_visible()
        seen.get_by_role("button", name="odd", exact=True).evaluate(HIDE_UNDER_THE_POINTER)
        expect(seen.get_by_role("img", name="validation loss by epoch: one line")).to_be_visible()


@pytest.mark.thorough
def test_the_list_of_jobs_is_saved_as_csv_and_chosen_jobs_are_deleted_after_a_question(
    api: Running, browser: Browser
) -> None:
    api.store.submit([spec(name, project="short-lived") for name in ("=1+1", "stays", "waits")], owner="ann")
    for _ in range(2):
        train(api, 30)
    with signed_in(browser, api) as seen:
        seen.goto(f"{address(api)}/#/jobs?project=short-lived")
        with seen.expect_download() as download:
            seen.get_by_role("button", name="Download CSV").click()
        assert download.value.suggested_filename == "jobs.csv"
        saved = Path(download.value.path()).read_bytes()
        assert saved.startswith(codecs.BOM_UTF8), "Excel would take it for another encoding"
        rows = list(csv.DictReader(io.StringIO(saved.decode("utf-8-sig"))))
        assert [(row["name"], row["state"]) for row in rows] == [
            ("waits", "queued"),
            ("stays", "succeeded"),
            ("'=1+1", "succeeded"),
        ]
        assert {row["dataset"] for row in rows} == {"digits"}
        assert float(rows[1]["best_val_loss"]) > 0
        names = seen.get_by_role("table", name="Jobs").get_by_role("link")
        chosen, dialog = seen.get_by_role("region", name="Chosen jobs"), seen.get_by_role("dialog")
        seen.get_by_role("checkbox", name="Choose stays").check()
        chosen.get_by_role("button", name="Delete").click()
        dialog.get_by_role("button", name="Keep them").click()
        expect(names).to_have_count(3)
        held: list[Route] = []
        seen.route("**/api/v1/jobs/*", lambda route: held.append(route))  # noqa: PLW0108 (it marks what it calls)
        seen.get_by_label("Choose all that are loaded").check()
        chosen.get_by_role("button", name="Delete").click()
        with seen.expect_request("**/api/v1/jobs/*"):
            dialog.get_by_role("button", name="Delete 2 jobs").click()
        seen.goto(f"{address(api)}/#/lessons")
        expect(seen.get_by_role("heading", name="Lessons", level=1)).to_be_visible()
        held[0].fulfill(status=404, json={"detail": "It is gone."})
        expect(seen.get_by_text("0 jobs deleted.")).to_be_visible()
        assert len(held) == 1, "whoever left sees no more of it"
        seen.unroute("**/api/v1/jobs/*")
        seen.goto(f"{address(api)}/#/jobs?project=short-lived")
        seen.get_by_label("Choose all that are loaded").check()
        chosen.get_by_role("button", name="Delete").click()
        expect(dialog).to_contain_text("Delete 2 jobs?")
        expect(dialog).to_contain_text("models and other files are lost for good")
        expect(dialog).to_contain_text("1 chosen job has not ended")
        dialog.get_by_role("button", name="Delete 2 jobs").click()
        expect(seen.get_by_text("2 jobs deleted.")).to_be_visible()
        expect(names).to_have_text(["waits"])
        expect(chosen).to_contain_text("1 job chosen")
        chosen.get_by_role("button", name="Cancel").click()
        dialog.get_by_role("button", name="Cancel 1 job").click()
        expect(seen.get_by_role("table", name="Jobs")).to_contain_text("cancelled")
        chosen.get_by_role("button", name="Delete").click()
        dialog.get_by_role("button", name="Delete 1 job").press("Enter")
        expect(seen.get_by_role("heading", name="No job fits")).to_be_visible()
        assert not seen.evaluate("document.activeElement === document.body"), "whoever has no mouse begins anew"


def test_while_jobs_are_asked_for_the_table_is_pale_and_not_away(api: Running, browser: Browser) -> None:
    api.store.submit([spec("sorted")], owner="ann")
    train(api, 30)  # other tests train the job that waits longest
    with signed_in(browser, api) as seen:
        table = seen.locator(".list")
        expect(table).to_have_css("opacity", "1")
        seen.route("**/api/v1/jobs?*", lambda _: None)
        seen.goto(f"{address(api)}/#/jobs?sort=created")
        expect(table).to_have_css("opacity", "0.7")
        expect(table).to_have_css("animation-name", "none")


def test_an_answer_that_is_older_than_a_deletion_does_not_bring_the_job_back(api: Running, browser: Browser) -> None:
    made = api.store.submit([spec(name, project="overtaken") for name in ("gone", "stays")], owner="ann")
    with signed_in(browser, api) as seen:
        seen.goto(f"{address(api)}/#/jobs?project=overtaken")
        names = seen.get_by_role("table", name="Jobs").get_by_role("link")
        expect(names).to_have_count(2)
        late: list[tuple[Route, APIResponse]] = []
        seen.route("**/api/v1/jobs?*", lambda route: late.append((route, route.fetch())))
        seen.goto(f"{address(api)}/#/jobs?project=overtaken&sort=created")
        expect(seen.locator(".asking")).to_be_visible()
        eventually(lambda: seen.evaluate("1") == 1 and bool(late), within_s=10, what="the older answer is there")
        jobs, head = f"{address(api)}/api/v1/jobs", {"Authorization": f"Bearer {api.token}"}
        assert httpx.post(f"{jobs}/{made.jobs[0].id}/cancel", headers=head).is_success
        assert httpx.delete(f"{jobs}/{made.jobs[0].id}", headers=head).is_success
        expect(names).to_have_text(["stays"])
        route, answer = late[0]
        assert len(answer.json()["jobs"]) == 2
        route.fulfill(response=answer)
        expect(seen.locator(".asking")).to_have_count(0)
        expect(names).to_have_text(["stays"])
        expect(seen.locator(".view-head .number")).to_have_text("1")
        assert httpx.post(f"{jobs}/{made.jobs[1].id}/cancel", headers=head).is_success  # others train what waits


@pytest.mark.parametrize(("view", "name"), [("new", "Train"), ("sweeps/new", "Start the sweep")])
def test_on_a_telephone_the_button_of_a_form_is_in_reach_at_its_top(
    api: Running, browser: Browser, view: str, name: str
) -> None:
    with signed_in(browser, api) as seen:
        seen.set_viewport_size({"width": 375, "height": 740})
        seen.goto(f"{address(api)}/#/{view}")
        button = seen.get_by_role("button", name=name, exact=True)
        expect(button).to_be_in_viewport(ratio=1)
        if view == "new":
            seen.get_by_label("Validation fraction").fill("2")
            expect(seen.get_by_text("1 field to correct")).to_be_in_viewport(ratio=1)
            expect(button).to_be_disabled()
        lowest = seen.get_by_role("button", name="Copy", exact=True)
        lowest.scroll_into_view_if_needed()
        lowest.click()


def test_a_webhook_is_made_tried_and_removed_on_the_page(api: Running, browser: Browser) -> None:
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server,
        signed_in(browser, api) as seen,
    ):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        seen.goto(f"{address(api)}/#/people")
        card = seen.get_by_role("region", name="Webhooks")
        row = card.get_by_role("row").filter(has_text=url)
        card.get_by_role("button", name="New webhook").click()
        seen.get_by_label("Address").fill("ftp://example.org/")
        seen.get_by_role("button", name="Make it").click()
        expect(seen.get_by_role("dialog")).to_contain_text("Address must")
        seen.get_by_label("Address").fill(url)
        seen.get_by_role("button", name="Make it").click()
        expect(seen.get_by_label("The secret")).to_have_value(re.compile("^whsec_"))
        secret = seen.get_by_label("The secret").input_value()
        seen.keyboard.press("Escape")
        expect(row).to_contain_text("own jobs and sweeps")
        expect(row).to_contain_text("no failure")
        row.get_by_role("button", name="Send a test").click()
        expect(seen.get_by_text("The test arrived: HTTP 204")).to_be_visible()
        server.shutdown()
        server.server_close()
        row.get_by_role("button", name="Send a test").click()
        expect(seen.get_by_text("The test did not arrive")).to_be_visible()
        seen.reload()
        expect(row).to_be_visible()
        assert secret not in seen.content()
        row.get_by_role("button", name="Remove").click()
        expect(row).to_have_count(0)


def test_a_link_of_somebody_else_asks_before_it_signs_in(api: Running, browser: Browser) -> None:
    other = api.tokens.create(owner="mallory")
    with signed_in(browser, api) as seen:
        seen.route("**/api/v1/session", _away)
        seen.goto(sign_in_link(address(api), other))  # whom it would replace is not known
        expect(seen.get_by_text(UNKNOWN)).to_be_visible()
        seen.unroute("**/api/v1/session")
        expect(seen.get_by_title("Signed in as ann")).to_be_visible()
        question = seen.get_by_role("dialog", name="Sign in as mallory?")
        seen.goto(sign_in_link(address(api), other))
        expect(question).to_contain_text("You are signed in as ann")
        question.get_by_role("button", name="Stay ann").click()
        expect(question).to_have_count(0)
        expect(seen.get_by_title("Signed in as ann")).to_be_visible()
        with seen.expect_response("**/api/v1/session") as exchanged:
            seen.goto(sign_in_link(address(api), api.tokens.create(owner="ann")))
        assert exchanged.value.ok
        expect(seen.get_by_role("dialog")).to_have_count(0)
        seen.goto(sign_in_link(address(api), other))
        question.get_by_role("button", name="Sign in as mallory").click()
        expect(seen.get_by_title("Signed in as mallory")).to_be_visible()


def test_a_wrong_token_is_a_sentence_on_the_page(api: Running, browser: Browser) -> None:
    with page_of(browser) as seen:
        seen.goto(address(api))
        alert, token = seen.get_by_role("alert"), seen.get_by_label("Token")
        token.fill("epo_wrong")
        token.press("Enter")
        expect(alert).to_contain_text("token", ignore_case=True)
        expect(seen.get_by_role("table")).to_have_count(0)
        seen.route("**/api/v1/session", _away, times=1)
        seen.goto(f"{address(api)}/#classroom=epo_over")
        expect(alert).to_have_text("It is away for a moment. Then open the link again.")  # an outage makes no guests
        seen.goto(f"{address(api)}/#classroom=epo_over")
        expect(alert).to_contain_text("Ask your teacher for a new link.")
        expect(token).to_have_count(0)  # a guest has none
        seen.get_by_role("button", name="Sign in with a token").click()
        expect(token).to_be_visible()


def test_a_guest_of_a_class_is_offered_what_a_guest_may_do(api: Running, browser: Browser) -> None:
    token, _ = api.tokens.create_classroom(owner="ann", lasts_s=3600.0)
    with page_of(browser) as seen:
        seen.goto(f"{address(api)}/#classroom={token}&to=/jobs")
        guest = seen.get_by_title(re.compile("Signed in as guest-")).inner_text()
        api.store.submit([spec("mine", priority=40)], owner=guest)
        seen.goto(f"{address(api)}/#/jobs/{train(api, 30)}")
        seen.get_by_role("button", name="More").click()
        expect(seen.get_by_role("menuitem")).to_have_text(["Compare with …"])
        seen.goto(f"{address(api)}/#/sweeps/new")
        expect(seen.get_by_text("Not for guests of a class")).to_be_visible()


def test_a_viewer_is_offered_what_a_viewer_may_do(api: Running, browser: Browser) -> None:
    with as_root(api) as admin:
        for path, body in (("/users", {"name": "vic", "role": "viewer"}), ("/projects", {"name": "shown"})):
            assert admin.post(path, json=body).is_success
        assert admin.put("/projects/shown/members/vic", json={"role": "viewer"}).is_success
        token = admin.post("/tokens", json={"user": "vic"}).json()["token"]
        ended, waits = (admin.post("/jobs", json=JOB | {"name": name}).json()["id"] for name in ("ended", "waits"))
        admin.post(f"/jobs/{ended}/cancel")
        sweep = admin.post("/sweeps", json={"base": JOB, "space": {"dropout": {"choice": [0, 0.1]}}}).json()["id"]
    with page_of(browser) as seen:
        buttons = seen.get_by_role("main").get_by_role("button")
        links = seen.get_by_role("main").locator("a.button")
        seen.goto(sign_in_link(address(api), token))
        seen.get_by_label("Choose ended").check()
        expect(seen.get_by_role("region", name="Chosen jobs").get_by_role("button")).to_have_text(["Clear"])
        expect(links).to_have_text(["Compare"])
        views = seen.get_by_role("navigation", name="Views").get_by_role("link")
        expect(views).to_have_text(["Jobs", "Compare", "Sweeps", "Data sets", "Cluster", "People"])
        for job, menu in ((ended, ["Compare with …"]), (waits, [])):
            seen.goto(f"{address(api)}/#/jobs/{job}")
            expect(seen.get_by_role("heading", name="History")).to_be_visible()
            expect(seen.get_by_role("button", name=re.compile("Cancel|Pause|Retry"))).to_have_count(0)
            expect(links).to_have_count(0)
            if menu:
                seen.get_by_role("button", name="More").click()
                expect(seen.get_by_role("menuitem")).to_have_text(menu)
        seen.goto(f"{address(api)}/#/sweeps/{sweep}")
        expect(seen.get_by_role("main").get_by_role("button")).to_have_text(["More"])
        seen.get_by_role("button", name="More").click()
        changing = re.compile("Replay|New sweep")
        expect(seen.get_by_role("menuitem", name="Its jobs")).to_be_visible()
        expect(seen.get_by_role("menuitem").filter(has_text=changing)).to_have_count(0)
        for view, heading in (("sweeps", "Sweeps"), ("datasets", "Data sets"), ("people", "People")):
            seen.goto(f"{address(api)}/#/{view}")
            expect(seen.get_by_role("heading", name=heading, level=1)).to_be_visible()
            changing = re.compile("^(New|Upload|Revoke|Add|Make|Take|Send|Remove)")
            expect(buttons.or_(links).filter(has_text=changing)).to_have_count(0)
        for view in ("new", "sweeps/new", "playground", "lessons/bias"):
            seen.goto(f"{address(api)}/#/{view}")
            expect(seen.get_by_role("heading", name="Not for viewers")).to_be_visible()
    with as_root(api) as admin:  # other tests train the job that waits longest
        assert all(admin.post(path).is_success for path in (f"/jobs/{waits}/cancel", f"/sweeps/{sweep}/cancel"))


def test_whoever_signs_in_after_somebody_else_begins_with_a_fresh_page(api: Running, browser: Browser) -> None:
    with signed_in(browser, api) as seen:
        seen.evaluate("window.known = 'names of her data sets'")
        seen.get_by_role("button", name="Sign out").click()
        seen.get_by_label("Token").fill(api.tokens.create(owner="ben"))
        with seen.expect_event("load"):  # the page begins anew
            seen.get_by_label("Token").press("Enter")
        expect(seen.get_by_text("ben", exact=True)).to_be_visible()
        assert seen.evaluate("typeof known") == "undefined"
        seen.goto(f"{address(api)}/#/playground?job=00000000-0000-7000-8000-000000000000")
        expect(seen.get_by_role("alert")).to_be_visible()
        expect(seen.get_by_role("button", name="Play", exact=True)).to_be_visible()  # it trains nothing


@pytest.mark.thorough
def test_a_sweep_from_a_finished_job_is_made_with_controls_or_as_text(api: Running, browser: Browser) -> None:
    api.store.submit([spec("whence", learning_rate=0.02, architecture={"type": "mlp", "hidden": [24]})], owner="ann")
    job = train(api, 30)
    with signed_in(browser, api) as seen:
        seen.goto(f"{address(api)}/#/jobs/{job}")
        seen.get_by_role("button", name="More").click()
        seen.get_by_role("menuitem", name="Start a sweep from this job").click()
        text = seen.get_by_role("textbox", name="The same as text")
        expect(seen.get_by_role("group", name="Learning rate").get_by_label("To")).to_have_value("0.2")
        expect(seen.get_by_label("neurons of layer 1")).to_have_value("24")
        seen.get_by_label("Vary another field").select_option("Hidden")
        layers = seen.get_by_role("group", name="Hidden").get_by_label("Values")
        expect(layers).to_have_value("24; 48")
        layers.fill("8; 16, 16")
        seen.get_by_role("group", name="Optimizer").get_by_label("adamw").check()
        expect(text).to_have_value(re.compile(r"choice: \[adam, adamw, sgd\]|choice: \[sgd, adam, adamw\]"))
        rate = seen.get_by_role("group", name="Learning rate")
        rate.get_by_label("From").fill("0,01")
        expect(text).to_have_value(re.compile(r"log_uniform: \[0\.01, 0\.2\]"))
        seen.get_by_label("Name", exact=True).fill("2026")
        expect(text).to_have_value(re.compile('name: "2026"'))
        rate.get_by_label("From").fill("1")
        expect(rate.get_by_role("alert")).to_contain_text("Learning rate must have limits above 0 that rise")
        for limit in ("From", "To"):
            rate.get_by_label(limit).fill("")
        expect(rate.get_by_role("alert")).to_contain_text(re.compile(r"(Learning rate must be .*){2}"))

        held: list[Route] = []
        seen.route("**/yaml*.js", lambda route: held.append(route))  # noqa: PLW0108 (it marks what it calls)
        with seen.expect_request("**/yaml*.js"):
            text.fill("base: {dataset: wine, learning_rate: 5e+9}\nspace:\n  dropout: [0, 0.5]\nmethod: grid\n")
        text.blur()
        expect(text).to_have_value(re.compile("5e\\+9"))
        assert not text.evaluate("field => field.checkValidity()"), "the job before would be sent"
        held[0].continue_()
        expect(seen.get_by_label("Learning rate", exact=True)).to_have_value("5000000000")
        expect(seen.get_by_text(re.compile("^Learning rate must be"))).to_have_count(
            2
        )  # at its control, and in the list
        text.fill("base: [")
        expect(seen.get_by_role("alert").filter(has_text="unexpected end")).to_be_visible()
        assert not text.evaluate("field => field.checkValidity()"), "the job before would be sent"
        seen.get_by_text("More about the sweep").click()
        text.fill('{"base": {"dataset": "wine"}, "space": {"dropout": {"uniform": [0, 0.5]}}, "trials": 32}')
        generation = seen.get_by_label("Generation", exact=True)
        expect(generation).to_have_value("4")
        generation.fill("64")
        expect(text).to_have_value(re.compile("generation: 64"))
        text.fill('{"base": {"dataset": "wine"}, "space": {"dropout": [0, 0.5]}, "method": "grid", "trials": 8}')
        expect(seen.get_by_label("Method")).to_have_value("grid")
        seen.get_by_role("button", name="Start the sweep").click()
        expect(seen.get_by_text("grid search")).to_be_visible()


@pytest.mark.thorough
def test_the_failed_jobs_of_a_sweep_are_retried_from_its_view(api: Running, browser: Browser) -> None:
    beside = service(api.log.parent)  # over the same record
    sweep_id = finished_with_lost_jobs(beside, base={**BASE, "priority": 10})
    with signed_in(browser, api) as seen:
        seen.goto(f"{address(api)}/#/sweeps/{sweep_id}")
        retry = seen.get_by_role("button", name="Retry 2 failed jobs")
        retry.click()
        expect(retry).to_have_count(0)
        expect(seen.get_by_text("running", exact=True).first).to_be_visible()
        train_sweeps(beside)
        while train_sweeps(beside):
            pass
        expect(seen.get_by_text("finished", exact=True).first).to_be_visible()
        expect(seen.get_by_label("All configurations")).to_contain_text("6 with a score")
        expect(retry).to_have_count(0)
    beside.engine.dispose()


@pytest.mark.thorough
def test_a_deleted_data_set_is_said_to_be_so_wherever_a_job_names_it(api: Running, browser: Browser) -> None:
    headers = {"Authorization": f"Bearer {api.token}"}
    with httpx.Client(base_url=f"{address(api)}/api/v1", headers=headers, trust_env=False, timeout=60) as http:
        rows = "\n".join(f"{n},{n % 3}" for n in range(30))
        dataset = http.post("/datasets", data={"target": "y"}, files={"file": ("left.csv", f"x,y\n{rows}")}).json()[
            "id"
        ]
        job = http.post("/jobs", json={"dataset": dataset, "name": "orphan", "seed": 2**53 + 1}).json()["id"]
        http.post(f"/jobs/{job}/cancel")
        assert http.delete(f"/datasets/{dataset}").is_success
    deleted = "left (deleted)"
    with signed_in(browser, api) as seen:
        expect(seen.get_by_role("table", name="Jobs").get_by_role("row", name="orphan")).to_contain_text(deleted)
        seen.goto(f"{address(api)}/#/jobs/{job}")
        expect(seen.get_by_text(deleted, exact=True)).to_be_visible()
        seen.get_by_role("link", name="Clone and edit").click()
        expect(seen.get_by_text("A browser rounds whole numbers above")).to_be_visible()
        chosen = seen.get_by_label("Data set", exact=True).locator("option:checked")
        expect(chosen).to_have_text(deleted)
        expect(seen.get_by_text(re.compile("^Data set was deleted, or is not shared with you"))).to_be_visible()
        seen.get_by_role("navigation", name="Views").get_by_role("link", name="New job").click()
        expect(chosen).to_have_text("moons")
        seen.goto(f"{address(api)}/#/jobs/{job}")
        expect(seen.get_by_text("A browser rounds whole numbers above")).to_be_visible()
        for answer, said in (("Keep it", "orphan"), ("Delete", "Jobs")):
            seen.get_by_role("button", name="More").click()
            seen.get_by_role("menuitem", name="Delete").click()
            seen.get_by_role("dialog", name="Delete orphan?").get_by_role("button", name=answer).click()
            expect(seen.get_by_role("heading", level=1)).to_have_text(said)


@pytest.mark.thorough
def test_an_upload_is_sent_once_and_a_folder_is_a_sentence(api: Running, browser: Browser) -> None:
    with signed_in(browser, api) as seen:
        seen.goto(f"{address(api)}/#/datasets")
        seen.get_by_role("region", name="Upload a file").evaluate(DROP_A_FOLDER)
        expect(seen.get_by_text("photos cannot be read. Of a folder, choose a ZIP.")).to_be_visible()
        card, images = seen.get_by_role("region", name="Upload a file"), io.BytesIO()
        with zipfile.ZipFile(images, "w") as archive:
            archive.writestr("cat/1.png", b"")
        pictures = {"name": "pictures.zip", "mimeType": "application/zip", "buffer": images.getvalue()}
        seen.get_by_label("Choose a file").set_input_files(pictures)  # type: ignore[arg-type]
        expect(seen.get_by_label("Size in pixels")).to_be_visible()
        card.evaluate(DROP_A_FOLDER.replace("photos", "sketches"))
        expect(seen.get_by_text("sketches cannot be read.")).to_be_visible()
        expect(seen.get_by_label("Size in pixels")).to_be_visible()
        card.evaluate(DROP_A_SLOW_AND_A_QUICK_FILE)
        expect(card.get_by_text("quick.csv")).to_be_visible()
        seen.get_by_role("button", name="Another file").click()
        rows = "\n".join(f"{n if n != 7 else '<0.5'},{n % 3}" for n in range(30))
        file = {"name": "once.csv", "mimeType": "text/csv", "buffer": f"x,y\n{rows}".encode()}
        seen.get_by_label("Choose a file").set_input_files(file)  # type: ignore[arg-type]
        begun: list[Route] = []
        seen.route("**/api/v1/uploads", lambda route: begun.append(route))  # noqa: PLW0108 (it marks what it calls)
        with seen.expect_request("**/api/v1/uploads"):
            for _ in range(2):
                seen.get_by_label("Name").press("Enter")
        seen.get_by_role("button", name="Stop").click()
        seen.unroute("**/api/v1/uploads")
        with seen.expect_request("**/api/v1/uploads"):
            seen.get_by_role("button", name="Upload", exact=True).click()
        expect(card.get_by_role("alert")).to_contain_text("has '<0.5' in row 8")
        seen.get_by_role("button", name="Read these words as missing values").click()
        expect(seen.get_by_role("heading", level=1)).to_have_text("once")
        assert len(begun) == 1


def test_hostile_texts_are_shown_as_text(api: Running, browser: Browser) -> None:
    api.store.submit([spec(text, tags={"mark": text}, project="p") for text in HOSTILE], owner="ann")
    (claim,) = api.store.claim(worker="w1", device="cpu", limit=1, lease_s=600)
    message = f"`batch_size` is wrong: {' '.join(HOSTILE)}"
    assert api.store.fail(claim.job_id, claim.attempt, reason=FailureReason.error, message=message)
    lines = [(*HOSTILE, "class"), *([*(str(n * i % 7) for i in range(1, 8)), HOSTILE[n % 2]] for n in range(40))]
    file = io.StringIO()
    csv.writer(file, delimiter="|").writerows(lines)
    images = io.BytesIO()
    np.savez(images, X=np.zeros((14, 2, 2)), y=np.array(HOSTILE * 2))
    headers = {"Authorization": f"Bearer {api.token}"}
    with httpx.Client(base_url=f"{address(api)}/api/v1", headers=headers, trust_env=False, timeout=60) as http:
        fields = {"target": "class", "name": HOSTILE[1]}
        sent = http.post("/datasets", data=fields, files={"file": ("hostile.csv", file.getvalue())})
        assert sent.status_code == 201, sent.text
        seen_by_class = http.post("/datasets", files={"file": ("hostile.npz", images.getvalue())})
        assert seen_by_class.status_code == 201, seen_by_class.text
    with signed_in(browser, api) as seen:
        for text in HOSTILE:
            expect(seen.get_by_role("table", name="Jobs").get_by_text(text, exact=True)).to_be_visible()
        seen.get_by_role("button", name="Columns").click()
        seen.get_by_role("menuitemcheckbox", name="Tags").click()
        seen.keyboard.press("Escape")
        expect(seen.get_by_text(f"mark:{HOSTILE[0]}", exact=True)).to_be_visible()
        seen.goto(f"{address(api)}/#/jobs/{claim.job_id}")
        failure = seen.get_by_role("alert")
        expect(failure).to_contain_text(f"batch_size is wrong: {' '.join(HOSTILE)}")
        expect(failure.locator("code")).to_have_text("batch_size")
        expect(failure.get_by_role("button", name="Retry")).to_be_visible()
        expect(seen.get_by_role("heading", level=1)).to_have_text(
            api.store.get(claim.job_id, owner=None).spec.name or ""
        )
        seen.goto(f"{address(api)}/#/datasets/{sent.json()['id']}")
        expect(seen.get_by_role("heading", level=1)).to_contain_text(HOSTILE[1])
        for text in HOSTILE:
            expect(seen.get_by_text(text).first).to_be_attached()
        seen.goto(f"{address(api)}/#/datasets/{seen_by_class.json()['id']}")
        expect(seen.get_by_role("button", name="More images")).to_have_count(0)
        for row, text in enumerate(HOSTILE):
            expect(seen.get_by_text(text, exact=True).first).to_be_visible()
            expect(seen.get_by_role("img", name=f"{text}, row {row}", exact=True)).to_be_visible()
        assert seen.evaluate("typeof hacked") == "undefined"
        assert seen.locator("img[src=x], svg[onload], [onmouseover], main script").count() == 0


@pytest.mark.thorough
def test_the_documents_show_every_operation_and_try_one(api: Running, browser: Browser) -> None:
    with page_of(browser) as seen:
        complaints: list[str] = []
        seen.on("pageerror", lambda error: complaints.append(str(error)))
        seen.on("console", lambda message: complaints.append(message.text))
        seen.goto(f"{address(api)}/docs/")
        shown = seen.locator(".opblock", has_text="/readyz")
        expect(shown).to_be_visible()
        expect(seen.locator(".opblock", has_text="/api/v1/uploads/{sha256}").first).to_be_visible()
        shown.locator(".opblock-summary-control").click()
        shown.get_by_role("button", name="Try it out").click()
        shown.get_by_role("button", name="Execute").click()
        expect(shown.locator(".live-responses-table")).to_contain_text('"status": "ok"')
        assert complaints == []


def test_where_nothing_is_yet_each_view_says_what_to_do_next(api: Running, browser: Browser) -> None:
    newcomer = replace(api, token=api.tokens.create(owner="newcomer"))
    with signed_in(browser, newcomer) as seen:
        for view, title, nexts in (
            ("jobs", "No job yet", ["New job", "Lessons", "Playground"]),
            ("sweeps", "No sweep yet", ["New sweep"]),
            ("compare", "Which jobs?", ["To the jobs"]),
            ("datasets", "No data set yet", ["train on a shipped one"]),
            ("cluster", "No worker is up", ["New job"]),
        ):
            seen.goto(f"{address(api)}/#/{view}")
            expect(seen.get_by_role("heading", name=title)).to_be_visible()
            for name in nexts:
                expect(seen.get_by_role("main").get_by_role("link", name=name).first).to_be_visible()
        seen.goto(f"{address(api)}/#/compare")
        seen.get_by_role("button", name="Add jobs").first.click()
        expect(seen.get_by_role("dialog").get_by_role("link", name="Make a new one")).to_be_visible()


def test_a_lost_api_is_said_and_the_page_goes_on_by_itself(tmp_path: Path, browser: Browser) -> None:
    with running(tmp_path, NOBODY) as api:
        api.store.submit([spec("before")], owner="ann")
        with signed_in(browser, api) as seen:
            row = seen.get_by_role("table", name="Jobs").get_by_role("row")
            lost = seen.get_by_text("Connection lost, trying again")
            expect(row.filter(has_text="before")).to_contain_text("queued")
            for process in family(api.process.pid):
                process.kill()
            expect(lost).to_be_visible()
            api.store.submit([spec("meanwhile")], owner="ann")
            train(api, 30)
            with running(tmp_path, NOBODY, api.port):
                expect(lost).to_have_count(0)
                expect(row.filter(has_text="before")).to_contain_text("succeeded")
                expect(row.filter(has_text="meanwhile")).to_contain_text("queued")
