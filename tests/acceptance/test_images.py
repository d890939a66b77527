"""Colour pictures of your own, from an NPZ file to a convolution's predictions."""

import io
import zipfile
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from epochal.client import Api

from .embedded import Embedded, await_value

IMAGE = (3, 12, 10)
PLAIN = {"type": "cnn", "channels": [8, 4], "normalization": "batch", "pooling": "max", "hidden": [8]}
STRIDED = {
    "type": "cnn",
    "channels": [6],
    "kernel": 5,
    "stride": 2,
    "padding": 0,
    "normalization": "layer",
    "pooling": "average",
    "hidden": [],
}


def pictures(count: int, seed: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.str_]]:
    """Dark pictures with one bright square somewhere: it is red, green or blue."""
    random = np.random.default_rng(seed)
    x = random.integers(0, 60, (count, *IMAGE), dtype=np.uint8)
    colours = random.integers(0, 3, count)
    for picture, colour, top, left in zip(
        x, colours, random.integers(0, 9, count), random.integers(0, 7, count), strict=True
    ):
        picture[colour, top : top + 4, left : left + 4] = 220
    return x, np.array(["red", "green", "blue"])[colours]


def npz(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, X=x, y=y)
    return file.getvalue()


def zipped(x: npt.NDArray[np.uint8]) -> bytes:
    """The pictures as PNG files, named by their places."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for place, one in enumerate(x):
            with archive.open(f"new/{place}.png", "w") as stream:
                Image.fromarray(np.moveaxis(one, 0, -1)).save(stream, "PNG")
    return file.getvalue()


def job(dataset: str, **fields: Any) -> dict[str, Any]:
    return {"dataset": {"id": dataset}, "epochs": 25, "learning_rate": 0.01, **fields}


def ended(client: Api, job_id: str) -> bool:
    return client.job(job_id).status in ("succeeded", "failed")


def test_pictures_are_uploaded_trained_in_packs_and_told_apart(stack: Embedded, client: Api) -> None:
    new, colours = pictures(40, seed=1)
    with stack.http() as http:
        answer = http.post("/datasets", files={"file": ("squares.npz", npz(*pictures(150, seed=0)))})
        assert answer.status_code == 201, answer.text
        dataset = answer.json()["id"]

        refused = http.post("/jobs", json=job(dataset, architecture="cnn", augmentation={"crop": 11}))
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["message"] == "must be at most 10: images are 12 x 10 pixels"

        moving = [{}, {"crop": 2}, {"flip": True}, {"crop": 1, "flip": True}, {"crop": 2}, {"flip": True}]
        specs = [job(dataset, architecture=PLAIN, augmentation=how, seed=seed) for seed, how in enumerate(moving)]
        specs += [job(dataset, architecture=STRIDED, seed=seed, dropout=0.1 * seed) for seed in range(4)]
        ids = client.submit_many(specs)
        await_value(lambda: all(client.job(job_id).status == "succeeded" for job_id in ids), 60.0, 0.3)
        found = [client.job(job_id) for job_id in ids]
        # Two slots share what they find: of so many jobs of a shape there is more than one for either.
        assert max(one.pack_size or 0 for one in found[1:6]) > 1
        assert max(one.pack_size or 0 for one in found[6:]) > 1
        for one in found:
            assert one.best is not None
            assert (one.best.metrics["val_accuracy"] or 0.0) > 0.85, one

        rows = {"rows": new.reshape(len(new), -1).tolist()}
        for job_id in (ids[3], ids[-1]):
            predicted = http.post(f"/jobs/{job_id}/predict", json=rows).json()["predictions"]
            assert np.mean(np.array(predicted) == colours) > 0.85
        as_files = http.post(f"/jobs/{ids[-1]}/predict", files={"file": ("new.zip", zipped(new))})
        assert as_files.is_success, as_files.text
        assert as_files.json()["predictions"] == predicted


def test_pictures_with_gaps_train_too_under_a_convolution_or_none(stack: Embedded, client: Api) -> None:
    x, colours = pictures(60, seed=2)
    holed = x.astype(np.float32)
    holed[::7, 1, 3, 3] = np.nan
    with stack.http() as http:
        dataset = http.post("/datasets", files={"file": ("holed.npz", npz(holed, colours))}).json()
    assert dataset["columns"][0]["missing"] == 9
    flat = {"type": "mlp", "hidden": [8]}
    ids = [client.submit(job(dataset["id"], architecture=kind, epochs=2)).id for kind in (PLAIN, flat)]
    for job_id in ids:
        await_value(partial(ended, client, job_id))
        assert client.job(job_id).status == "succeeded", client.job(job_id)
