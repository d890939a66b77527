import hashlib
import json
import logging
import threading

import numpy as np
import pytest
import yaml

from model.preprocessing import Preprocessing
from model.report import ClassReport, Report
from spec.dataset import Targets
from spec.schema import Column, ColumnKind, Schema, Target
from spec.states import FailureReason
from spec.views import Change
from store.checkpoints import CheckpointRecord
from store.records import Claim, Progress
from tests.services import eventually
from tracking.runs import milliseconds

from .conftest import Service, copied, curve


def test_a_finished_job_is_a_whole_run(service: Service) -> None:
    claim = service.run(name="first", tags={"team": "blue", "mlflow.runName": "other", "empty": ""})
    service.beat(claim, 1, 12)
    service.succeed(claim, points=curve(13, 30))
    copied(service.mirror())

    job = service.job(claim.job_id)
    (run,) = service.server.runs(service.project)
    info, data = run["info"], run["data"]
    assert (info["run_id"], info["experiment_id"]) == (job.mlflow_run_id, job.mlflow_experiment_id)
    assert (info["run_name"], info["status"]) == ("first", "FINISHED")
    assert job.started_at is not None
    assert job.finished_at is not None
    times = milliseconds(job.started_at), milliseconds(job.finished_at)
    assert (info["start_time"], info["end_time"]) == times

    params = {param["key"]: param["value"] for param in data["params"]}
    assert (params["dataset.name"], params["epochs"], params["project"]) == ("digits", "30", service.project)
    tags = {tag["key"]: tag["value"] for tag in data["tags"]}
    assert (
        tags.items()
        >= {
            "epochal.job_id": job.id,
            "epochal.status": "succeeded",
            "epochal.stop_reason": "max_epochs",
            "epochal.attempt": "1",
            "epochal.owner": "ada",
            "epochal.device": "cpu",
            "team": "blue",
            "empty": "",
        }.items()
    )
    whole = curve(1, 30)
    for name in whole.keys() - {"epoch"}:
        expected = list(zip(whole["epoch"], whole[name], strict=True))
        assert service.server.history(info["run_id"], name) == expected, name


def test_a_finished_job_has_its_picture_its_spec_and_its_model(service: Service) -> None:
    claim = service.run()
    service.succeed(claim, points=curve(1, 30))
    copied(service.mirror())
    run_id = service.run_of(claim)
    assert service.server.artifact(run_id, "curves.png").startswith(b"\x89PNG")
    assert (
        service.server.artifact(run_id, "spec.json")
        == service.job(claim.job_id).spec.model_dump_json(indent=2).encode()
    )
    model = service.server.artifact(run_id, "model.safetensors")
    (artifact,) = service.jobs.artifacts(claim.job_id)
    assert hashlib.sha256(model).hexdigest() == artifact.sha256


@pytest.mark.thorough
def test_no_job_waits_for_its_files_until_the_pictures_of_another_are_drawn(service: Service) -> None:
    service.submit(6)
    claims = service.claim(6)
    for claim in claims:
        service.succeed(claim, points=curve(1, 30))
    copied(service.mirror())
    folders = [service.server.home.glob(f"artifacts/*/{service.run_of(claim)}/artifacts") for claim in claims]
    files = [folder for (folder,) in folders]
    last_model = max((folder / "model.safetensors").stat().st_mtime_ns for folder in files)
    assert last_model <= min((folder / "curves.png").stat().st_mtime_ns for folder in files)


