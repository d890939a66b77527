"""Random crops and flips of training images: what they do, whose they are, and that they can be repeated."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from spec.job import JobSpec
from trainer.augmentation import WORDS, Augmentation
from trainer.digests import Purpose
from trainer.member import Entry
from trainer.random import bits, keys

from .recording import Recorder, job, same, train

CPU = torch.device("cpu")
IMAGE = (2, 5, 7)
ROWS = 60

Array = npt.NDArray[Any]


def wishing(**augmentation: Any) -> JobSpec:
    """A small job on images."""
    return job(
        dataset="digits",
        architecture={"type": "cnn", "channels": [3], "hidden": []},
        augmentation=augmentation,
        epochs=2,
        batch_size=200,
    )


def changed(specs: list[JobSpec], x: Array, first: int = 0, epoch: int = 1) -> Array:
    """The images [members, rows, channels, height, width] as an epoch's steps see them from place `first` on."""
    numbered = keys([spec.seed for spec in specs], [epoch] * len(specs), Purpose.augmentation, CPU)
    flat = torch.from_numpy(x).flatten(2)
    found = Augmentation(specs, IMAGE, CPU).changed(flat, numbered, torch.arange(first, first + x.shape[1]))
    return found.numpy().reshape(x.shape)


def by_hand(spec: JobSpec, image: Array, place: int, epoch: int = 1) -> Array:
    """One image as torchvision changes it: RandomCrop with padding, then RandomHorizontalFlip."""
    crop, (_, height, width) = spec.augmentation.crop, image.shape
    keyed = keys([spec.seed], [epoch], Purpose.augmentation, CPU)
    words = bits(keyed, torch.arange(place * WORDS, (place + 1) * WORDS)).numpy().view(np.uint16)[0]
    words = words.astype(int) ^ 0x8000  # as signed numbers, brought above zero
    padded = np.pad(image, ((0, 0), (crop, crop), (crop, crop)))
    top, left = words[0] * (2 * crop + 1) // 65536, words[1] * (2 * crop + 1) // 65536
    cut = padded[:, top : top + height, left : left + width]
    return cut[:, :, ::-1] if spec.augmentation.flip and words[2] >= 32768 else cut


def pictures(members: int) -> Array:
    return np.random.default_rng(0).standard_normal((members, ROWS, *IMAGE)).astype(np.float32)


def test_every_image_of_every_member_is_cropped_and_flipped_as_by_hand() -> None:
    specs = [
        wishing(crop=crop, flip=flip).model_copy(update={"seed": seed})
        for seed, (crop, flip) in enumerate([(1, True), (0, True), (3, False), (5, True), (0, False)])
    ]
    x = pictures(len(specs))
    found = changed(specs, x, first=1000, epoch=4)
    for member, spec in enumerate(specs):
        for row in range(ROWS):
            np.testing.assert_array_equal(found[member, row], by_hand(spec, x[member, row], 1000 + row, epoch=4))
    np.testing.assert_array_equal(found[4], x[4])


def test_shifts_are_uniform_and_half_of_the_images_are_flipped() -> None:
    rows, crop = 20_000, 2
    spec = wishing(crop=crop, flip=True)
    image = np.arange(1.0, 36.0, dtype=np.float32).reshape(1, 1, 1, 5, 7)
    x = np.concatenate([image, image], axis=2).repeat(rows, axis=1)
    centres = changed([spec], x)[0, :, 0, 2, 3]  # of 5 x 7 pixels the middle one: what it shows, says how it moved
    seen, counts = np.unique(centres, return_counts=True)
    assert set(seen) == {float(1 + 7 * down + across) for down in range(5) for across in range(1, 6)}
    assert np.abs(counts * 25 / rows - 1.0).max() < 0.15
    mirrored = (changed([wishing(flip=True)], x)[0, :, 0, 0, 0] == 7.0).mean()
    assert abs(mirrored - 0.5) < 0.015


def test_changes_differ_by_place_epoch_and_seed_and_are_the_same_again() -> None:
    specs = [wishing(crop=2, flip=True), wishing(crop=2, flip=True).model_copy(update={"seed": 1})]
    x = np.repeat(pictures(1), 2, axis=0)
    first = changed(specs, x)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, changed(specs, x, epoch=2))
    assert not np.array_equal(first, changed(specs, x, first=1))
    np.testing.assert_array_equal(first, changed(specs, x))
    np.testing.assert_array_equal(first[:, 20:], changed(specs, x[:, 20:], first=20))


def test_a_member_that_changes_nothing_is_the_same_beside_one_that_does() -> None:
    common = {"standardize": False}
    plain = JobSpec.model_validate({**wishing().model_dump(mode="json"), **common})
    changing = JobSpec.model_validate({**wishing(crop=1, flip=True).model_dump(mode="json"), **common, "seed": 3})
    assert plain.pack_key == changing.pack_key
    pack = train(plain, changing)
    assert same(pack, "0", train(plain), "0")
    assert same(pack, "1", train(changing), "0")
    late = Recorder(joining={1: [Entry("late", changing)]})
    assert same(train(plain, recorder=late), "late", train(changing), "0")


def test_what_is_measured_is_never_changed() -> None:
    """Without a step to speak of, every epoch measures the same network: on the same images, the same losses."""
    still = {**wishing(crop=2, flip=True).model_dump(mode="json"), "learning_rate": 1e-30, "optimizer": "sgd"}
    curve = train(job(**still)).curves["0"]
    measured = [(point["train_loss"], point["val_loss"]) for point in curve]
    assert measured[0] == measured[1]
    running = train(job(**{**still, "train_metrics": "running"})).curves["0"]
    assert running[0]["train_loss"] != running[1]["train_loss"]


def scales(spec: JobSpec) -> set[tuple[float, ...]]:
    """The means and deviations that pixels are brought to scale by."""
    prepared = train(spec).outcomes["0"].preprocessing
    assert prepared is not None
    return {(*pixel.mean, *pixel.deviation) for pixel in prepared.inputs}


def test_images_that_move_are_standardised_by_channel() -> None:
    assert len(scales(wishing(crop=1))) == 1
    assert len(scales(wishing())) > 30


@pytest.mark.gpu
def test_a_gpu_changes_images_as_a_cpu_does() -> None:
    specs = [wishing(crop=2, flip=True).model_copy(update={"seed": seed}) for seed in range(3)]
    x = torch.from_numpy(pictures(3)).flatten(2)
    numbered = keys([0, 1, 2], [1, 1, 1], Purpose.augmentation, CPU)
    there = torch.device("cuda")
    ours = Augmentation(specs, IMAGE, CPU).changed(x, numbered, torch.arange(ROWS))
    theirs = Augmentation(specs, IMAGE, there).changed(x.to(there), numbered.to(there), torch.arange(ROWS).to(there))
    assert torch.equal(ours, theirs.cpu())
