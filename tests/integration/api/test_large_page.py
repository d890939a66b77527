"""Our own page over ten thousand jobs and a sweep of ten thousand configurations: how long a person waits."""

import json
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import insert, update

from store import db
from store.db import now
from store.tables import Job, Sweep, Trial
from tests.services import eventually

from .conftest import NOBODY
from .seeing import address, signed_in, spec
from .test_process import Running, running

pytestmark = [pytest.mark.browser, pytest.mark.thorough]

MANY = 10_000
SPACE = {
    "learning_rate": {"log_uniform": [1e-4, 0.5]},
    "dropout": {"uniform": [0.0, 0.6]},
    "batch_size": {"integers": [8, 512], "log": True},
    "optimizer": {"choice": ["sgd", "adam", "rmsprop"]},
}

WATCH = """() => {
    window.shown = {};
    new MutationObserver(() => {
        for (const [name, selector] of Object.entries({
            row: '[role=group][aria-label=Jobs] td a',
            answer: '[aria-label=Answer]',
            lines: '[aria-label="All configurations"] canvas',
            charts: '[aria-label=Contour] canvas',
        })) if (!(name in shown) && document.querySelector(selector)) {
            shown[name] = -1;
            requestAnimationFrame(() => setTimeout(() => shown[name] = performance.now()));
        }
    }).observe(document, {childList: true, subtree: true});
}"""
"""When a row, the answer or the lines of a sweep were first painted, in milliseconds."""

TO_THE_END = """box => {
    box.scrollTop = box.scrollHeight;
    return box.querySelector('tr[data-index="9999"]') !== null;
}"""
YARDSTICK = """() => {
    let seed = 1;
    for (let i = 0; i < 2; i++) {
        const numbers = Array.from({length: 200000}, () => (seed = seed * 16807 % 2147483647) / 2147483647);
        numbers.sort((a, b) => a - b).map(number => number.toFixed(3)).join(" ").split(" ");
    }
}"""
SCROLL = """async () => {
    const box = document.querySelector('[role=group][aria-label=Jobs]');
    const frames = [];
    let rows = 0, last = performance.now();
    for (let i = 1; i <= 120; i++) {
        box.scrollTop = (box.scrollHeight - box.clientHeight) * i / 120;
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        frames.push(now - last);
        last = now;
        rows = Math.max(rows, box.querySelectorAll('tbody tr').length);
    }
    frames.sort((a, b) => a - b);
    return {rows, median: frames[60], worst: frames[119]};
}"""


@dataclass(frozen=True)
class Clock:
    """What the main thread of a page works; others may be busy, so that the wall's clock says little."""

    page: Page

    def __post_init__(self) -> None:
        object.__setattr__(self, "_devtools", self.page.context.new_cdp_session(self.page))
        self._devtools.send("Performance.enable", {"timeDomain": "threadTicks"})  # type: ignore[attr-defined]

    def yardstick_s(self) -> float:
        """Seconds of the processor for work of known size, which grow as the page's do on a slow processor."""
        before = self.work_s()
        self.page.evaluate(YARDSTICK)
        return self.work_s() - before

    def work_s(self) -> float:
        """Seconds of the processor since the page began."""
        metrics = self._devtools.send("Performance.getMetrics")["metrics"]  # type: ignore[attr-defined]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("large"), NOBODY) as made:
        made.store.submit([spec(f"job {i}") for i in range(MANY)], owner="ann")
        yield made


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def shown(seen: Page, what: str) -> float:
    """Seconds from the beginning of a load until it was painted."""
    eventually(lambda: float(seen.evaluate(f"shown.{what} ?? -1")) > 0, within_s=60, what=f"{what} is painted")
    return float(seen.evaluate(f"shown.{what}")) / 1000


