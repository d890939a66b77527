"""Jobs that begin from a finished job: who may, from which, and what the answer says."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from .conftest import JOBS, Service, is_problem
from .test_datasets import uploaded
from .test_models import FIELDS, WEIGHED, succeeded

WARM = {**FIELDS, "epochs": 3}


def submitted(api: Service, base: str, **fields: Any) -> TestResponse:
    return api.ask("POST", JOBS, json={**WARM, "init_from": base, **fields})


def fault_of(answer: TestResponse) -> tuple[str, str]:
    (error,) = is_problem(answer, 422)["errors"]
    return error["path"], error["message"]


@pytest.fixture
def base(api: Service) -> str:
    return succeeded(api, labels=("0", "1"))


def test_a_job_begins_from_a_job_that_succeeded(api: Service, base: str) -> None:
    answer = submitted(api, base)
    assert answer.status_code == 201, answer.text
    body = answer.get_json()
    assert body["spec"]["init_from"] == base
    assert body["warnings"][1:] == [f"The optimizer begins anew: that of job {base} was not kept (keep_optimizer)."]
    assert api.ask("POST", f"{JOBS}/check", json={**WARM, "init_from": base}).status_code == 200


def test_jobs_that_cannot_be_begun_from_are_named(api: Service, base: str) -> None:
    unknown = "01900000-0000-7000-8000-000000000000"
    assert fault_of(submitted(api, unknown)) == (
        "init_from",
        "is none of your jobs: list the jobs to see which there are",
    )
    without = succeeded(api, without="preprocessing.json")
    waiting = api.submit(**FIELDS)
    assert fault_of(submitted(api, waiting)) == (
        "init_from",
        "must be a job that has succeeded; this one is queued, and has no model",
    )
    assert fault_of(submitted(api, without)) == ("init_from", "has no model that can be used: train that job again")


def test_anothers_job_is_none_of_yours_and_an_administrator_sees_all(api: Service, base: str) -> None:
    body = {**WARM, "init_from": base}
    bob, admin = api.tokens.create(owner="bob"), api.tokens.create(owner="root", scopes=["read", "write", "admin"])
    path, message = fault_of(api.ask("POST", JOBS, json=body, token=bob))
    assert (path, message) == ("init_from", "is none of your jobs: list the jobs to see which there are")
    assert api.ask("POST", JOBS, json=body, token=admin).status_code == 201


@pytest.mark.parametrize(
    ("fields", "path", "said"),
    [
        ({"architecture": {"type": "mlp", "hidden": [8]}}, "architecture", "must be perceptron"),
        ({"loss": "cross_entropy"}, "loss", "must be binary_cross_entropy"),
        ({"dataset": {"name": "blobs", "classes": 2, "features": 3}}, "init_from", "a column x of 2 numbers a row"),
        (
            {"dataset": {"x": [[1, 2]] * 8, "y": [3, 4] * 4}},
            "init_from",
            "classes 0, 1, and this data set has 3, 4",
        ),
        ({"dataset": "breast_cancer"}, "init_from", "was trained on another data set, and so on other columns"),
        ({"standardize": True}, "standardize", "must be left out with init_from"),
    ],
)
def test_what_differs_is_named(api: Service, base: str, fields: dict[str, Any], path: str, said: str) -> None:
    found, message = fault_of(submitted(api, base, **fields))
    assert found == path
    assert said in message


def test_data_of_the_same_columns_may_be_others(api: Service, base: str) -> None:
    for dataset in ("moons", {"name": "xor", "n": 40}, {"x": [[1, 2]] * 8, "y": [0, 1] * 4}):
        assert submitted(api, base, dataset=dataset).status_code == 201


@pytest.mark.parametrize(("unit", "status"), [("kg", 201), ("g", 422)])
def test_a_column_in_another_unit_is_refused(api: Service, unit: str, status: int) -> None:
    content = "weight,at,y\n" + "".join(f"{row + 1} {unit},{row % 24}:{row % 6}0,{row % 2}\n" for row in range(40))
    dataset = uploaded(api, content=content, target="y")["id"]
    answer = submitted(api, succeeded(api, labels=("0", "1"), columns=WEIGHED), dataset=dataset)
    assert answer.status_code == status, answer.text
    if status == 422:
        said = "was trained on a column weight of numbers in kg, and this data set's is of numbers in g"
        assert fault_of(answer) == ("init_from", said)


def test_a_configuration_has_another_network_only_where_it_begins_from_no_job(api: Service, base: str) -> None:
    def sweep(**configuration: Any) -> TestResponse:
        body = {"base": {**WARM, "init_from": base}, "method": "given", "configurations": [{}, configuration]}
        return api.ask("POST", "/api/v1/sweeps", json=body)

    wider = {"architecture": {"type": "mlp", "hidden": [8]}}
    assert sweep(**wider, init_from=None).status_code == 201  # as `improve` tries it
    said = "cannot vary in jobs that begin from another job"
    assert fault_of(sweep(**wider)) == ("configurations.1.architecture", said)
    assert fault_of(sweep(init_from=base)) == ("configurations.1.init_from", said)


def test_of_many_jobs_each_fault_says_where_it_is(api: Service, base: str) -> None:
    jobs = [{**WARM, "init_from": base}, {**WARM, "init_from": base, "activation": "tanh", "loss": "mse"}, WARM]
    problem = is_problem(api.ask("POST", f"{JOBS}/bulk", json={"jobs": jobs}), 422)
    assert [error["path"] for error in problem["errors"]] == ["jobs.1.loss"]
    answer = api.ask("POST", f"{JOBS}/bulk", json={"jobs": [jobs[0], jobs[0], WARM]})
    assert answer.status_code == 201
    assert len(answer.get_json()["warnings"][1:]) == 1
