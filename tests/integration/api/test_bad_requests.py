"""Requests that are wrong: every one is refused with its status and its field, and leaves nothing behind."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from .conftest import JOBS, XOR, Service, is_problem

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Case:
    """A body, how it is refused, and what the refusal must say."""

    name: str
    body: bytes
    status: int
    says: str = ""
    path: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)


def with_field(text: str) -> bytes:
    return f'{{"dataset": "xor", {text}}}'.encode()


HTTP = (
    Case("empty", b"", 400, "empty"),
    Case("spaces only", b"  \n ", 400, "empty"),
    Case("broken JSON", b'{"dataset": xor}', 400, "line 1, column 13, at 'xor}'"),
    Case("comma at the end", b'{"dataset": "xor",}', 400, "line 1, column 19, at '}'"),
    Case("quotes of cmd.exe", b"'{dataset: xor}'", 400, "line 1, column 1, at \"'{dataset: xor}'\""),
    Case("cut off", b'{"dataset": "xor"', 400, "line 1"),
    Case("two values", b"{} {}", 400, "Extra data"),
    Case("text", b"dataset=xor", 415, "Content-Type: application/json", headers={"Content-Type": "text/plain"}),
    Case("form", b"dataset=xor", 415, headers={"Content-Type": "application/x-www-form-urlencoded"}),
    Case("no type", b"{}", 415, headers={}),
    Case("list", b"[]", 422, "must be an object", ""),
    Case("null", b"null", 422, "must be an object", ""),
    Case("number", b"1", 422, "must be an object", ""),
    Case("nested 5,000 deep", b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "nested too deeply"),
    Case("100,000 brackets", b"[" * 100_000, 400, "nested too deeply"),
    Case("nested 51 deep", b'{"dataset": ' + b"[" * 50 + b"]" * 50 + b"}", 400, "at most 50"),
    Case("NaN", with_field('"learning_rate": NaN'), 422, "finite", "learning_rate"),
    Case("infinity", with_field('"learning_rate": Infinity'), 422, "finite", "learning_rate"),
    Case("minus infinity", with_field('"l1": -Infinity'), 422, "finite", "l1"),
    Case("1e999", with_field('"learning_rate": 1e999'), 422, "finite", "learning_rate"),
    Case("5,000 digits", with_field(f'"seed": {"9" * 5000}'), 400, "too many digits"),
    Case("4,000 digits", with_field(f'"seed": {"9" * 4000}'), 422, "at most", "seed"),
    Case("400 digits for a real number", with_field(f'"learning_rate": {"9" * 400}'), 422, "", "learning_rate"),
    Case("duplicate key", b'{"dataset": "xor", "dataset": "iris"}', 422, "given twice", "dataset"),
    Case("half a character", with_field(r'"name": "\ud800"'), 422, "Unicode", "name"),
    Case("half a character in a key", with_field(r'"\ud800": 1'), 422, "Unicode"),
    Case("half a character in a key given twice", with_field(r'"\ud800": 1, "\ud800": 2'), 422, "given twice"),
    Case("half a character in a tag's key", with_field(r'"tags": {"\ud800": "v"}'), 422),
    Case("NUL", with_field(r'"name": "a\u0000b"'), 422, "not allowed", "name"),
    Case("NUL in a tag", with_field(r'"tags": {"a": "\u0000"}'), 422, "not allowed", "tags.a"),
    Case("invalid UTF-8", b'{"dataset": "\xff"}', 400, "UTF-8, at byte 13"),
    Case("UTF-16", json.dumps(XOR).encode("utf-16"), 400, "is UTF-16: send it as UTF-8"),
    Case("UTF-16 without a mark", json.dumps(XOR).encode("utf-16-le"), 400),
    Case("1 MiB + 1", with_field(f'"name": "{"x" * (1 << 20)}"'), 413, "too large"),
    Case("gzip", gzip.compress(b"{}" * 1000), 415, "plain JSON", headers=JSON | {"Content-Encoding": "gzip"}),
    Case("20,000 fields", json.dumps({f"f{i}": 1 for i in range(20_000)}).encode(), 422, "20000 fields", ""),
    Case("unknown field", with_field('"learning_rte": 1'), 422, "did you mean learning_rate?", "learning_rte"),
    Case("owner", with_field('"owner_id": "bob"'), 422, "not a field", "owner_id"),
    Case("state", with_field('"status": "succeeded"'), 422, "not a field", "status"),
    Case("attempt", with_field('"attempt": 7'), 422, "not a field", "attempt"),
)


@pytest.mark.parametrize("case", HTTP, ids=lambda case: case.name)
def test_bad_body(api: Service, case: Case) -> None:
    for path in (JOBS, f"{JOBS}/check"):
        answer = api.ask("POST", path, data=case.body, headers=case.headers)
        problem = is_problem(answer, case.status)
        assert case.says in problem["detail"]
        if case.path is not None:
            assert case.path in [error["path"] for error in problem["errors"]]
    assert api.stored() == 0


SPECS: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("rate 0", {"learning_rate": 0}, "learning_rate", "greater than 0"),
    ("rate below 0", {"learning_rate": -0.1}, "learning_rate", "greater than 0"),
    ("rate 1e10", {"learning_rate": 1e10}, "learning_rate", "at most 1000"),
    ("rate as text", {"learning_rate": "0.1"}, "learning_rate", "must be a number"),
    ("rate true", {"learning_rate": True}, "learning_rate", "must be a number"),
    ("no epochs", {"epochs": 0}, "epochs", "at least 1"),
    ("epochs below 0", {"epochs": -1}, "epochs", "at least 1"),
    ("half an epoch", {"epochs": 1.5}, "epochs", "whole number"),
    ("a billion epochs", {"epochs": 10**9}, "epochs", "at most 1000000"),
    ("batch 0", {"batch_size": 0}, "batch_size", "at least 1"),
    ("batch above the rows", {"batch_size": 401}, "batch_size", "at most 320"),
    ("no layers", {"architecture": {"type": "mlp", "hidden": []}}, "architecture.hidden", "at least 1"),
    ("wide", {"architecture": {"type": "mlp", "hidden": [10**6]}}, "architecture.hidden.0", "at most 65536"),
    ("deep", {"architecture": {"type": "mlp", "hidden": [8] * 10_000}}, "architecture.hidden", "at most 64"),
    ("big", {"architecture": {"type": "mlp", "hidden": [65_536] * 2}}, "architecture", "4,295,360,514"),
    ("optimizer", {"optimizer": "adamm"}, "optimizer", "sgd, adagrad, adadelta"),
    ("optimizer meant", {"optimizer": {"type": "rmspro"}}, "optimizer.type", "did you mean rmsprop?"),
    ("activation", {"activation": "rellu"}, "activation", "did you mean relu?"),
    ("loss", {"loss": "mean_squared"}, "loss", "mse, mae"),
    ("loss for classes on numbers", {"dataset": "linear", "loss": "cross_entropy"}, "loss", "needs classes"),
    ("loss for counts on classes", {"loss": "poisson_nll"}, "loss", "needs counts"),
    ("seed below 0", {"seed": -1}, "seed", "at least 0"),
    ("seed of 65 bits", {"seed": 2**64}, "seed", "at most"),
    ("weights of another shape", {"initial_weights": [[[1.0]]]}, "initial_weights", "must have shapes"),
    ("ragged rows", {"dataset": {"x": [[1.0], [1.0, 2.0]], "y": [0, 1]}}, "dataset.x", "same number"),
    ("rows without targets", {"dataset": {"x": [[1.0], [2.0]], "y": [0]}}, "dataset.y", "as many entries"),
    ("one class", {"dataset": {"x": [[1.0], [2.0]], "y": [1, 1]}, "validation_fraction": 0}, "dataset", "one class"),
    ("250,000 bad cells", {"dataset": {"x": [["a"] * 5000] * 40, "y": ["b"] * 40}}, "dataset.x.0.0", "a number"),
    ("all rows kept", {"validation_fraction": 1.0}, "validation_fraction", "at most 0.9"),
    ("nothing kept", {"dataset": {"name": "xor", "n": 4}, "validation_fraction": 0.1}, "validation_fraction", "no row"),
    ("dropout 1", {"dropout": 1.0}, "dropout", "less than 1"),
    ("dropout below 0", {"dropout": -0.1}, "dropout", "at least 0"),
    ("long name", {"name": "x" * 10_000}, "name", "at most 200"),
    ("name that turns the line", {"name": "a\u202eb"}, "name", "not allowed"),
    ("project that climbs", {"project": "../../x"}, "project", "not allowed"),
    ("project of markup", {"project": "<script>"}, "project", "not allowed"),
    ("1,001 tags", {"tags": {f"k{i}": "v" for i in range(1001)}}, "tags", "at most 50"),
    ("10 kB in a tag", {"tags": {"k": "v" * 10_000}}, "tags.k", "at most 500"),
    ("bad tag", {"tags": {"a b": "v"}}, "tags.a b", "as a key"),
    ("timeout 0", {"timeout_s": 0}, "timeout_s", "greater than 0"),
    ("ten years", {"timeout_s": 3.2e8}, "timeout_s", "at most"),
    ("upload", {"dataset": {"id": "ds_" + "0" * 32}}, "dataset.id", "is none of your data sets"),
    ("upload that cannot be", {"dataset": {"id": "../x"}}, "dataset.id", "must be an id of a data set"),
    ("data set", {"dataset": "iriss"}, "dataset", "did you mean iris?"),
    ("no such metric", {"monitor": "f1"}, "monitor", "val_loss"),
    ("metric without validation", {"monitor": "val_loss", "validation_fraction": 0}, "monitor", "validation_fraction"),
    ("device", {"resources": {"device": "cuda:99"}}, "resources.device", "auto, cpu, cuda"),
    (
        "several devices and statistics of whole batches",
        {"resources": {"gpus": 2}, "architecture": {"type": "mlp", "normalization": "batch"}},
        "resources.gpus",
        "must be 1",
    ),
    ("precision", {"precision": "float7"}, "precision", "float32"),
    ("version", {"version": 99}, "version", "at most 1"),
    ("cnn without images", {"architecture": "cnn"}, "architecture.type", "image"),
)


@pytest.mark.parametrize(("fields", "path", "says"), [case[1:] for case in SPECS], ids=[case[0] for case in SPECS])
def test_bad_spec(api: Service, fields: dict[str, Any], path: str, says: str) -> None:
    answer = is_problem(api.ask("POST", JOBS, json=XOR | fields), 422)
    messages = {error["path"]: error["message"] for error in answer["errors"]}
    assert says in messages[path]
    in_bulk = is_problem(api.ask("POST", f"{JOBS}/bulk", json={"jobs": [XOR, XOR | fields]}), 422)
    assert says in {error["path"]: error["message"] for error in in_bulk["errors"]}[f"jobs.1.{path}"]
    assert api.stored() == 0


NAMES = ("😀", "'; DROP TABLE job; --", "<script>alert(1)</script>", "../../etc/passwd", "%s%n", "שלום", "a" * 200)


@pytest.mark.both_databases
@pytest.mark.parametrize("name", NAMES)
def test_odd_names_are_kept_as_they_are(both: Service, name: str) -> None:
    job_id = both.submit(name=name, tags={"k": name})
    shown = both.ask("GET", f"{JOBS}/{job_id}").get_json()
    assert (shown["name"], shown["tags"]) == (name, {"k": name})
    listed = both.ask("GET", JOBS, query_string={"name": name, "tag": f"k:{name}"}).get_json()
    assert [job["id"] for job in listed["jobs"]] == [job_id]


def test_a_whole_number_may_have_a_point(api: Service) -> None:
    fields = '"dataset": "xor", "epochs": 5.0, "batch_size": 1e1, "seed": -0.0, "learning_rate": 1.0'
    body = f'{{{fields}, "architecture": {{"type": "mlp", "hidden": [8.0]}}}}'
    answer = api.ask("POST", JOBS, data=body, content_type="application/json")
    assert answer.status_code == 201
    spec = api.ask("GET", f"{JOBS}/{answer.get_json()['id']}").get_json()["spec"]
    assert (spec["epochs"], spec["batch_size"], spec["seed"], spec["architecture"]["hidden"]) == (5, 10, 0, [8])
    assert all(isinstance(spec[name], int) for name in ("epochs", "batch_size", "seed"))


def test_a_byte_order_mark_is_taken(api: Service) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(XOR).encode()
    assert api.ask("POST", JOBS, data=body, headers=JSON).status_code == 201


@pytest.mark.parametrize(
    "jobs", [[], {}, None, [1], [XOR] * 10_001], ids=["none", "object", "null", "number", "10,001"]
)
def test_bad_bulk(api: Service, jobs: object) -> None:
    problem = is_problem(api.ask("POST", f"{JOBS}/bulk", json={"jobs": jobs}), 422)
    assert problem["errors"][0]["path"].startswith("jobs")
    assert api.stored() == 0


QUERIES = (
    ("limit=0", "limit"),
    ("limit=-1", "limit"),
    ("limit=1000000", "limit"),
    ("limit=x", "limit"),
    ("limit=" + "9" * 5000, "limit"),
    ("limit=1&limit=2", "limit"),
    ("cursor=x", "cursor"),
    ("page=-1", "page"),
    ("sort=unknown", "sort"),
    ("status=done", "status"),
    ("status=", "status"),
    ("project=%00", "project"),
    ("name=a%00b", "name"),
    ("name=", "name"),
    ("tag=team", "tag"),
    ("tag=%22%5B:x", "tag"),
    ("tag=a:%00", "tag"),
    ("dataset=%00", "dataset"),
    ("nothing=%00", "nothing"),
    ("tag=a:1&tag=a:2", "tag"),
    ("&".join(f"tag=a{i}:1" for i in range(11)), "tag"),
)


@pytest.mark.parametrize(("query", "path"), QUERIES, ids=lambda value: value[:30])
def test_bad_list_query(api: Service, query: str, path: str) -> None:
    problem = is_problem(api.ask("GET", f"{JOBS}?{query}"), 422)
    assert problem["errors"][0]["path"] == path


def test_an_unknown_parameter_is_answered_with_those_there_are(api: Service) -> None:
    problem = is_problem(api.ask("GET", f"{JOBS}?page=2"), 422)
    assert problem["detail"].startswith("page is not a parameter here: there are project, name, tag, status, search")


@pytest.mark.parametrize(
    "query", ["status=succeeded,queued", "status=succeeded&status=queued", "min=a:1,b:2&status=queued"]
)
def test_a_list_in_a_query_is_a_parameter_that_is_repeated_or_has_commas(api: Service, query: str) -> None:
    job_id = api.submit()
    found = api.ask("GET", f"{JOBS}?{query}").get_json()["jobs"]
    assert [job["id"] for job in found] == ([] if "min" in query else [job_id])


def test_of_a_list_in_a_query_the_wrong_one_is_named(api: Service) -> None:
    problem = is_problem(api.ask("GET", f"{JOBS}?status=queued,runing"), 422)
    assert problem["detail"].startswith("status must be one of queued, running")
    assert problem["detail"].endswith("it is 'runing'; did you mean running?")


def test_a_tag_may_have_a_comma(api: Service) -> None:
    job_id = api.submit(tags={"at": "x,y:z"})
    assert [job["id"] for job in api.ask("GET", f"{JOBS}?tag=at:x,y:z").get_json()["jobs"]] == [job_id]


@pytest.mark.parametrize("first", ["0", "-1", "x", "1e3", "99999999999", "1&from=2"])
def test_bad_curve_query(api: Service, first: str) -> None:
    job_id = api.submit()
    assert is_problem(api.ask("GET", f"{JOBS}/{job_id}/curve?from={first}"), 422)["errors"][0]["path"] == "from"


@pytest.mark.both_databases
def test_a_tag_in_odd_letters_is_looked_up(both: Service) -> None:
    job_id = both.submit(tags={"a.b/c-d": 'x"y:z'})
    listed = both.ask("GET", JOBS, query_string={"tag": 'a.b/c-d:x"y:z'}).get_json()
    assert [job["id"] for job in listed["jobs"]] == [job_id]


KEYS = ("", " ", "x" * 256, "x" * 300, "a,b", "a b", "ä", "a\tb")


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_bad_idempotency_key(api: Service, key: str) -> None:
    problem = is_problem(api.ask("POST", JOBS, json=XOR, headers={"Idempotency-Key": key}), 400)
    assert "1 to 255" in problem["detail"]
    assert api.stored() == 0


def test_two_idempotency_keys_are_none(api: Service) -> None:
    headers = [("Authorization", f"Bearer {api.token}"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    is_problem(api.app.test_client().post(JOBS, json=XOR, headers=headers), 400)
    assert api.stored() == 0


def test_a_key_with_another_body_is_refused(both: Service) -> None:
    headers = {"Idempotency-Key": "k"}
    assert both.ask("POST", JOBS, json=XOR, headers=headers).status_code == 201
    problem = is_problem(both.ask("POST", JOBS, json=XOR | {"epochs": 3}, headers=headers), 422)
    assert "use a new key" in problem["detail"]
    assert both.stored() == 1


UNKNOWN = ("/nothing", "/api/v1/nothing", f"{JOBS}/not-a-uuid", f"{JOBS}/0", f"{JOBS}/{'0' * 5000}", "/api/v2/jobs")


@pytest.mark.parametrize("path", UNKNOWN, ids=lambda path: path[:30])
def test_unknown_address(api: Service, path: str) -> None:
    problem = is_problem(api.ask("GET", path), 404)
    assert "/docs" in problem["detail"]
    assert len(problem["detail"]) < 100


@pytest.mark.parametrize("verb", ["", "/curve", "/events", "/stream", "/files", "/files/model.safetensors"])
def test_unknown_job(api: Service, verb: str) -> None:
    problem = is_problem(api.ask("GET", f"{JOBS}/01990000-0000-7000-8000-000000000000{verb}"), 404)
    assert "01990000-0000-7000-8000-000000000000" in problem["detail"]
    assert "list the jobs" in problem["detail"].lower()


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", JOBS), ("DELETE", JOBS), ("GET", f"{JOBS}/check"), ("PATCH", "/")]
)
def test_wrong_method(api: Service, method: str, path: str) -> None:
    answer = api.ask(method, path)
    assert "OPTIONS" in answer.headers["Allow"]
    assert answer.headers["Allow"] in is_problem(answer, 405)["detail"]


def test_foreign_host(api: Service) -> None:
    for name in ("localhost", "127.0.0.1:80", "[::1]", "[::1]:8000"):
        assert api.ask("GET", "/healthz", headers={"Host": name}).status_code == 200
    for name in ("evil.example", "localhost.evil.example", "[::2]:80", "[::1", "a b"):
        is_problem(api.ask("GET", "/healthz", headers={"Host": name}), 400)
    assert "EPOCHAL_TRUSTED_HOSTS" in api.ask("GET", "/healthz", headers={"Host": "evil.example"}).text
    is_problem(api.ask("POST", JOBS, json=XOR, headers={"Host": "evil.example"}), 400)
    assert api.stored() == 0


def test_whoever_wants_html_gets_json(api: Service) -> None:
    answer = api.ask("GET", JOBS, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    is_problem(api.ask("GET", f"{JOBS}/x", headers={"Accept": "text/html"}), 404)


def test_head_and_options(api: Service) -> None:
    job_id = api.submit()
    for path in (JOBS, f"{JOBS}/{job_id}", "/", "/healthz", "/openapi.json"):
        with api.ask("HEAD", path) as head, api.ask("GET", path) as get:
            assert (head.status_code, head.data, head.content_type) == (200, b"", get.content_type)
    answer = api.ask("OPTIONS", JOBS)
    assert answer.status_code == 200
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    for _ in range(50):  # a head holds no thread for ever
        with api.ask("HEAD", f"{JOBS}/{job_id}/stream") as head:
            assert head.status_code == 200
