from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from mlflow.utils.validation import _validate_param_name

from spec.job import JobSpec
from spec.states import FailureReason, JobStatus, StopReason
from spec.sweep import SweepSpec
from spec.views import Curve
from store.records import JobRecord
from tracking.links import Links
from tracking.mlflow import Metric
from tracking.runs import child_params, metrics, milliseconds, name_of, note, outdated, params, tags

NOON = datetime(2026, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def job(**fields: object) -> JobRecord:
    spec = JobSpec.model_validate({"dataset": "digits", "tags": {"team": "blue"}})
    made = JobRecord(
        id="01900000-0000-7000-8000-000000000000",
        owner="ada",
        name=None,
        project="p",
        tags={"team": "blue"},
        spec=spec,
        pack_key="k",
        priority=0,
        epochs=10,
        created_at=NOON,
        updated_at=NOON,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def test_a_curve_becomes_points_epoch_by_epoch() -> None:
    curve: Curve = {"epoch": [3, 4], "train_loss": [0.5, 0.25], "val_loss": [0.75, 0.5]}
    at = milliseconds(NOON)
    assert metrics(curve, NOON) == [
        Metric("train_loss", 0.5, at, 3),
        Metric("val_loss", 0.75, at, 3),
        Metric("train_loss", 0.25, at, 4),
        Metric("val_loss", 0.5, at, 4),
    ]


def test_values_that_are_not_there_have_no_point() -> None:
    points = metrics({"epoch": [1, 2], "train_loss": [None, 0.5], "val_loss": [0.25, None]}, NOON)
    assert [(point.key, point.step) for point in points] == [("val_loss", 1), ("train_loss", 2)]


def test_a_moment_in_any_zone_is_the_same_milliseconds() -> None:
    assert milliseconds(NOON) == 1_777_636_800_250
    assert milliseconds(datetime.fromisoformat("2026-05-01T14:00:00.250+02:00")) == milliseconds(NOON)


def test_the_spec_becomes_flat_parameters_with_dotted_names() -> None:
    spec = JobSpec.model_validate(
        {
            "dataset": {"name": "moons", "n": 400},
            "architecture": {"type": "mlp", "hidden": [16, 8]},
            "tags": {"team": "blue"},
        }
    )
    flat = params(spec)
    assert flat["dataset.name"] == "moons"
    assert flat["dataset.n"] == "400"
    assert flat["architecture.hidden"] == "[16, 8]"
    assert not [name for name in flat if name.startswith("tags") or name == "version"]
    assert all(isinstance(value, str) for value in flat.values())
    assert "null" not in flat.values()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("class_weight.<=50K", "class_weight.__50K"),
        ("team/", "team"),
        ("a//b", "a/b"),
        ("a/..", "a/_"),
        ("größe", "größe"),
    ],
)
def test_names_are_those_that_mlflow_takes(text: str, name: str) -> None:
    assert name_of(text) == name
    _validate_param_name(name_of(text))  # type: ignore[no-untyped-call]


def test_labels_that_become_one_name_stay_two() -> None:
    spec = JobSpec.model_validate({"dataset": f"ds_{'4' * 32}", "class_weight": {"<=50K": 1, ">=50K": 3}})
    assert {params(spec)[f"class_weight.__50K{more}"] for more in ("", "_")} == {"1.0", "3.0"}


def test_what_a_sweep_varies_has_short_names() -> None:
    space = {
        "learning_rate": [0.1, 0.01],
        "architecture.hidden": [[8], [16]],
        "optimizer": ["adam", {"type": "sgd", "momentum": 0.5}],
        "optimizer.nesterov": {"choice": [True], "when": {"optimizer.type": "sgd"}},
        "schedule": ["cosine", "constant"],
    }
    sweep = SweepSpec.model_validate({"base": {"dataset": "digits"}, "space": space})
    made = {"optimizer": "adam", "architecture.hidden": [16], "learning_rate": 0.01, "schedule": "cosine"}
    spec = sweep.job(made, 0)
    found = child_params(sweep, job(spec=spec, trial=7, replicate=2))
    assert found.items() >= {"trial": "7", "replicate": "2", "hidden": "[16]", "schedule": "cosine"}.items()
    assert found["optimizer"].startswith('{"type": "adam"')
    assert "nesterov" not in found
    assert "learning_rate" not in found  # among the job's own
    assert not found.keys() & params(spec).keys()


def test_configurations_that_are_given_have_short_names_too() -> None:
    given: list[dict[str, Any]] = [{"architecture.hidden": [8]}, {"learning_rate": 0.1}]
    sweep = SweepSpec.model_validate({"base": {"dataset": "digits"}, "method": "given", "configurations": given})
    found = child_params(sweep, job(spec=sweep.job(given[0], 0), trial=0, replicate=0))
    assert found == {"trial": "0", "replicate": "0", "hidden": "[8]"}


def test_a_long_parameter_is_cut() -> None:
    rows = [[float(row), float(row)] for row in range(200)]
    spec = JobSpec.model_validate(
        {
            "dataset": {"x": rows, "y": [row % 2 for row in range(200)]},
        }
    )
    values = params(spec)
    assert max(len(value) for value in values.values()) == 500
    assert values["dataset.x"].startswith("[[0.0, 0.0], [1.0")
    assert values["dataset.x"].endswith("...")


def test_tags_say_what_the_record_knows_and_nothing_else() -> None:
    shown = tags(job(status=JobStatus.running, attempt=1, device="cpu", worker="w1"), Links())
    assert shown.items() >= {"team": "blue", "epochal.status": "running", "epochal.device": "cpu"}.items()
    assert "epochal.stop_reason" not in shown
    assert "epochal.failure_reason" not in shown


def test_a_later_attempt_takes_back_what_an_earlier_one_said() -> None:
    failed = tags(job(status=JobStatus.failed, attempt=1, failure_reason=FailureReason.error), Links())
    has = failed | {"epochal.verdict": "diverged", "mlflow.parentRunId": "p", "epochal.best": "true"}
    again = tags(job(status=JobStatus.queued, attempt=1), Links())
    empty = {"epochal.failure_reason": "", "epochal.verdict": ""}
    assert outdated(has, again) == (empty, ["epochal.best"])
    assert outdated(has | empty, again | empty) == ({}, ["epochal.best"])


def test_tags_of_the_owner_go_and_those_of_a_person_in_mlflow_stay() -> None:
    has = tags(job(tags={"team": "blue", "old/": "1"}), Links()) | {"reviewed": "by Bo"}
    assert outdated(has, tags(job(tags={"team": "red"}), Links())) == ({}, ["old"])
    assert outdated(has, tags(job(tags={}), Links())) == ({"epochal.tags": ""}, ["team", "old"])


def test_a_user_s_tag_neither_renames_the_run_nor_lies_about_the_job() -> None:
    shown = tags(job(tags={"mlflow.runName": "x", "epochal.job_id": "y", "epochal.sweep": "z", "team": ""}), Links())
    assert "mlflow.runName" not in shown
    assert shown["epochal.job_id"] == job().id
    assert "epochal.sweep" not in shown  # a sweep's run is found by it
    assert shown["team"] == ""


def test_the_note_says_how_the_job_ended() -> None:
    assert note(job()) == f"Job {job().id}."
    failed = job(status=JobStatus.failed, failure_reason=FailureReason.error, failure_message="No such thing.")
    assert note(failed) == "Failed: No such thing."
    done = job(status=JobStatus.succeeded, stop_reason=StopReason.early_stopping, best_epoch=4, epoch=9)
    assert note(done).endswith("Best epoch: 4 of 9.")
