"""Data sets over HTTP: uploaded, read, listed, trained on, deleted."""

import errno
import gzip
import hashlib
import io
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from werkzeug.test import TestResponse

from spec.dataset import Targets, Uploaded
from spec.job import JobSpec
from spec.profile import ColumnProfile, Profile, Reading
from spec.schema import Column, ColumnKind, Schema, Target
from store.datasets import DatasetStore, table_path
from store.files import files_at
from trainer.data import split

from .conftest import JOBS, Service, is_problem, service

DATASETS = "/api/v1/datasets"
IRIS = "length,colour,kind\n" + "".join(
    f"{row / 10},{['red', 'blue', ''][row % 3]},{['setosa', 'virginica'][row % 2]}\n" for row in range(40)
)


def form(*parts: tuple[str, str | None, str | bytes]) -> dict[str, Any]:
    """A multipart body: (field, file name or None, content) each."""
    body = b""
    for name, file, content in parts:
        named = "" if file is None else f'; filename="{file}"'
        body += f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
        body += (content.encode() if isinstance(content, str) else content) + b"\r\n"
    return {"data": body + b"--b--\r\n", "content_type": "multipart/form-data; boundary=b"}


def send(api: Service, content: str | bytes = IRIS, *, file: str = "flowers.csv", **fields: str) -> TestResponse:
    """The answer to an upload."""
    fields = {"target": "kind", **fields}
    parts = [(name, None, value) for name, value in fields.items() if value != ""]
    return api.ask("POST", DATASETS, **form(*parts, ("file", file, content)))


def uploaded(api: Service, **how: Any) -> dict[str, Any]:
    answer = send(api, **how)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def noted(api: Service) -> dict[str, Any]:
    """A data set that is in the record, as one that was uploaded."""
    table = Schema(
        columns=(Column(name="length", type=ColumnKind.number, size=5),),
        target=Target(name="kind", type=Targets.classes, labels=("a", "b")),
    )
    column = ColumnProfile(name="length", type=ColumnKind.number)
    record = DatasetStore(api.engine).add(
        f"ds_{'7' * 32}",
        owner="ann",
        name="flowers",
        sha256="0" * 64,
        size=1000,
        reading=Reading(
            rows=40,
            table=table,
            profile=Profile(format="csv", columns=[column], target=column),
            sha256="1" * 64,
        ),
    )
    return {"id": record.id, "links": {"self": f"{DATASETS}/{record.id}"}}


def files(api: Service) -> list[Path]:
    """The files of data sets, and those in the making."""
    return [
        path
        for folder in ("datasets", ".making")
        for path in (api.home / "files" / folder).rglob("*")
        if path.is_file()
    ]


@pytest.fixture
def api(api: Service) -> Service:
    """The API over an empty record and no files."""
    shutil.rmtree((api.home / "files"), ignore_errors=True)
    return api


def test_an_upload_says_what_is_in_it(api: Service) -> None:
    answer = send(api)
    found = answer.get_json()
    assert answer.headers["Location"] == f"{DATASETS}/{found['id']}" == found["links"]["self"]
    assert found["sha256"] == hashlib.sha256(IRIS.encode()).hexdigest()
    assert (found["name"], found["version"], found["task"], found["rows"]) == ("flowers", 1, "classification", 40)
    assert (found["features"], found["outputs"]) == (1 + (2 + 1 + 1), 2)
    assert [(column["name"], column["type"], column["missing"]) for column in found["columns"]] == [
        ("length", "number", 0),
        ("colour", "category", 13),
    ]
    assert found["classes"] == [{"value": "setosa", "count": 20}, {"value": "virginica", "count": 20}]
    assert found["preview"][0] == ["0.0", "red", "setosa"]
    assert api.ask("GET", found["links"]["self"]).get_json() == found
    (listed,) = api.ask("GET", DATASETS).get_json()["datasets"]
    assert listed == {name: found[name] for name in listed}
    assert sorted(path.name for path in files(api)) == ["table.npz", "upload.csv"]
    api.ask("DELETE", found["links"]["self"])
    assert files(api) == []


def test_the_same_content_is_the_same_data_set_and_a_name_counts_its_contents(api: Service) -> None:
    first = uploaded(api)
    again = send(api, name="other")
    assert (again.status_code, again.get_json()["id"], again.get_json()["name"]) == (200, first["id"], "flowers")
    assert len(api.ask("GET", DATASETS).get_json()["datasets"]) == 1
    other_target = uploaded(api, target="length")
    assert (other_target["name"], other_target["version"], other_target["task"]) == ("flowers", 2, "regression")
    assert other_target["id"] != first["id"]


