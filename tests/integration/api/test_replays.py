"""Replays over HTTP: trained again, compared, and the first difference named."""

from typing import Any

from spec.states import FailureReason, StopReason
from store.records import ArtifactRecord, Success

from .conftest import JOBS, Service, is_problem
from .sweeping import SWEEPS, submitted
from .test_improvements import accuracy, run
from .test_sweeps import shown


def train(api: Service, job_id: str, loss: float = 0.25, digest: str = "a" * 64) -> None:
    """End a queued job as a worker does."""
    claims = api.store.claim(worker="w", device="cpu", limit=1, lease_s=60)
    assert [claim.job_id for claim in claims] == [job_id]
    points: dict[str, list[float | None]] = {"epoch": [1, 2], "train_loss": [0.5, loss]}
    model = ArtifactRecord(name="model.safetensors", uri="file:///nowhere", sha256=digest, size=1)
    end = Success(job_id, 1, StopReason.max_epochs, 2, {"train_loss": loss}, points=points, artifacts=[model])
    assert api.store.succeed(end) == {job_id}


def replay(api: Service, job_id: str) -> dict[str, Any]:
    answer = api.ask("POST", f"{JOBS}/{job_id}/replay")
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    assert answer.headers["Location"] == f"{JOBS}/{made['id']}"
    return made


def test_a_replay_is_a_job_with_the_same_spec_and_is_compared_when_it_has_ended(both: Service) -> None:
    original = both.submit(epochs=2, seed=7, name="first", priority=3)
    train(both, original)
    made = replay(both, original)
    assert made["replays"] == original
    assert made["spec"] == both.ask("GET", f"{JOBS}/{original}").get_json()["spec"]
    waiting = both.ask("GET", made["links"]["replay"]).get_json()
    assert (waiting["same"], waiting["status"], waiting["original"]) == (None, "queued", original)
    train(both, made["id"])
    same = both.ask("GET", made["links"]["replay"]).get_json()
    assert (same["same"], same["compared"], same["first_difference"]) == (True, 6, None)
    other = replay(both, original)
    train(both, other["id"], loss=0.125)
    found = both.ask("GET", other["links"]["replay"]).get_json()
    assert found["same"] is False
    assert found["first_difference"] == {
        **{"configuration": None, "epoch": 2, "name": "train_loss", "original": 0.25, "replay": 0.125}
    }
    model = replay(both, original)
    train(both, model["id"], digest="b" * 64)
    found = both.ask("GET", model["links"]["replay"]).get_json()
    assert found["first_difference"]["name"] == "model.safetensors"


def test_what_has_not_ended_or_has_no_numbers_is_not_replayed(api: Service) -> None:
    job_id = api.run()
    problem = is_problem(api.ask("POST", f"{JOBS}/{job_id}/replay"), 409)
    assert problem["detail"] == "A job that is running cannot be replayed: wait until it has ended."
    api.store.fail(job_id, 1, reason=FailureReason.error, message="It broke.")
    problem = is_problem(api.ask("POST", f"{JOBS}/{job_id}/replay"), 409)
    assert (
        problem["detail"]
        == "A job that has failed cannot be replayed: it has no epoch to compare; submit its spec again."
    )
    problem = is_problem(api.ask("GET", f"{JOBS}/{job_id}/replay"), 404)
    assert problem["detail"] == "This job replays no other: POST to this address to train it again."
    assert api.stored() == 1


def test_a_job_that_diverged_at_once_is_replayed(api: Service) -> None:
    job_id = api.run()
    api.store.fail(job_id, 1, reason=FailureReason.diverged, message="")
    made = replay(api, job_id)
    claims = api.store.claim(worker="w", device="cpu", limit=1, lease_s=60)
    api.store.fail(claims[0].job_id, 1, reason=FailureReason.diverged, message="")
    assert api.ask("GET", made["links"]["replay"]).get_json()["same"] is True


def test_an_original_that_is_retried_is_compared_later(api: Service) -> None:
    job_id = api.run()
    api.store.fail(job_id, 1, reason=FailureReason.diverged, message="")
    made = replay(api, job_id)
    claims = api.store.claim(worker="w", device="cpu", limit=1, lease_s=60)
    api.store.fail(claims[0].job_id, 1, reason=FailureReason.diverged, message="")
    assert api.ask("POST", f"{JOBS}/{job_id}/retry").status_code == 202
    found = api.ask("GET", made["links"]["replay"]).get_json()
    assert (found["same"], found["sentence"]) == (None, "The original was retried, and is queued now.")


def test_a_repeated_request_is_one_replay_though_the_original_runs_again(api: Service) -> None:
    job_id, keys = api.run(), {"Idempotency-Key": "k"}
    api.store.fail(job_id, 1, reason=FailureReason.diverged, message="")
    first = api.ask("POST", f"{JOBS}/{job_id}/replay", headers=keys)
    assert api.ask("POST", f"{JOBS}/{job_id}/retry").status_code == 202
    again = api.ask("POST", f"{JOBS}/{job_id}/replay", headers=keys)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.get_json()["id"] == first.get_json()["id"]


def test_a_foreign_job_is_not_there_and_a_replay_belongs_to_the_owner(api: Service) -> None:
    job_id = api.submit(epochs=2)
    train(api, job_id)
    is_problem(api.ask("POST", f"{JOBS}/{job_id}/replay", token=api.tokens.create(owner="eve")), 404)
    root = api.tokens.create(owner="root", scopes=("admin",))
    made = api.ask("POST", f"{JOBS}/{job_id}/replay", token=root).get_json()
    assert api.store.get(made["id"], owner="ann").replays == job_id


def test_a_sweep_is_made_again_and_its_table_compared(both: Service) -> None:
    original = submitted(both, trials=4, generation=4)
    run(both)
    both.ask("PATCH", f"{SWEEPS}/{original}", json={"trials": 9})
    run(both)
    made = both.ask("POST", f"{SWEEPS}/{original}/replay")
    assert made.status_code == 201, made.text
    again = made.get_json()
    assert (again["replays"], again["state"]) == (original, "running")
    assert shown(both, again["links"]["replay"])["same"] is None
    run(both)
    found = shown(both, again["links"]["replay"])
    assert found["same"] is True, found
    assert found["sentence"].endswith("values of 9 configurations are the same, bit for bit.")
    other = both.ask("POST", f"{SWEEPS}/{original}/replay").get_json()
    run(both, lambda spec: accuracy(spec) / 2)
    difference = shown(both, other["links"]["replay"])["first_difference"]
    assert (difference["configuration"], difference["name"]) == (0, "score")


def test_a_repeated_request_is_one_replay_of_a_sweep(api: Service) -> None:
    original = submitted(api, trials=4, generation=4)
    run(api)
    keys = {"Idempotency-Key": "k"}
    first = api.ask("POST", f"{SWEEPS}/{original}/replay", headers=keys)
    api.ask("PATCH", f"{SWEEPS}/{original}", json={"trials": 9})
    again = api.ask("POST", f"{SWEEPS}/{original}/replay", headers=keys)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.get_json()["id"] == first.get_json()["id"]


def test_a_sweep_that_cannot_be_repeated_is_refused(api: Service) -> None:
    running = submitted(api)
    problem = is_problem(api.ask("POST", f"{SWEEPS}/{running}/replay"), 409)
    assert problem["detail"].startswith("A sweep that is running cannot be replayed: only those")
    problem = is_problem(api.ask("GET", f"{SWEEPS}/{running}/replay"), 404)
    assert problem["detail"] == "This sweep replays no other: POST to this address to make it again."
