"""Two machines with a worker each, which share no folder: files travel through S3. One is cut off, and comes back."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import func, make_url, select

from spec.states import FINISHED, JobStatus
from store.db import reading
from store.tables import Checkpoint, Lease
from tests.machines import Network, network
from tests.services import OwnBucket, promised

from .proxy import Proxy
from .site import Site, site

pytestmark = pytest.mark.machines

LEASE_S = 6.0
CUT_S = 60.0
LONG = {"dataset": "digits", "epochs": 120, "architecture": {"type": "mlp", "hidden": [32]}}
SHORT = {"dataset": "iris", "epochs": 20}


@pytest.fixture
def there() -> Iterator[Network]:
    with network(2) as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, bucket: str, s3: OwnBucket) -> Iterator[Site]:
    with site(tmp_path, lease_s=LEASE_S) as made:
        yield made


def end(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    worker.wait(30)


def training(here: Site) -> set[str]:
    """The workers that hold leases."""
    with reading(here.engine) as connection:
        return set(connection.execute(select(Lease.worker)).scalars())


def saved(here: Site) -> set[str]:
    with reading(here.engine) as connection:
        return set(connection.execute(select(Checkpoint.job_id)).scalars())


def test_a_machine_that_is_cut_off_costs_no_job_and_doubles_none(
    here: Site, there: Network, s3: OwnBucket, bucket: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        wires = [Proxy(port, there.address) for port in (here.postgres.port, here.broker.port, s3.port)]
        for wire in wires:
            stack.callback(wire.close)
        record, broker, files = (wire.port for wire in wires)
        joined = {
            "PATH": os.environ["PATH"],
            "EPOCHAL_DATABASE_URL": make_url(here.postgres.url)
            .set(host=there.address, port=record)
            .render_as_string(hide_password=False),
            "EPOCHAL_BROKER_URL": f"redis://{there.address}:{broker}/0",
            "EPOCHAL_FILES_URL": bucket,
            "EPOCHAL_LEASE_S": str(LEASE_S),
            "EPOCHAL_CHECKPOINT_S": "1",
            **s3.environ,
            "AWS_ENDPOINT_URL_S3": f"http://{there.address}:{files}",
            **here.slow_motion.environ,
        }
        for machine in there.machines:
            home = tmp_path / machine.name  # neither sees the other's
            (home / "tmp").mkdir(parents=True)
            own = {"EPOCHAL_HOME": str(home), "TMPDIR": str(home / "tmp"), "HOME": str(home)}
            command = [sys.executable, "-m", "epochal", "worker", "--devices", "cpu:1"]
            worker = machine.start(command, joined | own, home / "worker.log")
            stack.callback(end, worker)
        api = here.api(EPOCHAL_FILES_URL=bucket, **s3.environ)
        here.slow_motion.begin()
        with api.client(timeout_s=30.0) as client:

            def post(spec: dict[str, object]) -> str:
                answer = client.post("/jobs", json=spec)
                assert answer.status_code == 201, answer.text
                return str(answer.json()["id"])

            rows = b"x,y\n" + b"".join(b"%d,%d\n" % (n, 3 * n % 17) for n in range(200))
            uploaded = client.post("/datasets", files={"file": ("rows.csv", rows)}, data={"target": "y"})
            assert uploaded.status_code == 201, uploaded.text
            ids = [post(LONG | {"architecture": {"type": "mlp", "hidden": [width]}}) for width in (16, 24)]
            for job_id in ids:
                here.trains(job_id)
            promised(lambda: saved(here) == set(ids), within_s=40.0, what="both are saved")
            of = {job_id: here.job(job_id).worker or "" for job_id in ids}
            assert len(set(of.values())) == 2  # one each

            there.machines[0].cut()
            cut_at = time.monotonic()
            ids += [post(SHORT | {"seed": seed}) for seed in range(10)]
            ids.append(post({"dataset": uploaded.json()["id"], "epochs": 5}))
            promised(
                lambda: any(
                    here.job(job_id).attempt == 2 or here.job(job_id).status is JobStatus.queued for job_id in of
                ),
                within_s=LEASE_S + 15.0,
                what="the job of the machine that is gone is given to another",
            )
            here.slow_motion.end()
            time.sleep(max(CUT_S - (time.monotonic() - cut_at), 0.0))  # the cut itself is what is tested
            there.machines[0].join()
            promised(
                lambda: all(here.job(job_id).status in FINISHED for job_id in ids), within_s=90.0, what="all have ended"
            )
            for job_id in ids:
                job, events = here.job(job_id), here.store.events(job_id)
                assert job.status is JobStatus.succeeded, job
                assert [event.to_status for event in events].count(JobStatus.succeeded) == 1
                curve = client.get(f"/jobs/{job_id}/curve").json()
                assert curve["epoch"] == list(range(1, job.spec.epochs + 1))
            told = client.post(f"/jobs/{ids[-1]}/predict", json={"rows": [{"x": 3.0}]})
            assert told.status_code == 200, told.text
        with reading(here.engine) as connection:
            assert connection.execute(select(func.count()).select_from(Lease)).scalar_one() == 0
        here.slow_motion.begin()
        again = here.submit(*(SHORT | {"architecture": {"type": "mlp", "hidden": [width]}} for width in range(1, 9)))
        promised(lambda: len(training(here)) == 2, within_s=40.0, what="both train again")
        here.slow_motion.end()
        for job_id in again:
            here.reaches(job_id, JobStatus.succeeded, 60.0)