def test_owners_see_their_own(api: Service) -> None:
    mine = noted(api)
    bob = api.tokens.create(owner="bob")
    is_problem(api.ask("GET", mine["links"]["self"], token=bob), 404)
    is_problem(api.ask("DELETE", mine["links"]["self"], token=bob), 404)
    assert api.ask("GET", DATASETS, token=bob).get_json()["datasets"] == []
    problem = is_problem(api.ask("POST", JOBS, json={"dataset": {"id": mine["id"]}}, token=bob), 422)
    assert problem["errors"] == [{"path": "dataset.id", "message": "is none of your data sets: upload it first"}]


def test_a_job_knows_its_data_set(api: Service) -> None:
    dataset = noted(api)
    job = api.ask("POST", JOBS, json={"dataset": {"id": dataset["id"]}, "batch_size": 8}).get_json()
    assert job["spec"]["dataset"]["info"] == {
        "rows": 40,
        "features": 5,
        "targets": "classes",
        "classes": 2,
        "outputs": 1,
        "target_range": None,
        "image": None,
        "split_rows": None,
        "groups": None,
        "timed": False,
        "weighted": False,
    }
    (claim,) = api.store.claim(worker="w", device="cpu", limit=1, lease_s=60)
    assert isinstance(claim.spec.dataset, Uploaded)
    assert claim.spec.info is not None
    checked = api.ask("POST", f"{JOBS}/check", json={"dataset": {"id": dataset["id"]}}).get_json()
    assert (checked["train_rows"], checked["parameters"]) == (32, 5 * 64 + 64 + 64 * 32 + 32 + 32 * 2 + 2)


def test_what_a_client_says_of_a_data_set_is_not_believed(api: Service) -> None:
    dataset = noted(api)
    lie = {"rows": 9, "features": 9, "targets": "classes", "classes": 9}
    job = api.ask("POST", JOBS, json={"dataset": {"id": dataset["id"], "info": lie}}).get_json()
    assert job["spec"]["dataset"]["info"]["rows"] == 40


def test_of_many_wrong_jobs_an_answer_names_some(api: Service) -> None:
    jobs = [{"dataset": {"id": "ds_" + "0" * 32}}] * 101
    problem = is_problem(api.ask("POST", f"{JOBS}/bulk", json={"jobs": jobs}), 422)
    assert (len(problem["errors"]), "(100 more)" in problem["detail"]) == (100, True)


@pytest.mark.parametrize("lie", [{"groups": 0}, {"rows": 10**400}, {"image": [1, -8, 8]}], ids=str)
def test_sizes_that_no_data_set_has_are_refused(api: Service, lie: dict[str, Any]) -> None:
    info = {"rows": 9, "features": 9, "targets": "classes", "classes": 9, **lie}
    problem = is_problem(api.ask("POST", JOBS, json={"dataset": {"id": "ds_" + "0" * 32, "info": info}}), 422)
    assert problem["errors"][0]["path"].startswith(f"dataset.info.{next(iter(lie))}")


def test_a_repeated_request_finds_its_jobs_though_their_data_set_is_gone(api: Service) -> None:
    dataset, keys = noted(api), {"Idempotency-Key": "k"}
    body = {"dataset": {"id": dataset["id"]}, "batch_size": 8}
    first = api.ask("POST", JOBS, json=body, headers=keys)
    many = api.ask("POST", f"{JOBS}/bulk", json={"jobs": [body]}, headers={"Idempotency-Key": "many"})
    assert (first.status_code, many.status_code) == (201, 201)
    for job_id in (first.get_json()["id"], *many.get_json()["ids"]):
        api.ask("POST", f"{JOBS}/{job_id}/cancel")
    assert api.ask("DELETE", dataset["links"]["self"]).status_code == 204
    again = api.ask("POST", JOBS, json=body, headers=keys)
    assert (again.status_code, again.get_json()["id"]) == (200, first.get_json()["id"])
    again = api.ask("POST", f"{JOBS}/bulk", json={"jobs": [body]}, headers={"Idempotency-Key": "many"})
    assert (again.status_code, again.get_json()["ids"]) == (200, many.get_json()["ids"])
    is_problem(api.ask("POST", JOBS, json=body | {"batch_size": 9}, headers=keys), 422)


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        ({"loss": "poisson_nll"}, "loss", "poisson_nll needs counts"),
        ({"batch_size": 33}, "batch_size", "must be at most 32"),
        ({"class_weight": {"rose": 2.0}}, "class_weight", "'rose' is no class of the data set, which has 'a', 'b'"),
        ({"architecture": "cnn"}, "architecture.type", "cnn needs image data"),
    ],
)
def test_a_job_that_does_not_fit_its_data_set_is_refused(
    api: Service, fields: dict[str, Any], path: str, message: str
) -> None:
    dataset = noted(api)
    problem = is_problem(api.ask("POST", JOBS, json={"dataset": {"id": dataset["id"]}, **fields}), 422)
    assert [fault["path"] for fault in problem["errors"]] == [path]
    assert problem["errors"][0]["message"].startswith(message)
    jobs = {"jobs": [{"dataset": "xor"}, {"dataset": {"id": dataset["id"]}, **fields}]}
    problem = is_problem(api.ask("POST", f"{JOBS}/bulk", json=jobs), 422)
    assert [fault["path"] for fault in problem["errors"]] == [f"jobs.1.{path}"]
    assert api.stored() == 0