def test_a_whole_model_lies_in_a_folder_as_mlflow_knows_models(service: Service) -> None:
    claim = service.run()
    schema = Schema(
        columns=(Column(name="age", type=ColumnKind.number),),
        target=Target(name="kind", type=Targets.classes, labels=("a", "b")),
    )
    prepared = Preprocessing.fit(schema, np.arange(4.0)[:, None], np.array([0, 1, 0, 1]), standardize=True)
    beside = {"spec.json": b"the spec", "preprocessing.json": prepared.model_dump_json().encode(), "notes.txt": b"n"}
    service.succeed(claim, points=curve(1, 30), beside=beside)
    copied(service.mirror())
    run_id = service.run_of(claim)
    (artifact, *_) = service.jobs.artifacts(claim.job_id)
    for name, content in {**beside, "model.safetensors": service.files.get(artifact.uri)}.items():
        assert service.server.artifact(run_id, name if name == "notes.txt" else f"model/{name}") == content
    described = yaml.safe_load(service.server.artifact(run_id, "model/MLmodel"))
    assert described["run_id"] == run_id
    assert json.loads(described["signature"]["inputs"]) == [{"type": "double", "name": "age", "required": True}]
    example = json.loads(
        service.server.artifact(run_id, f"model/{described['saved_input_example_info']['artifact_path']}")
    )
    assert example == {"columns": ["age"], "data": [[1.5]]}
    tags = {tag["key"]: tag["value"] for tag in service.server.run(run_id)["data"]["tags"]}
    assert json.loads(tags["mlflow.log-model.history"])[0]["artifact_path"] == "model"
    assert tags["epochal.verdict"] == "good"


def test_a_report_becomes_metrics_of_the_best_epoch_and_a_picture(service: Service) -> None:
    claim = service.run()
    part = ClassReport(
        rows=4,
        accuracy=0.75,
        balanced_accuracy=0.8,
        macro_f1=0.7,
        log_loss=0.5,
        roc_auc=None,
        labels=("0", "1"),
        confusion=((2, 1), (0, 1)),
    )
    report = Report(validation=part, test=part)
    best = {"val_loss": 0.1, "val_macro_f1": 0.7, "test_macro_f1": 0.6, "test_roc_auc": None, "train_loss": 0.1}
    service.succeed(claim, points=curve(1, 30), best_epoch=20, best_metrics=best, report=report)
    copied(service.mirror())
    run_id = service.run_of(claim)
    expected = {"best_val_loss": 0.1, "best_val_macro_f1": 0.7, "test_macro_f1": 0.6, "best_val_log_loss": 0.5}
    for name, value in {**expected, "test_log_loss": 0.5}.items():
        assert service.server.history(run_id, name) == [(20, value)], name
    for name in ("test_roc_auc", "best_train_loss"):
        assert service.server.history(run_id, name) == []
    for name in ("confusion.png", "test_confusion.png"):
        assert service.server.artifact(run_id, name).startswith(b"\x89PNG")
    assert service.server.artifact(run_id, "report.json") == report.model_dump_json().encode()


def test_nothing_is_sent_again_by_the_mirror_after(service: Service) -> None:
    claim = service.run()
    service.beat(claim, 1, 5)
    copied(service.mirror())
    service.beat(claim, 6, 9)
    copied(service.mirror())
    assert service.epochs_of(claim) == list(range(1, 10))
    assert service.status_of(claim) == "RUNNING"
    assert len(service.server.runs(service.project)) == 1


def test_a_failed_job_says_why(service: Service) -> None:
    claim = service.run()
    service.jobs.fail(
        claim.job_id, claim.attempt, reason=FailureReason.diverged, message="The loss is infinite.", points=curve(1, 3)
    )
    copied(service.mirror())
    (run,) = service.server.runs(service.project)
    finished_at = service.job(claim.job_id).finished_at
    assert finished_at is not None
    assert (run["info"]["status"], run["info"]["end_time"]) == ("FAILED", milliseconds(finished_at))
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert tags["epochal.failure_reason"] == "diverged"
    assert tags["mlflow.note.content"].startswith("Failed: The loss is infinite.\n\nDiverged: ")
    assert tags["epochal.verdict"] == "diverged"
    assert service.epochs_of(claim) == [1, 2, 3]
    assert service.server.artifact(service.run_of(claim), "curves.png").startswith(b"\x89PNG")


