"""What a person sees in MLflow, in a browser that was never there before."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import SLOW_MS, launched, page_of

from .conftest import PAGE, Service, copied, curve
from .test_sweeps import Asked

pytestmark = pytest.mark.thorough

SIDE = "workflowType=machine_learning"
PATIENCE_MS = float(SLOW_MS)


@pytest.mark.browser
def test_a_newcomer_sees_experiment_runs_charts_and_a_sweep(service: Service) -> None:
    claim = service.run(name="digits-first", epochs=30)
    service.succeed(claim, points=curve(1, 30), best_metrics={"val_loss": 0.1337, "val_accuracy": 0.8833})
    asked, mirror = Asked(service, name="rates"), service.mirror()
    copied(mirror)
    asked.finish()
    copied(mirror)
    job = service.job(claim.job_id)
    experiment = f"{service.server.url}/#/experiments/{job.mlflow_experiment_id}"

    with launched() as browser:
        with page_of(browser) as seen:  # the table, with its columns and its nested runs
            seen.goto(f"{experiment}/runs?{SIDE}&viewStateShareKey=epochal")
            shows(seen, "digits-first", "rates", "best_val_accuracy", "best_val_loss", "0.1337", "0.8833")
            expect(seen.get_by_text("0.1337")).to_be_in_viewport()
            seen.goto(f"{experiment}/runs?{SIDE}&viewStateShareKey=epochal&compareRunsMode=CHART")
            expect(seen.locator(".js-plotly-plot").first).to_be_visible(timeout=PATIENCE_MS)
            shows(seen, "Model metrics", "train_loss vs val_loss", "train_accuracy vs val_accuracy")
            last = seen.get_by_text(re.compile(r"^Best epoch")).first
            last.scroll_into_view_if_needed(timeout=PATIENCE_MS)
            expect(last).to_be_in_viewport()

        with page_of(browser) as seen:
            seen.goto(f"{experiment}/runs/{job.mlflow_run_id}?{SIDE}")
            shows(seen, "digits-first", "train_loss", "val_loss", "ada", "digits (", "Open in Epochal")
            link = seen.get_by_role("link", name="Open in Epochal").first
            expect(link).to_have_attribute("href", f"{PAGE}/#/jobs/{job.id}")
            seen.goto(f"{experiment}/runs/{job.mlflow_run_id}/model-metrics?{SIDE}")
            expect(seen.locator(".js-plotly-plot .scatterlayer .trace").first).to_be_visible(timeout=PATIENCE_MS)
            shows(seen, "val_loss")

        with page_of(browser) as seen:
            seen.goto(f"{experiment}/runs/{asked.record.run_id}?{SIDE}")
            shows(seen, "rates", "best_val_loss", "trials", "Child runs")
            link = seen.get_by_role("link", name="Open in Epochal").first
            expect(link).to_have_attribute("href", f"{PAGE}/#/sweeps/{asked.id}")


def shows(seen: Page, *texts: str) -> None:
    """Each text, or a longer one that begins with it, can be seen."""
    for text in texts:
        visible = seen.get_by_text(re.compile(rf"^\s*{re.escape(text)}")).filter(visible=True).first
        expect(visible, text).to_be_visible(timeout=PATIENCE_MS)
