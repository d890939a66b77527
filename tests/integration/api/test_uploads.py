"""Uploads that are cut off and go on (case 101 of the bad inputs): the views, and an API that is killed in between."""

import base64
import errno
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil
import pytest
from werkzeug.test import TestResponse

from api import uploads as views
from epochal import Client
from epochal.client import uploads
from store.files import files_at
from store.files.local import LocalFiles

from ...services import PATIENCE, eventually
from .conftest import NOBODY, Service, emptied, is_problem, service
from .test_datasets import DATASETS, IRIS, files, form, send
from .test_form import making
from .test_process import Running, answer_on, running

UPLOADS = "/api/v1/uploads"
FLOWERS = IRIS.encode()
KIND = {"target": "kind"}


@pytest.fixture
def api(api: Service) -> Service:
    """The API over an empty record and no files."""
    shutil.rmtree((api.home / "files"), ignore_errors=True)
    return api


@pytest.fixture
def both(both: Service) -> Service:
    """The same on both databases."""
    shutil.rmtree((both.home / "files"), ignore_errors=True)
    return both


def path(content: bytes) -> str:
    return f"{UPLOADS}/{hashlib.sha256(content).hexdigest()}"


def begin(api: Service, content: bytes = FLOWERS, *, token: str = "", **changed: Any) -> TestResponse:
    new = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "file": "flowers.csv"}
    return api.ask("POST", UPLOADS, json=new | changed, token=token)


def patch(api: Service, offset: int | str, body: bytes, content: bytes = FLOWERS, **how: Any) -> TestResponse:
    sent = {"content_type": views.BYTES, "headers": {"Upload-Offset": str(offset)}, "data": body}
    return api.ask("PATCH", path(content), **(sent | how))


def offset(api: Service, content: bytes = FLOWERS) -> int:
    return int(api.ask("HEAD", path(content)).headers["Upload-Offset"])


def finish(api: Service, content: bytes = FLOWERS, **how: Any) -> TestResponse:
    return api.ask("POST", f"{path(content)}/finish", **({"json": KIND} | how))


def pieces(home: Path) -> list[Path]:
    return [one for one in (home / "files" / "uploads").rglob("*") if one.is_file()]


def test_a_file_comes_in_pieces_and_is_the_data_set_that_it_is_as_a_whole(api: Service) -> None:
    begun = begin(api)
    assert begun.status_code == 201
    assert begun.headers["Location"] == path(FLOWERS) == begun.get_json()["links"]["self"]
    assert begun.get_json()["offset"] == 0
    for at in range(0, len(FLOWERS), 100):
        answer = patch(api, at, FLOWERS[at : at + 100])
        assert (answer.status_code, answer.text) == (204, "")
        assert int(answer.headers["Upload-Offset"]) == min(at + 100, len(FLOWERS)) == offset(api)
    again = begin(api)
    assert (again.status_code, again.get_json()) == (200, api.ask("GET", path(FLOWERS)).get_json())
    assert (again.get_json()["offset"], again.headers["Upload-Length"]) == (len(FLOWERS), str(len(FLOWERS)))

    answer = finish(api)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{DATASETS}/{answer.get_json()['id']}"
    assert answer.get_json()["name"] == "flowers"
    assert pieces(api.home) == []
    assert sorted(one.name for one in files(api)) == ["table.npz", "upload.csv"]
    is_problem(api.ask("GET", path(FLOWERS)), 404)
    whole = send(api)
    assert (whole.status_code, whole.get_json()) == (200, answer.get_json())
    again = finish(api)  # without a byte
    assert (again.status_code, again.get_json()) == (200, answer.get_json())
    is_problem(finish(api, json={"target": "length"}), 404)


