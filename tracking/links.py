"""Links from MLflow to what it cannot show."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Links:
    """The addresses of our page and of MLflow as a browser reaches them; an empty one has no links."""

    page: str = ""
    mlflow: str = ""

    def to_job(self, job_id: str) -> str:
        """A paragraph for the note of a job's run; "" without an address."""
        return self._paragraph(
            f"jobs/{job_id}", "its curves in one chart, pictures, predictions, the suggested next job"
        )

    def to_sweep(self, sweep_id: str) -> str:
        """A paragraph for the note of a sweep's run; "" without an address."""
        return self._paragraph(f"sweeps/{sweep_id}", "its table with intervals, and what matters")

    def to_jobs(self) -> str:
        """A paragraph for the note of an experiment; "" without an address."""
        return self._paragraph("jobs", "all jobs, their queue and their comparison")

    def dataset(self, dataset_id: str) -> str:
        """The URL of an uploaded data set; "" without an address."""
        return self._on_page(f"datasets/{dataset_id}")

    def view(self, experiment_id: str, key: str) -> str:
        """The URL of a saved view of an experiment in MLflow; "" without an address."""
        if not self.mlflow:
            return ""
        query = f"workflowType=machine_learning&viewStateShareKey={key}"
        return f"{self.mlflow.rstrip('/')}/#/experiments/{experiment_id}/runs?{query}"

    def _on_page(self, place: str) -> str:
        return f"{self.page.rstrip('/')}/#/{place}" if self.page else ""

    def _paragraph(self, place: str, shown: str) -> str:
        url = self._on_page(place)
        return f"\n\n[Open in Epochal]({url}): {shown}." if url else ""