def test_a_data_set_that_jobs_need_is_kept(api: Service) -> None:
    dataset = noted(api)
    job_id = api.submit(dataset={"id": dataset["id"]})
    problem = is_problem(api.ask("DELETE", dataset["links"]["self"]), 409)
    assert problem["detail"] == "1 job needs this data set: wait for the end, or cancel."
    api.ask("POST", f"{JOBS}/{job_id}/cancel")
    assert api.ask("DELETE", dataset["links"]["self"]).status_code == 204
    is_problem(api.ask("GET", dataset["links"]["self"]), 404)
    assert api.ask("GET", f"{JOBS}/{job_id}").status_code == 200
    is_problem(api.ask("POST", JOBS, json={"dataset": {"id": dataset["id"]}}), 422)


def test_the_name_of_a_deleted_data_set_stays_known(api: Service) -> None:
    dataset = noted(api)
    api.ask("DELETE", dataset["links"]["self"])
    (gone,) = api.ask("GET", "/api/v1/datasets").get_json()["deleted"]
    assert (gone["id"], gone["name"], gone["version"]) == (dataset["id"], "flowers", 1)


@pytest.mark.parametrize(
    ("how", "path", "message"),
    [
        ({"target": ""}, "target", "is missing: name one of the columns length, colour, kind"),
        ({"task": "regression"}, "target", "has 'setosa' in row 1, and a regression needs numbers"),
        ({"task": "guess"}, "task", "must be one of classification, regression; it is 'guess'"),
        ({"sha256": "0" * 64}, "sha256", "is not that of the file that arrived"),
        ({"colour": "red"}, "colour", "is not a field here"),
        ({"name": "a\tb"}, "name", "has characters that are not allowed here: control characters, such as line breaks"),
        ({"content": b"\x89PNG\r\n\x1a\n"}, "file", "is one image: send a zip with a folder of images for each class"),
    ],
)
def test_an_upload_that_cannot_be_is_refused_and_leaves_nothing(
    api: Service, how: dict[str, Any], path: str, message: str
) -> None:
    problem = is_problem(send(api, **how), 422)
    assert [fault["path"] for fault in problem["errors"]] == [path]
    assert problem["errors"][0]["message"].startswith(message)
    assert api.ask("GET", DATASETS).get_json() == {"datasets": [], "deleted": []}
    assert files(api) == []


def test_words_among_numbers_are_refused_with_the_option_that_reads_them(api: Service) -> None:
    content = IRIS.replace("\n0.5,", "\n<0.5,")
    problem = is_problem(send(api, content=content), 422)
    assert problem["na_values"] == {"length": ["<0.5"]}
    read = uploaded(api, content=content, na_values=json.dumps(problem["na_values"]))
    assert [column["missing"] for column in read["columns"] if column["name"] == "length"] == [1]


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ([("target", None, "kind")], "file"),
        ([("file", None, IRIS)], "file"),
        ([("other", "f.csv", IRIS)], "other"),
        ([("file", "f.csv", IRIS), ("file", "g.csv", IRIS)], "file"),
        ([("file", "f.csv", IRIS), ("target", None, "kind"), ("target", None, "length")], "target"),
    ],
)
def test_a_form_that_is_not_one_file_is_refused(
    api: Service, parts: list[tuple[str, str | None, str]], path: str
) -> None:
    problem = is_problem(api.ask("POST", DATASETS, **form(*parts)), 422)
    assert [fault["path"] for fault in problem["errors"]] == [path]
    assert files(api) == []