def test_a_long_body_is_kept_piece_by_piece(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.upload_services.PIECE", 100)
    begin(api)
    assert patch(api, 0, FLOWERS).status_code == 204
    assert len(pieces(api.home)) == -(-len(FLOWERS) // 100)
    assert finish(api).status_code == 201


def test_a_fault_in_what_the_file_is_for_costs_no_second_sending(api: Service) -> None:
    begin(api)
    patch(api, 0, FLOWERS)
    problem = is_problem(finish(api, json={"target": "petals"}), 422)
    assert [fault["path"] for fault in problem["errors"]] == ["target"]
    assert finish(api).status_code == 201


def test_a_file_that_is_not_what_was_promised_is_refused_and_sent_from_the_start(api: Service) -> None:
    begin(api)
    patch(api, 0, FLOWERS[:-1] + b"?")
    problem = is_problem(finish(api), 422)
    assert [fault["path"] for fault in problem["errors"]] == ["sha256"]
    assert pieces(api.home) == files(api) == []
    assert begin(api).get_json()["offset"] == 0


def test_an_empty_file_is_refused_with_the_sentence_of_the_form(api: Service) -> None:
    begin(api, b"")
    errors = [is_problem(answer, 422)["errors"] for answer in (finish(api, b""), send(api, content=b""))]
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({"sha256": "x" * 64}, "sha256"),
        ({"sha256": "A" * 64}, "sha256"),
        ({"size": -1}, "size"),
        ({"size": 1.5}, "size"),
        ({"size": 2**63}, "size"),
        ({"file": "a\0b"}, "file"),
        ({"file": "x" * 256}, "file"),
        ({"target": "kind"}, "target"),
    ],
)
def test_an_upload_that_cannot_be_is_not_begun(both: Service, changed: dict[str, Any], at: str) -> None:
    problem = is_problem(begin(both, **changed), 422)
    assert [fault["path"] for fault in problem["errors"]] == [at]
    is_problem(both.ask("GET", path(FLOWERS)), 404)


def test_bytes_that_do_not_fit_are_refused_and_change_nothing(api: Service) -> None:
    is_problem(patch(api, 0, b"x"), 404)
    begin(api)
    patch(api, 0, FLOWERS[:50])
    for at in (0, 49, 51, 10**18):
        assert "has 50 of" in is_problem(patch(api, at, b"x"), 409)["detail"]
    for odd in ("", "-1", "x", "1e1", "5" * 30, "\u00b2"):
        assert is_problem(patch(api, odd, b"x"), 422)["errors"][0]["path"] == "Upload-Offset"
    is_problem(patch(api, 50, b"x", headers={}), 422)
    assert "are missing" in is_problem(patch(api, 50, FLOWERS), 422)["detail"]
    is_problem(patch(api, 50, b"x", content_type="text/csv"), 415)
    assert "has 50 of" in is_problem(finish(api), 409)["detail"]
    assert offset(api) == 50
    assert len(pieces(api.home)) == 1


def test_bytes_come_as_stock_tools_and_tus_send_them(api: Service) -> None:
    begin(api)
    third = len(FLOWERS) // 3
    assert patch(api, 0, FLOWERS[:third], content_type="application/octet-stream").status_code == 204
    rest = FLOWERS[third : 2 * third]
    assert patch(api, third, rest, content_type="application/offset+octet-stream").status_code == 204
    assert patch(api, 2 * third, FLOWERS[2 * third :], content_type=None).status_code == 204
    assert finish(api).status_code == 201


def test_an_upload_of_another_size_begins_anew(api: Service) -> None:
    begin(api, size=70)
    patch(api, 0, FLOWERS[:50])
    answer = begin(api)
    assert (answer.status_code, answer.get_json()["offset"], answer.get_json()["size"]) == (201, 0, len(FLOWERS))
    assert pieces(api.home) == []
    assert patch(api, 0, FLOWERS).status_code == 204
    assert finish(api).status_code == 201


def tus(api: Service, **headers: str) -> TestResponse:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.ask("POST", UPLOADS, headers={"Tus-Resumable": "1.0.0"} | names)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_client_of_tus_that_knows_no_digest_uploads_a_file(api: Service) -> None:
    options = api.ask("OPTIONS", UPLOADS).headers
    assert (options["Tus-Version"], options["Tus-Extension"]) == ("1.0.0", "creation,termination")
    about = f"filename {encoded('flöwers.csv')},filetype {encoded('text/csv')},empty"
    begun = tus(api, Upload_Length=str(len(FLOWERS)), Upload_Metadata=about)
    assert (begun.status_code, begun.headers["Tus-Resumable"]) == (201, "1.0.0")
    at = begun.headers["Location"]
    for part in (FLOWERS[:50], FLOWERS[50:]):
        offset = api.ask("HEAD", at).headers["Upload-Offset"]
        headers = {"Upload-Offset": offset, "Tus-Resumable": "1.0.0"}
        assert api.ask("PATCH", at, content_type=views.TUS_BYTES, headers=headers, data=part).status_code == 204
    made = api.ask("POST", f"{at}/finish", json=KIND)
    assert (made.status_code, made.get_json()["name"]) == (201, "flöwers")
    assert send(api).get_json()["id"] == made.get_json()["id"]
    is_problem(api.ask("GET", at), 404)