def test_a_job_cancelled_before_it_ran_has_a_run_without_points(service: Service) -> None:
    (job_id,) = service.submit()
    service.jobs.request_cancel(job_id, owner="ada", actor="ada")
    copied(service.mirror())
    (run,) = service.server.runs(service.project)
    assert run["info"]["status"] == "KILLED"
    assert "metrics" not in run["data"]
    assert {"key": "epochs", "value": "30"} in run["data"]["params"]


def test_a_running_job_has_its_run_at_once_and_its_points_now_and_then(service: Service) -> None:
    service.stop_clock()
    claim, mirror = service.run(), service.mirror()
    service.beat(claim, 1, 2)
    copied(mirror)
    assert (service.status_of(claim), service.epochs_of(claim)) == ("RUNNING", [])
    service.beat(claim, 3, 4)
    copied(mirror)
    assert service.epochs_of(claim) == []
    service.later()
    copied(mirror)
    assert service.epochs_of(claim) == [1, 2, 3, 4]
    service.beat(claim, 5, 6)
    copied(mirror)
    assert service.epochs_of(claim) == [1, 2, 3, 4]
    service.later()
    copied(mirror)
    assert service.epochs_of(claim) == [1, 2, 3, 4, 5, 6]
    service.succeed(claim, points=curve(7, 30))
    copied(mirror)  # at once: nobody waits for the end of a job
    assert (service.status_of(claim), service.epochs_of(claim)) == ("FINISHED", list(range(1, 31)))


def test_a_cancelled_job_is_killed_before_its_last_points_are_sent(service: Service) -> None:
    claim = service.run(epochs=1_000_000)
    mirror = service.mirror()
    service.beat(claim, 1, 2000)
    copied(mirror)
    service.later()
    assert mirror.round()
    service.beat(claim, 2001, 4000)
    service.jobs.request_cancel(claim.job_id, owner="ada", actor="ada")
    service.jobs.confirm_cancel(claim.job_id, claim.attempt, curve(4001, 6000))
    assert mirror.round()
    assert service.status_of(claim) == "KILLED"
    assert len(service.epochs_of(claim)) < 2000


