import struct
import subprocess
import sys
from typing import Any

import pytest

from model.drawing import Drawing
from spec.states import StopReason
from spec.views import Curve
from trainer.plots import confusion_png, curves_png, pictures

from .recording import job, train

LOSSES: Curve = {"epoch": [1, 2, 3], "train_loss": [3.0, 2.0, 1.0], "val_loss": [3.5, 2.5, 2.0]}
ACCURACIES: Curve = {"train_accuracy": [0.25, 0.5, 0.75], "val_accuracy": [0.25, 0.5, 0.5]}


def size(png: bytes) -> tuple[int, int]:
    """Width and height of a whole PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_losses_have_one_panel_and_accuracies_another() -> None:
    loss_only, _ = size(curves_png(LOSSES, title="t"))
    both, _ = size(curves_png(LOSSES | ACCURACIES, title="t"))
    assert both > 1.5 * loss_only


def test_the_best_epoch_and_the_early_stop_are_marked() -> None:
    plain = curves_png(LOSSES, title="t")
    best = curves_png(LOSSES, title="t", best_epoch=2)
    both = curves_png(LOSSES, title="t", best_epoch=2, early_stop_epoch=3)
    assert len({plain, best, both}) == 3


@pytest.mark.parametrize(
    "curve",
    [
        {"epoch": [1], "train_loss": [0.5]},
        {"epoch": [1, 2], "train_loss": [None, None], "val_loss": [None, None]},
        {"epoch": [1, 2, 3], "train_loss": [0.5, None, 0.25], "val_loss": [0.5, None, None]},
        {"epoch": [1, 2], "train_loss": [0.0, 0.0], "val_loss": [-1.0, 0.0]},
        {"epoch": [1, 2], "train_loss": [1e30, 1e-30]},
        {"epoch": list(range(1, 20_001)), "train_loss": [1.0 / epoch for epoch in range(1, 20_001)]},
    ],
    ids=["one point", "nothing finite", "gaps", "not positive", "far apart", "long"],
)
def test_every_curve_can_be_drawn(curve: Curve) -> None:
    size(curves_png(curve, title="t", best_epoch=1, early_stop_epoch=1))


def test_losses_far_apart_are_drawn_on_a_logarithmic_axis() -> None:
    near: Curve = {"epoch": [1, 2, 3], "train_loss": [90.0, 10.0, 1.0]}
    far: Curve = {"epoch": [1, 2, 3], "train_loss": [900.0, 10.0, 1.0]}
    assert curves_png(near, title="t") != curves_png(far, title="t")


@pytest.mark.parametrize("title", [r"$\frac{1}{", "学习 обучение", "100 %", "a\\b_{c}^", "x" * 200])
def test_any_name_can_be_a_title(title: str) -> None:
    size(curves_png(LOSSES, title=title))


def test_a_confusion_matrix_grows_with_its_classes_whatever_they_are_called() -> None:
    two = confusion_png(["$a_b$", "\N{CJK UNIFIED IDEOGRAPH-4E00}"], [[3, 1], [0, 0]], title="t")
    three = confusion_png(["a", "b", "c" * 50], [[3, 1, 0], [0, 0, 0], [0, 0, 9]], title="t")
    hundred = confusion_png([f"class {number}" for number in range(100)], [[1] * 100] * 100, title="t")
    assert size(two)[0] < size(three)[0] < size(hundred)[0] < 2000


@pytest.mark.parametrize(
    "fields",
    [
        {"dataset": "linear", "loss": "mse"},
        {"dataset": "moons", "loss": "binary_cross_entropy"},
        {"dataset": {"name": "blobs", "classes": 5}},
    ],
    ids=["numbers", "two classes", "five classes"],
)
def test_all_that_a_report_tells_is_drawn(fields: dict[str, Any]) -> None:
    report = train(job(**fields, test_fraction=0.2)).outcomes["0"].report
    assert report is not None
    assert "boundary" in report.pictures
    drawn = pictures(Drawing(title="t", curve=LOSSES, stop_reason=StopReason.early_stopping, report=report))
    assert drawn.keys() == {"curves", *report.pictures}
    for picture in drawn.values():
        size(picture)


def test_a_job_without_curve_and_report_has_no_picture() -> None:
    assert pictures(Drawing(title="t", curve={"epoch": []})) == {}


def test_pictures_are_drawn_without_pytorch() -> None:
    code = "import sys, trainer.plots; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
