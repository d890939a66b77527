"""A real worker trains jobs that begin from a finished job, with its preprocessing and its optimizer."""

import numpy as np
import pytest
from safetensors.numpy import load

from spec.states import FailureReason, JobStatus
from store.files import without_part

from .site import Site

FULL = {"dataset": "iris", "batch_size": "full", "restore_best": False, "epochs": 4, "keep_optimizer": True}


def model_of(site: Site, job_id: str) -> str:
    (uri,) = [one.uri for one in site.store.artifacts(job_id) if one.name == "model.safetensors"]
    return uri


@pytest.mark.thorough
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_goes_on_where_another_job_ended(site: Site) -> None:
    site.start_worker()
    base, whole = site.submit(FULL, FULL | {"epochs": 8})
    site.wait(base, JobStatus.succeeded)
    site.wait(whole, JobStatus.succeeded)
    names = {artifact.name for artifact in site.store.artifacts(base)}
    assert {"optimizer.safetensors", "model.safetensors", "preprocessing.json"} <= names

    rest, other, anew = site.submit(
        FULL | {"init_from": base},
        FULL | {"init_from": base, "seed": 9, "learning_rate": 0.1},
        FULL | {"init_from": base, "optimizer": "sgd"},
    )
    for job_id in (rest, other, anew):
        site.wait(job_id, JobStatus.succeeded)
    assert site.store.curve(rest)["val_loss"] == site.store.curve(whole)["val_loss"][4:]
    ours, theirs = (load(site.files.get(model_of(site, job_id))) for job_id in (rest, whole))
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    losses = [site.store.curve(job_id)["train_loss"][0] or 9.0 for job_id in (base, anew)]
    assert losses[1] < losses[0]

    for artifact in site.store.artifacts(whole):
        site.files.delete_file(without_part(artifact.uri)[0])
    (late,) = site.submit(FULL | {"init_from": whole, "seed": 3})
    job = site.wait(late, JobStatus.failed)
    assert job.failure_reason is FailureReason.bad_data
    assert job.failure_message == (
        f"init_from: the model of the job {whole} is no longer in the file store: train that job again."
    )
