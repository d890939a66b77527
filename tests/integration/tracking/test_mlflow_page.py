"""What a user sees of a finished job in MLflow."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import page

from .conftest import Service, copied, curve


@pytest.mark.browser
def test_the_page_of_a_run_shows_its_metrics_and_its_curves(service: Service, tmp_path: Path) -> None:
    claim = service.run(name="digits-first")
    service.succeed(claim, points=curve(1, 30))
    copied(service.mirror())
    job = service.job(claim.job_id)
    url = f"{service.server.url}/#/experiments/{job.mlflow_experiment_id}/runs/{job.mlflow_run_id}"
    with page() as seen:
        seen.goto(url)
        for metric in ("train_loss", "val_loss", "generalization_gap"):
            expect(seen.get_by_text(metric, exact=True).first).to_be_visible(timeout=60_000)
        expect(seen.get_by_text("digits-first").first).to_be_visible()
        seen.screenshot(path=tmp_path / "run.png")
        seen.goto(f"{url}/model-metrics")
        expect(seen.locator(".js-plotly-plot .scatterlayer .trace").first).to_be_visible(timeout=60_000)
        expect(seen.get_by_text("val_loss", exact=True).first).to_be_visible()
        seen.screenshot(path=tmp_path / "metrics.png")
