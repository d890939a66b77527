"""What tests of a trainer process share: jobs, a clock that stands still, and the reports that it sent."""

import io

from spec.job import JobSpec
from worker import messages
from worker.messages import Job, Report, Train
from worker.reporting import ReportStream

SPEC = JobSpec.model_validate({"dataset": "xor", "learning_rate": 0.1, "initial_weights": "normal"})


def train(*ids: str, limit: int = 8) -> Train:
    return Train(jobs=tuple(Job(id=id_, spec=SPEC) for id_ in ids), limit=limit)


CHECKPOINT_S = 60.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Received:
    """The other end of the reports."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()
        self.reports = ReportStream(self.stream)

    def take(self) -> list[Report]:
        lines = self.stream.getvalue().splitlines()
        self.stream.seek(0)
        self.stream.truncate()
        return [messages.report(line) for line in lines]
