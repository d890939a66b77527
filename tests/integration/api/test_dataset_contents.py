"""What is in a data set over HTTP: its first rows; of images a few of each class, and each as a PNG."""

import io
import shutil
import uuid
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from spec.dataset import Shipped, Targets
from store.datasets import DatasetStore, table_path
from store.files import files_at
from tests.unit.ingest.reading import reading
from trainer.rows import load

from .conftest import JOBS, Service, is_problem
from .test_datasets import DATASETS, IRIS, uploaded

HTML = "<img src=x onerror=hacked=1>"


@pytest.fixture
def api(api: Service) -> Service:
    """The API over an empty record and no files."""
    shutil.rmtree((api.home / "files"), ignore_errors=True)
    return api


MIXED = f"""age;seen;woke;member;colour;note;kind
34,5;03/04/2026;14:30;yes;red;free text 1;{HTML}
;05/04/2026;07:05;no;;free text 2;b
28;;08:00;;blue;free text 3;b
1.200;31/12/2025;;yes;red;free text 4;{HTML}
"""


def rows_of(api: Service, path: str, query: str = "") -> dict[str, Any]:
    answer = api.ask("GET", f"{path}/rows{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_rows_are_as_they_were_read(api: Service) -> None:
    options = {"types": "colour=category,note=text,age=number"}
    dataset = uploaded(api, content=MIXED, target="kind", dayfirst="true", **options)
    found = rows_of(api, dataset["links"]["self"])
    assert (found["columns"], found["targets"]) == (["age", "seen", "woke", "member", "colour"], ["kind"])
    assert found["rows"] == [
        [34.5, "2026-04-03", 52200.0, True, "red", HTML],
        [None, "2026-04-05", 25500.0, False, None, "b"],
        [28.0, None, 28800.0, None, "blue", "b"],
        [1200.0, "2025-12-31", None, True, "red", HTML],
    ]
    assert rows_of(api, dataset["links"]["self"], "?limit=1")["rows"] == found["rows"][:1]


def test_words_of_no_category_and_times_of_days_are_told(api: Service) -> None:
    words = [f"w{row % 120}" for row in range(240)]  # a column has 100 categories
    lines = [f"{word},2026-01-{row % 28 + 1:02}T06:30:00,{row},{row / 2}" for row, word in enumerate(words)]
    content = "\n".join(["word,at,a,b", *lines])
    dataset = uploaded(api, content=content, target="a,b", task="regression", types="word=category")
    found = rows_of(api, dataset["links"]["self"], "?limit=100")
    assert found["targets"] == ["a", "b"]
    assert found["rows"][3][1:] == ["2026-01-04T06:30:00", 3.0, 1.5]
    shown = [row[0] for row in found["rows"]]
    assert {"(other)"} < set(shown) <= {"(other)", *words}


def test_rows_of_arrays_are_their_numbers_at_most_a_hundred(api: Service) -> None:
    dataset = of_images(api, np.arange(4 * 144).reshape(4, 12, 12) % 256, np.arange(4) % 2)
    found = rows_of(api, dataset["links"]["self"])
    assert (found["columns"][0], found["columns"][-1], found["targets"]) == ("X[0]", "X[99]", ["y"])
    assert found["rows"][1][:2] == [144.0, 145.0]
    assert [row[-1] for row in found["rows"]] == ["0", "1", "0", "1"]


def test_rows_of_shipped_data_have_its_name_for_an_id(api: Service) -> None:
    found = rows_of(api, "/api/v1/datasets/iris", "?limit=2")
    assert found["columns"][0] == "sepal length (cm)"
    assert found["rows"] == [[5.1, 3.5, 1.4, 0.2, "setosa"], [4.9, 3.0, 1.4, 0.2, "setosa"]]
    assert rows_of(api, "/api/v1/datasets/diabetes", "?limit=1")["rows"][0][-1] == 151.0
    is_problem(api.ask("GET", "/api/v1/datasets/moons/rows"), 404)


def npz(x: npt.ArrayLike, y: npt.ArrayLike) -> bytes:
    file = io.BytesIO()
    np.savez(file, X=x, y=y)
    return file.getvalue()


def of_images(api: Service, x: npt.ArrayLike, y: npt.ArrayLike, task: Targets | None = None) -> dict[str, Any]:
    """A data set of images, as one that was uploaded: this process has read them, and not one of its own."""
    dataset_id, files = f"ds_{uuid.uuid4().hex}", files_at((api.home / "files").as_uri())
    with TemporaryDirectory(dir=files.staging_folder()) as made:
        found = reading(npz(x, y), Path(made), name="f.npz", target=None, task=task)
        files.adopt(table_path(dataset_id), Path(made) / "table.npz")
    DatasetStore(api.engine).add(dataset_id, owner="ann", name="f", sha256="0" * 64, size=1000, reading=found)
    dataset: dict[str, Any] = api.ask("GET", f"{DATASETS}/{dataset_id}").get_json()
    return dataset


def listed(api: Service, dataset: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    answer = api.ask("GET", dataset["links"]["images"] + query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()["images"]
    return found


def seen(api: Service, href: str) -> npt.NDArray[np.uint8]:
    """The pixels of a PNG, as a browser shows them: [height, width], or with channels."""
    answer = api.ask("GET", href)
    assert (answer.status_code, answer.content_type) == (200, "image/png")
    return np.asarray(Image.open(io.BytesIO(answer.data), formats=["PNG"]))


def colours(rows: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (rows, 3, 4, 5), dtype=np.uint8)


def test_the_first_images_of_each_class_are_named_by_it(api: Service) -> None:
    x, y = colours(40), np.array(["dog", HTML, "dog", "7"])[np.arange(40) % 4]
    found = listed(api, uploaded(api, content=npz(x, y), file="f.npz", target=""), "?per_class=2")
    assert [(one["row"], one["label"]) for one in found] == [
        (3, "7"),
        (7, "7"),
        (1, HTML),
        (5, HTML),
        (0, "dog"),
        (2, "dog"),
    ]
    for one in found:
        assert np.array_equal(seen(api, one["href"]), np.moveaxis(x[one["row"]], 0, -1))


def test_a_class_that_comes_last_or_has_few_images_is_found(api: Service) -> None:
    x, y = np.zeros((600_000, 1, 1), dtype=np.uint8), np.arange(600_000) >= 599_998  # some blocks of `y`
    dataset = of_images(api, x, y.astype(np.int64))
    assert [one["row"] for one in listed(api, dataset)] == [0, 1, 2, 3, 599_998, 599_999]
    assert [one["row"] for one in listed(api, dataset, "?limit=5")] == [0, 1, 2, 3, 599_998]
    assert [one["row"] for one in listed(api, dataset, "?limit=3")] == [0, 1, 2]


def test_images_of_a_zip_look_as_their_files(api: Service) -> None:
    file, pixels = io.BytesIO(), colours(4)
    with zipfile.ZipFile(file, "w") as archive:
        for place, one in enumerate(pixels):
            with archive.open(f"{'cat' if place % 2 else 'dog'}/{place}.png", "w") as stream:
                Image.fromarray(np.moveaxis(one, 0, -1)).save(stream, "PNG")
    found = listed(api, uploaded(api, content=file.getvalue(), file="pets.zip", target=""))
    assert [one["label"] for one in found] == ["cat", "cat", "dog", "dog"]
    for one, place in zip(found, (1, 3, 0, 2), strict=True):
        assert np.array_equal(seen(api, one["href"]), np.moveaxis(pixels[place], 0, -1))


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([0.0, 0.5, 1.0, 1.0], [0, 128, 255, 255]),
        ([0.0, 8.0, 16.0, np.nan], [0, 128, 255, 0]),
        ([-1.0, 0.0, 1.0, 1.0], [0, 128, 255, 255]),
        ([0.0, 0.0, 0.0, 0.0], [0, 0, 0, 0]),
        ([0.0, 128.0, 200.0, 254.0], [0, 128, 200, 254]),
    ],
)
def test_black_and_white_are_where_the_numbers_of_a_data_set_end(
    api: Service, numbers: list[float], shown: list[int]
) -> None:
    x = np.array(numbers, dtype=np.float64).reshape(1, 2, 2).repeat(4, axis=0)
    (first, *_) = listed(api, of_images(api, x, np.arange(4) % 2))
    assert seen(api, first["href"]).reshape(-1).tolist() == shown


@pytest.mark.parametrize(("channels", "shown"), [(2, 1), (4, 3), (5, 3)])
def test_of_other_channels_as_many_are_shown_as_a_picture_has(api: Service, channels: int, shown: int) -> None:
    x = np.random.default_rng(1).integers(0, 256, (4, channels, 6, 7), dtype=np.uint8)
    x[0, 0, 0, 0] = 255
    (first, *_) = listed(api, of_images(api, x, np.arange(4) % 2))
    assert np.array_equal(np.atleast_3d(seen(api, first["href"])), np.moveaxis(x[0, :shown], 0, -1))


def test_images_with_numbers_to_predict_are_named_by_these(api: Service) -> None:
    dataset = of_images(api, np.zeros((30, 4, 4)), np.arange(30) / 4, task=Targets.numbers)
    assert [(one["row"], one["label"]) for one in listed(api, dataset, "?limit=3&per_class=1")] == [
        (0, "0"),
        (1, "0.25"),
        (2, "0.5"),
    ]
    several = of_images(api, np.zeros((30, 4, 4)), np.stack([np.arange(30), np.ones(30)], axis=1))
    assert listed(api, several)[2]["label"] == "2, 1"


def test_a_wrong_number_of_images_names_its_field(api: Service) -> None:
    at = of_images(api, np.zeros((4, 2, 2)), np.arange(4) % 2)["links"]["images"]
    for query, path, message in (
        ("limit=0", "limit", "must be at least 1; it is '0'"),
        ("limit=501", "limit", "must be at most 500; it is '501'"),
        ("per_class=x", "per_class", "must be a whole number; it is 'x'"),
        ("per_class=101", "per_class", "must be at most 100; it is '101'"),
        ("rows=3", "rows", "is not a parameter "),
        ("limit=3&limit=4", "limit", "is given twice"),
    ):
        (fault,) = is_problem(api.ask("GET", f"{at}?{query}"), 422)["errors"]
        assert (fault["path"], fault["message"][: len(message)]) == (path, message)
    (fault,) = is_problem(api.ask("GET", at.replace("images", "rows?limit=101")), 422)["errors"]
    assert fault == {"path": "limit", "message": "must be at most 100; it is '101'"}


def test_what_is_not_there_is_said(api: Service) -> None:
    dataset = of_images(api, np.zeros((4, 2, 2)), np.arange(4) % 2)
    at = dataset["links"]["images"]
    assert is_problem(api.ask("GET", f"{at}/4.png"), 404)["detail"] == (
        "The data set has no row 4: its rows are 0 to 3."
    )
    for wrong in ("-1", "x", "1.5", "9" * 400):
        is_problem(api.ask("GET", f"{at}/{wrong}.png"), 404)
    (api.home / "files" / table_path(dataset["id"])).unlink()
    for gone in (at, f"{at}/0.png", at.replace("images", "rows")):
        assert is_problem(api.ask("GET", gone), 404)["detail"] == "The data set is no longer in the file store."
    table = uploaded(api, content=IRIS)
    assert "images" not in table["links"]
    for path in ("images", "images/0.png"):
        problem = is_problem(api.ask("GET", f"{table['links']['self']}/{path}"), 404)
        assert problem["detail"] == f"The rows of the data set {table['id']} are no images."


def test_shipped_images_have_their_name_for_an_id(api: Service) -> None:
    found = api.ask("GET", "/api/v1/datasets/digits/images?per_class=1&limit=500").get_json()
    assert [one["label"] for one in found["images"]] == [one["value"] for one in found["classes"]] == [*"0123456789"]
    assert (found["image"], found["rows"], found["black"], found["white"]) == ([1, 8, 8], 1797, 0.0, 16.0)
    assert sum(one["count"] for one in found["classes"]) == 1797
    digits = load(Shipped(name="digits"))
    for one in found["images"]:
        shown = seen(api, one["href"])
        assert np.array_equal(np.round(shown / 255 * 16), digits.x[one["row"]].reshape(8, 8))
        assert str(digits.y[one["row"]]) == one["label"]
    for name, said in (
        ("iris", "The rows of the data set iris are no images."),
        ("moons", "There is no data set moons"),
    ):
        assert said in is_problem(api.ask("GET", f"/api/v1/datasets/{name}/images"), 404)["detail"]


def test_owners_see_their_own_images(api: Service) -> None:
    at = of_images(api, np.zeros((4, 2, 2)), np.arange(4) % 2)["links"]["images"]
    bob = api.tokens.create(owner="bob")
    for path in (at, f"{at}/0.png", at.replace("images", "rows")):
        is_problem(api.ask("GET", path, token=bob), 404)
        is_problem(api.ask("GET", path, token=None), 401)


def test_a_job_of_images_knows_what_its_convolutions_make_of_them(api: Service) -> None:
    dataset = of_images(api, colours(40), np.arange(40) % 2)
    cnn = {"type": "cnn", "channels": [8, 16], "kernel": 3}
    job = {"dataset": dataset["id"], "architecture": cnn, "batch_size": 8}
    checked = api.ask("POST", f"{JOBS}/check", json=job).get_json()
    assert (checked["image"], checked["feature_maps"]) == ([3, 4, 5], [[8, 2, 2], [16, 1, 1]])
    sweep = {"base": {**job, "architecture": "mlp"}, "space": {"learning_rate": [0.1, 0.2]}, "method": "grid"}
    checked = api.ask("POST", "/api/v1/sweeps/check", json=sweep).get_json()
    assert (checked["image"], checked["feature_maps"]) == ([3, 4, 5], [])