def test_bodies_that_are_no_form_are_refused(api: Service) -> None:
    is_problem(api.ask("POST", DATASETS, json={"target": "kind"}), 415)
    is_problem(api.ask("POST", DATASETS, data=b"x", content_type="multipart/form-data"), 415)
    whole = form(("target", None, "kind"), ("file", "f.csv", IRIS))
    is_problem(api.ask("POST", DATASETS, data=whole["data"][:-20], content_type=whole["content_type"]), 400)
    is_problem(api.ask("POST", DATASETS, **form(*((f"f{n}", None, "x") for n in range(50)))), 413)
    assert files(api) == []


def test_an_upload_beyond_the_quota_is_refused_with_the_numbers(tmp_path: Path) -> None:
    small = service(tmp_path, EPOCHAL_DATA_QUOTA_MIB="1")
    try:
        first = uploaded(small)
        problem = is_problem(send(small, content=IRIS + "#" * (1 << 20)), 413)
        used = first["size_bytes"]
        sentence = f"Your data sets and uploads take {used:,} of 1,048,576 bytes, and it does not fit"
        assert problem["detail"].startswith(sentence)
        wide = "kind," + ",".join(f"c{n}" for n in range(100)) + "\n" + ("x" + ",1" * 100 + "\n") * 1000
        wide += ("z" + ",2" * 100 + "\n") * 1000  # 400 kB as text, 1.6 MB as numbers
        assert "with its table it takes" in is_problem(send(small, content=wide), 413)["detail"]
        assert len(small.ask("GET", DATASETS).get_json()["datasets"]) == 1
    finally:
        small.engine.dispose()


def test_what_a_process_left_that_died_is_swept(api: Service) -> None:
    making = files_at((api.home / "files").as_uri()).staging_folder()
    for name, age_s in (("old", 7200), ("young", 60)):
        (making / name).write_text("half")
        os.utime(making / name, (time.time() - age_s,) * 2)
    send(api, content="")
    assert [path.name for path in making.iterdir()] == ["young"]


def test_pictures_and_the_table_that_workers_get(api: Service) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, X=np.zeros((4, 1, 2, 2)), y=np.arange(4) % 2)
    dataset = uploaded(api, content=buffer.getvalue(), file="f.npz", target="")
    assert dataset["image"] == [1, 2, 2]
    raw = files_at((api.home / "files").as_uri()).get(table_path(dataset["id"]))
    record = DatasetStore(api.engine).get(dataset["id"], owner="ann")
    assert hashlib.sha256(raw).hexdigest() == record.table_sha256