def test_a_long_curve_arrives_whole_and_holds_nobody_up(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracking.mirror.POINTS", 400)
    long = service.run(epochs=2000)
    for first in range(1, 2000, 100):
        service.beat(long, first, first + 99, columns=["train_loss"])
    service.succeed(long)
    short = service.run()
    service.succeed(short, points=curve(1, 30))
    mirror = service.mirror()
    assert mirror.round()
    assert service.status_of(short) == "FINISHED"
    assert service.status_of(long) == "RUNNING"
    assert len(service.epochs_of(long)) <= 400
    assert service.server.artifact(service.run_of(short), "model.safetensors")
    copied(mirror)
    assert service.epochs_of(long) == list(range(1, 2001))
    assert service.status_of(long) == "FINISHED"


def test_points_that_are_not_finite_are_left_out(service: Service) -> None:
    claim = service.run()
    points = curve(1, 4)
    points["train_loss"][1:] = [None, 0.5, None]
    points["val_loss"][3] = None
    service.succeed(claim, points=points)
    copied(service.mirror())
    assert service.epochs_of(claim) == [1, 3]
    assert service.epochs_of(claim, "val_loss") == [1, 2, 3]
    assert service.status_of(claim) == "FINISHED"


def test_a_job_tried_again_goes_on_in_its_run(service: Service) -> None:
    claim = service.run()
    mirror = service.mirror()
    service.jobs.fail(
        claim.job_id, claim.attempt, reason=FailureReason.error, message="Out of luck.", points=curve(1, 5)
    )
    copied(mirror)
    assert service.status_of(claim) == "FAILED"

    service.jobs.retry(claim.job_id, owner="ada", actor="ada")
    (again,) = service.claim()
    service.beat(again, 1, 7)
    copied(mirror)
    assert service.status_of(claim) == "RUNNING"

    service.succeed(again, points=curve(8, 30))
    copied(mirror)
    (run,) = service.server.runs(service.project)
    assert run["info"]["status"] == "FINISHED"
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert (tags["epochal.attempt"], tags["epochal.status"]) == ("2", "succeeded")
    assert not tags["epochal.failure_reason"]
    assert service.epochs_of(claim) == list(range(1, 31))


def test_a_job_tried_again_shows_no_end_and_no_verdict_of_before(service: Service) -> None:
    claim, mirror = service.run(), service.mirror()
    service.jobs.fail(claim.job_id, claim.attempt, reason=FailureReason.diverged, message="No.", points=curve(1, 3))
    copied(mirror)
    assert tags_of(service, claim)["epochal.verdict"] == "diverged"
    service.jobs.retry(claim.job_id, owner="ada", actor="ada")
    copied(service.mirror())  # another one, which knows nothing of before
    info, tags = service.server.run(service.run_of(claim))["info"], tags_of(service, claim)
    assert (info["status"], info.get("end_time", 0)) == ("SCHEDULED", 0)
    assert (tags["epochal.status"], tags["epochal.verdict"], tags["epochal.failure_reason"]) == ("queued", "", "")
    service.jobs.request_cancel(claim.job_id, owner="ada", actor="ada")
    copied(mirror)
    info, tags = service.server.run(service.run_of(claim))["info"], tags_of(service, claim)
    assert (info["status"], tags["epochal.verdict"], tags["epochal.failure_reason"]) == ("KILLED", "underfit", "")
    assert info["end_time"] > 0


def test_a_job_that_goes_on_from_a_checkpoint_has_each_epoch_once(service: Service) -> None:
    claim = service.run()
    mirror = service.mirror()
    service.beat(claim, 1, 5)
    kept = CheckpointRecord(5, "file:///checkpoint", "0" * 64)
    beats = [Progress(claim.job_id, claim.attempt, curve(6, 8), checkpoints=(kept,))]
    service.jobs.renew(worker="w1", progress=beats, lease_s=600)
    copied(mirror)
    service.later()
    copied(mirror)
    service.jobs.requeue(claim.job_id, claim.attempt, reason="its worker was stopped", charge=False)
    (again,) = service.claim()
    assert service.jobs.curve(claim.job_id) == curve(1, 5)
    service.later()
    copied(mirror)
    assert service.epochs_of(claim) == list(range(1, 9))
    service.beat(again, 6, 7)
    service.later()
    copied(mirror)
    service.beat(again, 8, 11)
    copied(service.mirror())  # another one, which knows nothing of before
    service.succeed(again, points=curve(12, 30))
    copied(mirror)
    assert service.epochs_of(claim) == list(range(1, 31))
    assert service.status_of(claim) == "FINISHED"
    assert len(service.server.runs(service.project)) == 1


def test_a_failed_job_that_is_tried_again_and_cancelled_ends_killed(service: Service) -> None:
    claim = service.run()
    mirror = service.mirror()
    service.jobs.fail(claim.job_id, claim.attempt, reason=FailureReason.error, message="No.", points=curve(1, 5))
    mirror.round()  # the status is sent, the files are not
    service.jobs.retry(claim.job_id, owner="ada", actor="ada")
    service.jobs.request_cancel(claim.job_id, owner="ada", actor="ada")
    copied(mirror)
    assert service.status_of(claim) == "KILLED"


def test_a_fault_of_one_job_holds_up_no_other(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    service.submit(3)
    claims = service.claim(3)
    for claim, there in zip(claims, (True, False, True), strict=True):
        service.succeed(claim, points=curve(1, 5), store_model=there)
    copied(service.mirror())
    assert [service.status_of(claim) for claim in claims] == ["FINISHED"] * 3
    for claim in (claims[0], claims[2]):
        assert service.server.artifact(service.run_of(claim), "model.safetensors")
    warnings = [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert claims[1].job_id in warnings[0]


def test_a_name_with_odd_characters_is_only_a_name(service: Service) -> None:
    claim = service.run(name=r"$\frac{1}{ % 名 '\" `x`")
    service.succeed(claim, points=curve(1, 5))
    copied(service.mirror())
    (run,) = service.server.runs(service.project)
    assert run["info"]["run_name"] == r"$\frac{1}{ % 名 '\" `x`"
    assert service.server.artifact(service.run_of(claim), "curves.png")


@pytest.mark.thorough
def test_two_mirrors_at_once_make_one_run_per_job(service: Service) -> None:
    service.submit(6)
    claims = service.claim(6)
    for claim in claims:
        service.succeed(claim, points=curve(1, 10))
    mirrors = [service.mirror(), service.mirror()]
    together = threading.Barrier(2)

    def work(number: int) -> None:
        together.wait()
        copied(mirrors[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = [run for run in service.server.runs(service.project) if run["info"]["lifecycle_stage"] == "active"]
    assert {run["info"]["run_id"] for run in runs} == {service.run_of(claim) for claim in claims}
    assert len(runs) == 6
    for claim in claims:
        assert service.epochs_of(claim) == list(range(1, 11))
        assert service.status_of(claim) == "FINISHED"


def test_a_pack_is_there_soon(service: Service) -> None:
    service.submit(16)
    claims = service.claim(16)
    for claim in claims:
        service.jobs.fail(claim.job_id, claim.attempt, reason=FailureReason.error, message="No.", points=curve(1, 2))
    mirror, stop = service.mirror(), threading.Event()

    def work() -> None:
        while not stop.is_set():
            mirror.round()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        eventually(
            lambda: [run["info"]["status"] for run in service.server.runs(service.project)] == ["FAILED"] * 16,
            within_s=60,
            what="16 runs",
        )
    finally:
        stop.set()
        thread.join()


def tags_of(service: Service, claim: Claim) -> dict[str, str]:
    tags = service.server.run(service.run_of(claim))["data"]["tags"]
    return {tag["key"]: tag["value"] for tag in tags}


def test_a_paused_job_s_run_is_scheduled_and_goes_on_when_it_does(service: Service) -> None:
    claim, mirror = service.run(), service.mirror()
    service.beat(claim, 1, 4)
    copied(mirror)
    service.jobs.request_pause(claim.job_id, owner="ada", actor="ada")
    service.jobs.requeue(claim.job_id, claim.attempt, reason="paused", charge=False)
    copied(mirror)
    assert (service.status_of(claim), tags_of(service, claim)["epochal.status"]) == ("SCHEDULED", "paused")
    service.jobs.resume(claim.job_id, owner="ada", actor="ada")
    copied(service.mirror())  # which knows nothing of before
    assert (service.status_of(claim), tags_of(service, claim)["epochal.status"]) == ("SCHEDULED", "queued")

    (again,) = service.claim()
    service.beat(again, 1, 5)
    copied(mirror)
    assert (service.status_of(claim), tags_of(service, claim)["epochal.status"]) == ("RUNNING", "running")
    service.succeed(again, points=curve(6, 30))
    copied(mirror)
    assert service.status_of(claim) == "FINISHED"
    assert len(service.server.runs(service.project)) == 1


def test_a_job_cancelled_while_it_is_paused_has_a_run_that_was_killed(service: Service) -> None:
    claim, mirror = service.run(), service.mirror()
    service.jobs.request_pause(claim.job_id, owner="ada", actor="ada")
    service.jobs.requeue(claim.job_id, claim.attempt, reason="paused", charge=False)
    copied(mirror)
    assert service.status_of(claim) == "SCHEDULED"
    service.jobs.request_cancel(claim.job_id, owner="ada", actor="ada")
    copied(mirror)
    assert service.status_of(claim) == "KILLED"


def test_another_name_other_tags_and_another_priority_reach_the_run(service: Service) -> None:
    claim, mirror = service.run(name="first", tags={"team": "blue", "old": "1"}), service.mirror()
    service.beat(claim, 1, 3)
    copied(mirror)
    change = Change(name="second", tags={"team": "red"}, priority=7)
    service.jobs.change(claim.job_id, change, owner="ada", actor="ada")
    service.beat(claim, 4, 6)
    service.later()
    copied(mirror)
    info, tags = service.server.run(service.run_of(claim))["info"], tags_of(service, claim)
    assert (info["run_name"], info["status"]) == ("second", "RUNNING")
    assert (tags["team"], tags["epochal.priority"], "old" in tags) == ("red", "7", False)

    service.succeed(claim, points=curve(7, 30))
    copied(mirror)
    service.jobs.change(claim.job_id, Change(name="third", tags={}), owner="ada", actor="ada")
    copied(service.mirror())
    info, tags = service.server.run(service.run_of(claim))["info"], tags_of(service, claim)
    assert (info["run_name"], info["status"]) == ("third", "FINISHED")
    assert ("team" in tags, tags["epochal.status"], "epochal.verdict" in tags) == (False, "succeeded", True)
    assert service.epochs_of(claim) == list(range(1, 31))


def test_a_name_given_after_the_end_reaches_a_run_that_waits_for_its_files(service: Service) -> None:
    claim, other, mirror = service.run(name="first"), service.run(epochs=31), service.mirror()
    service.succeed(claim, points=curve(1, 30))
    copied(mirror)
    assert service.status_of(claim) == "FINISHED"  # and another job trains, so that the files wait
    service.jobs.change(claim.job_id, Change(name="second"), owner="ada", actor="ada")
    copied(mirror)
    info = service.server.run(service.run_of(claim))["info"]
    assert (info["run_name"], info["status"]) == ("second", "FINISHED")
    service.succeed(other, points=curve(1, 31))
    copied(mirror)
    assert mirror._memories == {}


def test_tags_of_people_in_mlflow_stay_and_those_of_the_owner_go(service: Service) -> None:
    claim = service.run(tags={"team": "blue", "old": "1"})
    service.beat(claim, 1, 3)
    mirror = service.mirror()
    copied(mirror)
    service.later()
    copied(mirror)
    service.server.post("runs/set-tag", {"run_id": service.run_of(claim), "key": "reviewed", "value": "by Bo"})
    service.jobs.change(claim.job_id, Change(tags={"team": "red"}), owner="ada", actor="ada")
    service.succeed(claim, points=curve(4, 30))
    copied(service.mirror())  # another one, which finds the tag
    tags = tags_of(service, claim)
    assert (tags["team"], tags["reviewed"], "old" in tags) == ("red", "by Bo", False)


def test_an_experiment_that_a_person_renamed_stays_the_project_s(service: Service) -> None:
    first = service.run()
    service.succeed(first, points=curve(1, 30))
    copied(service.mirror())
    experiment_id = service.job(first.job_id).mlflow_experiment_id
    assert experiment_id is not None
    service.server.post("experiments/update", {"experiment_id": experiment_id, "new_name": f"{service.project} of A"})
    second = service.run(epochs=31)
    service.succeed(second, points=curve(1, 31))
    copied(service.mirror())
    assert service.job(second.job_id).mlflow_experiment_id == experiment_id
    assert service.server.runs(service.project) == []


def test_an_experiment_that_has_the_name_of_another_project_now_is_not_taken_by_that_one(service: Service) -> None:
    first, other = service.run(), f"{service.project}-b"
    copied(service.mirror())
    theirs = service.job(first.job_id).mlflow_experiment_id
    assert theirs is not None
    service.server.post("experiments/update", {"experiment_id": theirs, "new_name": other})
    second = service.run(project=other)
    copied(service.mirror())
    own = service.job(second.job_id).mlflow_experiment_id
    assert own is not None
    assert service.server.ask("experiments/get", experiment_id=own)["experiment"]["name"] == f"{other} (project)"
    third = service.run(epochs=31)
    fourth = service.run(project=other, epochs=31)
    copied(service.mirror())
    assert service.job(third.job_id).mlflow_experiment_id == theirs
    assert service.job(fourth.job_id).mlflow_experiment_id == own