def test_a_client_of_tus_that_knows_the_digest_is_held_to_it(api: Service) -> None:
    about = f"sha256 {encoded(path(FLOWERS).rpartition('/')[2])}"
    begun = tus(api, Upload_Length=str(len(FLOWERS)), Upload_Metadata=about)
    assert begun.headers["Location"] == path(FLOWERS)
    patch(api, 0, FLOWERS[:-1] + b"?")
    assert is_problem(finish(api), 422)["errors"][0]["path"] == "sha256"


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({"Upload_Length": "-1"}, "Upload-Length"),
        ({"Upload_Length": "many"}, "Upload-Length"),
        ({"Upload_Length": "9" * 30}, "Upload-Length"),
        ({"Upload_Length": "5", "Upload_Metadata": "filename %"}, "Upload-Metadata"),
        ({"Upload_Length": "5", "Upload_Metadata": f"filename {encoded('x' * 256)}"}, "filename"),
        ({"Upload_Length": "5", "Upload_Metadata": f"sha256 {encoded('x')}"}, "sha256"),
    ],
)
def test_headers_of_tus_that_say_nothing_are_refused(api: Service, headers: dict[str, str], at: str) -> None:
    assert [fault["path"] for fault in is_problem(tus(api, **headers), 422)["errors"]] == [at]


def test_another_version_of_tus_is_refused(api: Service) -> None:
    answer = tus(api, Tus_Resumable="0.2.2", Upload_Length="5")
    is_problem(answer, 412)
    assert answer.headers["Tus-Version"] == "1.0.0"


def test_an_upload_that_would_eat_the_reserve_is_refused_and_leaves_nothing(
    api: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = 64 * 2**20
    size = len(FLOWERS)

    def free(more: int) -> None:
        monkeypatch.setattr("store.disk_space._free_bytes", lambda folder: reserve + more)

    free(2 * size - 1)
    detail = is_problem(begin(api), 507)["detail"]
    numbers = (reserve + 2 * size - 1, 2 * size, reserve)
    assert all(f"{number:,}" in detail for number in numbers)
    is_problem(api.ask("GET", path(FLOWERS)), 404)
    free(2 * size)
    assert begin(api).status_code == 201
    free(size - 1)
    is_problem(patch(api, 0, FLOWERS), 507)
    assert (offset(api), pieces(api.home)) == (0, [])
    free(size)
    assert patch(api, 0, FLOWERS).status_code == 204
    free(size - 1)
    is_problem(finish(api), 507)
    is_problem(send(api), 507)
    is_problem(send(api, content=IRIS + "#" * 1000), 507)
    assert files(api) == [] == list((api.home / "files" / ".making").iterdir())
    assert offset(api) == size
    free(-1)
    is_problem(send(api), 507)
    free(2 * size)
    assert finish(api).status_code == 201


def test_an_upload_is_its_owners_alone(api: Service) -> None:
    begin(api)
    patch(api, 0, FLOWERS[:50])
    bob = api.tokens.create(owner="bob")
    admin = api.tokens.create(owner="root", scopes=["admin"])
    reader = api.tokens.create(owner="ann", scopes=["jobs:read"])
    for token in (bob, admin):
        is_problem(api.ask("GET", path(FLOWERS), token=token), 404)
        is_problem(patch(api, 50, b"x", token=token), 404)
        is_problem(finish(api, token=token), 404)
        is_problem(api.ask("DELETE", path(FLOWERS), token=token), 404)
    is_problem(patch(api, 50, b"x", token=reader), 403)
    is_problem(api.ask("GET", path(FLOWERS), token=None), 401)
    assert begin(api, token=bob).get_json()["offset"] == 0
    assert offset(api) == 50


def test_an_upload_that_is_given_up_leaves_nothing(api: Service) -> None:
    begin(api)
    patch(api, 0, FLOWERS[:50])
    assert api.ask("DELETE", path(FLOWERS)).status_code == 204
    assert pieces(api.home) == []
    is_problem(api.ask("DELETE", path(FLOWERS)), 404)
    is_problem(patch(api, 50, b"x"), 404)


def test_no_address_with_a_zero_in_it_is_anything(both: Service) -> None:
    for where in (f"{UPLOADS}/%00", f"{DATASETS}/a%00b"):
        is_problem(both.ask("GET", where), 404)
    is_problem(send(both, target="a\0b"), 422)


def test_what_is_to_come_counts_against_the_quota(tmp_path: Path) -> None:
    small = service(tmp_path, EPOCHAL_DATA_QUOTA_MIB="1")
    try:
        big = b"x" * 900_000
        is_problem(begin(small, size=1 << 21), 413)
        assert begin(small, big).status_code == 201
        detail = is_problem(begin(small, b"y" * 300_000), 413)["detail"]
        assert detail.startswith("Your data sets and uploads take 900,000 of 1,048,576 bytes, and it does not fit")
        is_problem(send(small, content=IRIS + "#" * 300_000), 413)
        assert small.ask("DELETE", path(big)).status_code == 204
        begin(small)
        patch(small, 0, FLOWERS)
        assert finish(small).status_code == 201
    finally:
        small.engine.dispose()


@pytest.mark.both_databases
def test_of_pieces_for_one_place_one_is_taken(both: Service) -> None:
    begin(both)
    half = len(FLOWERS) // 2
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: patch(both, 0, FLOWERS[:half]), range(12)))
    assert sorted(answer.status_code for answer in answers) == [204, *[409] * 11]
    assert patch(both, half, FLOWERS[half:]).status_code == 204
    assert finish(both).status_code == 201
    assert pieces(both.home) == []


