import json

import pytest

from .embedded import Embedded, await_value

XOR = {"dataset": {"name": "xor", "n": 200}, "architecture": {"type": "mlp", "hidden": [8]}, "epochs": 20}
FINISHED = ("succeeded", "failed", "cancelled")


def test_a_job_goes_from_post_to_a_finished_curve_over_plain_http(stack: Embedded) -> None:
    with stack.http() as http:
        answer = http.post("/jobs", json=XOR, headers={"Idempotency-Key": "plain-http-1"})
        assert answer.status_code == 201
        assert answer.headers["Location"].endswith(answer.json()["id"])
        again = http.post("/jobs", json=XOR, headers={"Idempotency-Key": "plain-http-1"})
        assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])

        path = f"/jobs/{answer.json()['id']}"
        job = await_value(lambda: (found := http.get(path).json())["status"] in FINISHED and found)
        assert isinstance(job, dict)
        assert job["status"] == "succeeded", job["failure"]
        assert job["stop_reason"] == "max_epochs"
        assert job["progress"]["epoch"] == 20

        curve = http.get(f"{path}/curve").json()
        assert curve["epoch"] == list(range(1, 21))
        assert {len(column) for column in curve.values()} == {20}
        assert {"train_loss", "val_loss", "train_accuracy", "val_accuracy", "generalization_gap"} <= set(curve)
        assert curve["val_loss"][-1] == job["metrics"]["val_loss"]

        report = http.get(f"{path}/files/report.json").json()["validation"]
        assert report["accuracy"] == pytest.approx(job["best"]["metrics"]["val_accuracy"])
        assert sum(map(sum, report["confusion"])) == report["rows"] == 40
        assert job["verdict"]["sentence"]

        events = [event["to_status"] for event in http.get(f"{path}/events").json()["events"]]
        assert events == ["queued", "running", "succeeded"]
        assert http.get(path, headers={"Authorization": "Bearer epo_wrong"}).status_code == 401


def test_a_job_goes_from_submit_to_a_finished_curve_on_the_command_line(stack: Embedded) -> None:
    flags = ("--dataset", "xor", "--n", "200", "--hidden", "8", "--epochs", "20", "--tags", "by=cli")
    done = stack.epochal("submit", *flags, "--watch")
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.strip()
    assert len(job_id) == 36
    assert "Best epoch" in done.stderr

    shown = json.loads(stack.epochal("show", job_id[-12:], "--json").stdout)
    assert (shown["id"], shown["status"]) == (job_id, "succeeded")
    assert stack.epochal("jobs", "--tag", "by=cli", "--ids").stdout.split() == [job_id]
    assert stack.epochal("curve", job_id).stdout.count("\n") == 21
    assert "succeeded" in stack.epochal("logs", job_id).stdout
    again = stack.epochal("replay", job_id, "--wait")
    assert again.returncode == 0, again.stderr
    assert "numbers are the same, bit for bit: curve, best metrics and model." in again.stdout
    improved = stack.epochal("improve", job_id, "--seeds", "2", "--wait")
    assert improved.returncode == 0, improved.stderr
    assert "the job as it is" in improved.stdout
    assert " Tried: " in json.loads(stack.epochal("show", job_id, "--json").stdout)["verdict"]["sentence"]

    updates = [json.loads(line) for line in stack.epochal("watch", job_id, "--json").stdout.splitlines()]
    assert updates[-1]["kind"] == "end"

    status = json.loads(stack.epochal("status", "--json").stdout)
    assert {service["name"] for service in status["services"]} >= {"broker", "api", "worker-1", "mlflow", "tracking"}


@pytest.mark.thorough
def test_exit_codes_say_what_happened(stack: Embedded) -> None:
    bad = stack.epochal("submit", "--dataset", "digits", "--epochs", "0")
    assert bad.returncode == 2
    assert "epochs" in bad.stderr

    diverging = {**XOR, "optimizer": "sgd", "learning_rate": 1000.0, "loss": "mse", "activation": "identity"}
    failed = stack.epochal("submit", "-", "--watch", stdin=json.dumps({**diverging, "epochs": 200}))
    assert failed.returncode == 1, failed.stderr
    assert "learning_rate" in failed.stderr

    missing = stack.epochal("show", "00000000-0000-7000-8000-000000000000")
    assert missing.returncode == 1


def test_a_file_of_many_specs_is_one_bulk(stack: Embedded) -> None:
    done = stack.epochal("submit", "-", "--watch", "--json", stdin=json.dumps({"jobs": [XOR, {**XOR, "seed": 1}]}))
    assert done.returncode == 0, done.stderr
    assert [job["status"] for job in json.loads(done.stdout)] == ["succeeded", "succeeded"]