def test_ten_thousand_jobs_scroll_with_few_rows_and_few_requests(
    api: Running, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    with signed_in(browser, api) as seen:
        asked: list[str] = []
        seen.on("request", lambda request: asked.append(request.url))
        seen.add_init_script(f"({WATCH})()")
        clock = Clock(seen)
        seen.reload()
        first_s, first_work_s = shown(seen, "row"), clock.work_s()
        expect(seen.get_by_text("10\u202f000 or more")).to_be_visible()
        table = seen.get_by_role("group", name="Jobs")
        eventually(lambda: bool(table.evaluate(TO_THE_END)), within_s=90, what="the list has all jobs")
        before = clock.work_s()
        frames = seen.evaluate(SCROLL)
        frame_ms = (clock.work_s() - before) / 120 * 1000
        assert frames["rows"] < 80
        yardstick_s = clock.yardstick_s()
        assert frame_ms / 1000 < yardstick_s / 6
        assert first_work_s < 1.6 * yardstick_s
        # The first page and ten more; twice, where so many new jobs come as the advice to ask anew.
        assert sum("/jobs?" in url for url in asked) <= 24
        table.evaluate("box => box.scrollTop = 3000")
        eventually(
            lambda: seen.evaluate("Object.values(history.state ?? {}).includes(3000)"), within_s=10, what="it is kept"
        )
        seen.goto(f"{address(api)}/#/cluster")
        expect(seen.get_by_role("heading", name="Cluster")).to_be_visible()
        seen.go_back()
        eventually(lambda: table.evaluate("box => box.scrollTop") == 3000, within_s=10, what="Back is where it was")
        say(
            capsys,
            f"{MANY} jobs: first rows after {first_s:.2f} s, {first_work_s:.2f} s of the processor; a frame takes "
            f"{frame_ms:.1f} ms of it, {frames['median']:.0f} ms by the clock, {frames['worst']:.0f} ms at worst; "
            f"{frames['rows']} rows (the yardstick: {yardstick_s:.2f} s)",
        )


def sweep_of_them(api: Running) -> str:
    """The id of a sweep that has trained each of the jobs as a configuration."""
    base = {"dataset": "digits", "epochs": 30, "architecture": {"type": "mlp", "hidden": [8]}}
    asked = {"base": base, "space": SPACE, "method": "random", "trials": MANY}
    headers = {"Authorization": f"Bearer {api.token}"}
    sweep = httpx.post(f"{address(api)}/api/v1/sweeps", json=asked, headers=headers, trust_env=False, timeout=60)
    sweep_id = str(sweep.raise_for_status().json()["id"])
    engine = db.connect(f"sqlite:///{api.log.parent}/epochal.db")
    with db.writing(engine) as connection:
        ids = [row.id for row in connection.execute(Job.__table__.select().with_only_columns(Job.id))]
        trials, jobs = [], []
        for i, job_id in enumerate(ids):
            place = (i * 0.6180339887) % 1
            rate, dropout = 1e-4 * 5000**place, 0.6 * ((i * 0.7548776662) % 1)
            loss = 0.2 + (math.log10(rate) + 2) ** 2 / 5 + dropout / 4 + 0.05 * ((i * 0.5698402909) % 1)
            configuration = {
                "learning_rate": rate,
                "dropout": dropout,
                "batch_size": 8 + (i * 37) % 505,
                "optimizer": ("sgd", "adam", "rmsprop")[i % 3],
            }
            theirs = {"val_loss": loss}
            trials.append(
                {"sweep_id": sweep_id, "number": i, "generation": 0, "configuration": configuration, "digest": str(i)}
                | {"state": "finished", "score": loss, "metrics": theirs, "epochs": 30}
            )
            jobs.append({"b_id": job_id, "trial": i, "best_metrics": theirs})
        connection.execute(insert(Trial), trials)
        for one in jobs:
            connection.execute(
                update(Job)
                .where(Job.id == one["b_id"])
                .values(sweep_id=sweep_id, trial=one["trial"], replicate=0, status="succeeded", epoch=30)
                .values(best_epoch=30, best_metrics=one["best_metrics"], stop_reason="max_epochs")
            )
        ended = {"state": "finished", "trials": MANY, "generations": 1, "exhausted": True, "finished_at": now()}
        connection.execute(update(Sweep).where(Sweep.id == sweep_id).values(ended))
    engine.dispose()
    return sweep_id


def test_a_sweep_of_ten_thousand_configurations_opens_at_once(
    api: Running, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep_id = sweep_of_them(api)
    with signed_in(browser, api) as seen:
        seen.add_init_script(f"({WATCH})()")
        clock = Clock(seen)
        seen.goto(f"{address(api)}/?#/sweeps/{sweep_id}")
        answer_s, lines_s, charts_s = shown(seen, "answer"), shown(seen, "lines"), shown(seen, "charts")
        work_s = clock.work_s()
        expect(seen.get_by_label("All configurations")).to_contain_text("10\u202f000 with a score")
        took = json.loads(
            seen.evaluate(
                "JSON.stringify(Object.fromEntries(performance.getEntriesByType('resource')"
                ".filter(one => one.name.includes('/api/')).map(one => [one.name.split('/').at(-1),"
                " [Math.round(one.startTime), Math.round(one.duration), one.transferSize]])))"
            )
        )
        slice_ = seen.get_by_role("img", name="by learning rate: 10000 configurations")
        slice_.scroll_into_view_if_needed()
        expect(slice_.locator("canvas").first).to_be_visible()
        yardstick_s = clock.yardstick_s()
        assert work_s < 5 * yardstick_s
        expect(
            seen.get_by_role("img", name="of 10\u202f000 configurations in the order of their numbers")
        ).to_be_visible()
        table = seen.get_by_role("group", name="Configurations")
        first = table.locator('tr[data-index="0"]').get_by_role("link")
        for title, number in (("#", "0"), ("#", str(MANY - 1)), ("Dropout", "0")):
            table.get_by_role("button", name=title).click()
            expect(first).to_have_text(number)
        expect(seen).to_have_url(re.compile("sort=configuration.dropout"))
        seen.reload()
        expect(table.get_by_role("columnheader", name="Dropout")).to_have_attribute("aria-sort", "ascending")
        expect(first).to_have_text("0")
        say(
            capsys,
            f"a sweep of {MANY}: its answer after {answer_s:.2f} s, its lines after {lines_s:.2f} s, all "
            f"charts after {charts_s:.2f} s, {work_s:.2f} s of "
            f"the processor (its yardstick: {yardstick_s:.2f} s); requests {took}",
        )