@pytest.mark.thorough
@pytest.mark.both_databases
def test_two_who_finish_at_once_get_the_same_data_set_or_an_error(both: Service) -> None:
    begin(both)
    patch(both, 0, FLOWERS)
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: finish(both), range(2)))
    assert {answer.status_code for answer in answers} <= {200, 201, 404}
    assert len({answer.get_json()["id"] for answer in answers if answer.status_code < 300}) == 1
    assert finish(both).status_code == 200


@pytest.mark.thorough
def test_several_apis_on_one_record_take_turns(tmp_path: Path, postgres_url: str) -> None:
    content = FLOWERS + b"9.9,red,setosa\n"
    with ExitStack() as stack:
        apis = [emptied(service(tmp_path, EPOCHAL_DATABASE_URL=postgres_url)) for _ in range(2)]
        for one in apis:
            stack.callback(one.engine.dispose)
        begin(apis[0], content)
        for at, one in zip(range(0, len(content), 100), cycle(apis), strict=False):
            assert patch(one, at, content[at : at + 100], content).status_code == 204
        assert [offset(one, content) for one in apis] == [len(content)] * 2
        made = finish(apis[1], content)
        assert made.status_code == 201
        assert finish(apis[0], content).get_json() == made.get_json()
        apis[0].ask("DELETE", made.headers["Location"])


@pytest.mark.thorough
def test_a_bucket_does_as_a_folder_does(tmp_path: Path, bucket: str) -> None:
    made = service(tmp_path, EPOCHAL_FILES_URL=bucket)
    try:
        begin(made)
        patch(made, 0, FLOWERS[:50])
        patch(made, 50, FLOWERS[50:])
        assert finish(made).status_code == 201
        assert files_at(bucket).below("uploads") == []
    finally:
        made.engine.dispose()