def test_a_full_disk_is_a_507(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(sink: object, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("api.form.Sink.write", full)
    is_problem(send(api), 507)
    assert files(api) == []


GERMAN = "preis;plz;datum;menge\n" + "".join(
    f"1.{row:03},50;0{1000 + row % 3};{row % 28 + 1:02}/02/2020;{row % 7},5\n" for row in range(40)
)


def test_a_file_is_read_as_people_write_it_and_says_how_and_in_another_way_is_another_data_set(api: Service) -> None:
    found = uploaded(api, content=GERMAN, target="menge", dayfirst="true")
    kinds = {column["name"]: column["type"] for column in found["columns"]}
    assert kinds == {"preis": "number", "plz": "category", "datum": "date"}
    assert (found["columns"][0]["min"], found["columns"][0]["format"]["thousands"]) == (1000.5, ".")
    assert (found["header"], found["delimiter"], found["task"]) == (True, ";", "regression")
    assert any("'01000'" in note and "types=plz=number" in note for note in found["notes"])
    other = uploaded(api, content=GERMAN, target="menge", types="plz=number", columns="-datum", weight="preis")
    assert found["id"] != other["id"]
    roles = {column["name"]: (column["type"], column["role"]) for column in other["columns"]}
    assert roles == {"preis": ("number", "weight"), "plz": ("number", "feature"), "datum": ("date", "unused")}
    same = send(api, content=GERMAN, target="menge", columns="-datum", weight="preis", types="plz=number")
    assert same.status_code == 200


@pytest.mark.parametrize("file", ["flowers.csv.gz", "flowers.gz", "a/flowers.CSV.GZ"])
def test_a_compressed_file_is_read_and_named_as_what_it_holds(api: Service, file: str) -> None:
    found = uploaded(api, content=gzip.compress(IRIS.encode()), file=file)
    assert (found["name"], found["rows"], found["format"]) == ("flowers", 40, "csv")
    assert sorted(path.name for path in files(api)) == ["table.npz", "upload.csv"]


def test_several_targets_come_as_several_fields(api: Service) -> None:
    parts = [("target", None, "preis"), ("target", None, "menge"), ("file", "f.csv", GERMAN)]
    answer = api.ask("POST", DATASETS, **form(*parts))
    assert answer.status_code == 201, answer.text
    assert (answer.get_json()["outputs"], answer.get_json()["target"]["name"]) == (2, "preis, menge")


@pytest.mark.parametrize(
    ("fields", "path", "said"),
    [
        ({"decimal": "x"}, "decimal", "must be one of ., ,"),
        ({"types": "plz=colour"}, "types", "must be one of number, category, boolean, date, text"),
        ({"types": "plz=date"}, "types", "says date of column 'plz', which has '01000'"),
        ({"weight": "nix"}, "weight", "is no column of the file: 'nix'; it has preis, plz, datum, menge"),
        ({"columns": "preis,-plz"}, "columns", "do one of both"),
        ({"columns": "[" * 100_000}, "columns", "must be a list"),
        ({"date_format": "dd"}, "date_format", "must say where day, month and year are, such as %d.%m.%Y"),
        ({"header": "maybe"}, "header", "must be true or false"),
        ({"group": "datum", "weight": "datum"}, "group", "is the column of weight already"),
        ({"page": "1"}, "page", "is not a field here"),
    ],
)
def test_an_option_that_cannot_be_is_refused_with_its_field_and_what_is_allowed(
    api: Service, fields: dict[str, str], path: str, said: str
) -> None:
    problem = is_problem(send(api, content=GERMAN, target="menge", **fields), 422)
    assert [fault["path"].split(".")[0] for fault in problem["errors"]] == [path]
    assert said in problem["errors"][0]["message"]


def test_a_reader_that_fails_for_no_known_reason_says_the_request(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.children.sys.executable", shutil.which("false"))
    problem = is_problem(send(api), 422)
    assert problem["errors"][0]["message"] == (
        f"could not be read, for a reason that is not known: report request {problem['request_id']}"
    )


DATED = "length,part,who,day,kind\n" + "".join(
    f"{row * 7 % 40},{['train', 'train', 'dev', 'test'][row % 4]},{'abcdefgh'[row % 8]},2026-01-{row % 20 + 1:02},"
    f"{['setosa', 'virginica'][row * 3 % 5 % 2]}\n"
    for row in range(40)
)
DIVIDED: dict[str, tuple[dict[str, str], list[tuple[dict[str, Any], tuple[int, int, int]]]]] = {
    "by column": ({"split": "part"}, [({"split": "column"}, (20, 10, 10))]),
    "by group": (
        {"group": "who"},
        [({"split": "group"}, (30, 10, 0)), ({"split": "group", "folds": 4}, (30, 10, 0))],
    ),
    "by time": (
        {"time": "day"},
        [
            ({"split": "time", "test_fraction": 0.1}, (28, 8, 4)),
            ({"split": "time", "folds": 3, "fold": 1}, (20, 10, 0)),
        ],
    ),
}
"""Columns of an upload; jobs on it, the last in folds, and the rows that each trains, checks and tests with."""


@pytest.mark.parametrize("kind", DIVIDED)
def test_an_upload_is_divided_by_its_columns(api: Service, kind: str) -> None:
    columns, jobs = DIVIDED[kind]
    dataset = uploaded(api, content=DATED, **columns)
    for fields, rows in jobs:
        asked = {"dataset": dataset["id"], "batch_size": 8, "epochs": 1, **fields}
        declared = api.ask("POST", f"{JOBS}/check", json={**asked, "split": None})
        checked = api.ask("POST", f"{JOBS}/check", json=asked).get_json()
        assert declared.get_json()["pack_key"] == checked["pack_key"]
        assert tuple(checked[f"{part}_rows"] for part in ("train", "validation", "test")) == rows
        spec = JobSpec.model_validate(checked["spec"])
        assert spec.info is not None
        table = api.home / "files" / table_path(dataset["id"])
        divided = split(spec, spec.info, torch.device("cpu"), torch.float64, table)
        assert (len(divided.x["train"]), len(divided.x["val"]), len(divided.x["test"])) == rows


def test_a_split_that_an_upload_has_no_column_for_is_refused(api: Service) -> None:
    dataset = uploaded(api, content=DATED)
    for wanted in ("column", "group", "time"):
        problem = is_problem(api.ask("POST", JOBS, json={"dataset": dataset["id"], "split": wanted}), 422)
        (fault,) = problem["errors"]
        assert fault["path"] == "split", wanted
        assert "upload the file with" in fault["message"], wanted