def test_a_full_disk_is_a_507_and_counts_nothing(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(store: LocalFiles, path: str, made: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    begin(api)
    with monkeypatch.context() as disk:
        disk.setattr(LocalFiles, "adopt", full)
        is_problem(patch(api, 0, FLOWERS), 507)
    assert offset(api) == 0
    assert patch(api, 0, FLOWERS).status_code == 204


# --- over real sockets ----------------------------------------------------------------------------------------------

LARGE = FLOWERS + b"9,red,setosa\n" * 200_000
PIECE = 256 * 1024
"""Bytes of a request, so that LARGE takes ten."""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("serving"), NOBODY) as made:
        yield made


@pytest.fixture
def server(serving: Running) -> Iterator[Running]:
    """The API, in which a test leaves no upload and no data set."""
    yield serving
    serving.send(serving.head(path=path(LARGE)).replace(b"POST", b"DELETE", 1))
    with client(serving) as sending:
        for dataset in sending.datasets():
            dataset.delete()


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose upload takes ten requests."""
    monkeypatch.setattr(uploads, "PIECE", PIECE)
    (tmp_path / "large.csv").write_bytes(LARGE)
    return tmp_path / "large.csv"


def client(server: Running) -> Client:
    return Client(f"http://127.0.0.1:{server.port}", server.token)


def has(server: Running) -> int:
    """Bytes of LARGE that the server has."""
    head = server.head().replace(b"POST " + b"/api/v1/jobs", b"GET " + path(LARGE).encode(), 1)
    return int(json.loads(server.send(head).body)["offset"])


def kill(server: Running) -> None:
    """End all of the API's processes at once."""
    api = psutil.Process(server.process.pid)
    for process in [api, *api.children(recursive=True)]:
        process.kill()
    server.process.wait(timeout=10 * PATIENCE)


def as_a_form(server: Running) -> tuple[int, str]:
    """Status and id of LARGE, sent whole."""
    body = form(("target", None, "kind"), ("file", "large.csv", LARGE))["data"]
    head = server.head(f"Content-Length: {len(body)}", path=DATASETS)
    answer = server.send(head.replace(b"application/json", b"multipart/form-data; boundary=b"), body)
    return answer.status, json.loads(answer.body)["id"]


@pytest.mark.thorough
def test_of_a_body_that_is_cut_off_what_came_is_kept(server: Running, large: Path) -> None:
    """Case 101: cut off at 99 %, nothing is a data set, and the rest is enough."""
    new = json.dumps({"sha256": hashlib.sha256(LARGE).hexdigest(), "size": len(LARGE), "file": "f.csv"}).encode()
    assert server.send(server.head(f"Content-Length: {len(new)}", path=UPLOADS), new).status == 201

    def head(length: str) -> bytes:
        lines = server.head(length, "Upload-Offset: 0", path=path(LARGE))
        return lines.replace(b"POST", b"PATCH", 1).replace(b"application/json", views.BYTES.encode())

    assert server.send(head("Transfer-Encoding: chunked"), b"1\r\nx\r\n0\r\n\r\n").status == 411
    cut = len(LARGE) * 99 // 100
    with server.connect() as line:
        line.sendall(head(f"Content-Length: {len(LARGE)}") + LARGE[:cut])
        line.shutdown(socket.SHUT_WR)
        assert answer_on(line).status == 400
    assert has(server) == cut
    assert making(server.log.parent) == []
    reported: list[int] = []
    with client(server) as sending:
        assert sending.datasets() == []
        made = sending.upload(large, target="kind", on_progress=lambda sent, _: reported.append(sent))
    assert reported[0] == cut
    assert as_a_form(server) == (200, made.id)


@pytest.mark.thorough
def test_an_api_that_is_killed_costs_a_piece_and_the_client_goes_on(tmp_path: Path, large: Path) -> None:
    reported, found = list[int](), list[int]()
    killed = threading.Event()
    with ExitStack() as stack:
        server = stack.enter_context(running(tmp_path, NOBODY))

        def report(sent: int, total: int) -> None:
            reported.append(sent)
            if sent > total // 2 and not killed.is_set():
                killed.set()
                kill(server)
                again = stack.enter_context(running(tmp_path, NOBODY, port=server.port))
                found.append(has(again))

        with client(server) as sending:
            made = sending.upload(large, target="kind", on_progress=report)
        struck = next(at for at, sent in enumerate(reported) if sent > len(LARGE) // 2)
        assert found == [(reported[struck] - 1) // PIECE * PIECE]
        assert (
            reported[struck + 1 :][reported[struck + 1 :].index(found[0])] == found[0]
        )  # and the bar goes on from there
        assert made.rows == 200_040
        assert as_a_form(server) == (200, made.id)
    assert pieces(tmp_path) == []


@pytest.mark.thorough
def test_the_command_goes_on_where_it_was_interrupted(server: Running, large: Path) -> None:
    def interrupt(sent: int, total: int) -> None:
        if sent > total // 2:
            raise KeyboardInterrupt

    cut_off = f"PATCH '{path(LARGE)}': 400 in "
    before = server.log.read_text().count(cut_off)
    with client(server) as sending, pytest.raises(KeyboardInterrupt):
        sending.upload(large, target="kind", on_progress=interrupt)
    what = "the server knows that it is cut off"
    eventually(lambda: server.log.read_text().count(cut_off) > before, within_s=10, what=what)
    assert has(server) > len(LARGE) // 2 - PIECE
    environ = os.environ | {"EPOCHAL_URL": f"http://127.0.0.1:{server.port}", "EPOCHAL_TOKEN": server.token}
    command = [sys.executable, "-m", "epochal", "datasets", "upload", str(large), "--target", "kind"]
    pieces_before = server.log.read_text().count("PATCH")
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert server.log.read_text().count("PATCH") == pieces_before + 1
    assert as_a_form(server) == (200, done.stdout.strip())
