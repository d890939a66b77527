"""What only a GPU can show: a captured step is the step that was captured, and a pack gives what the CPU gives."""

from typing import Any

import pytest
import torch

from spec.job import JobSpec
from spec.resources import DETERMINISTIC_MEMBERS
from trainer.fit import fit
from trainer.graphs import Eager
from trainer.member import Entry

from .recording import Recorder, job, same

pytestmark = pytest.mark.gpu

MLP = {"dataset": "digits", "architecture": {"type": "mlp", "hidden": [64, 32]}, "dropout": 0.3, "epochs": 6}
CNN = {"dataset": "digits", "architecture": "cnn", "epochs": 4, "learning_rate": 0.001}
AUGMENTED = CNN | {"augmentation": {"crop": 1, "flip": True}}
SHAPES = [
    MLP,
    CNN,
    AUGMENTED,
    MLP | {"optimizer": "nadam", "gradient_clip": 1.0},
    MLP | {"optimizer": "muon"},
    MLP | {"class_weight": {"3": 4.0}, "label_smoothing": 0.1},
    MLP | {"schedule": "cosine", "batch_size": 100},
    MLP | {"batch_size": 20, "gradient_accumulation": 6},
]


def on(device: str, *specs: JobSpec) -> Recorder:
    recorder = Recorder()
    entries = [Entry(str(place), spec) for place, spec in enumerate(specs)]
    fit(entries, recorder, device=torch.device(device), limit=len(specs))
    return recorder


def close(first: Recorder, second: Recorder, rel: float) -> bool:
    return all(
        metrics[name] == pytest.approx(others[name], rel=rel, abs=rel)
        for one in first.curves
        for metrics, others in zip(first.curves[one], second.curves[one], strict=True)
        for name in ("train_loss", "val_loss")
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_captured_step_is_the_same_step(shape: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [job(**shape, seed=seed) for seed in range(5)]
    captured = on("cuda", *specs)
    monkeypatch.setattr("trainer.layout.Graphs", Eager)
    assert all(same(captured, str(place), on("cuda", *specs), str(place)) for place in range(5))


@pytest.mark.parametrize("shape", [MLP, CNN, AUGMENTED, MLP | {"class_weight": "balanced"}], ids=str)
def test_a_gpu_gives_what_a_cpu_gives(shape: dict[str, Any]) -> None:
    specs = [job(**shape, seed=seed, precision="float64") for seed in range(3)]
    assert close(on("cuda", *specs), on("cpu", *specs), rel=1e-5)


def test_a_member_is_close_to_its_lone_run() -> None:
    specs = [job(**MLP, seed=seed) for seed in range(64)]
    pack, alone = on("cuda", *specs), on("cuda", specs[40])
    alone.curves["40"] = alone.curves.pop("0")
    pack.curves = {"40": pack.curves["40"]}
    assert close(pack, alone, rel=1e-5)


NORMALIZED = {"type": "mlp", "hidden": [9, 7], "normalization": "batch"}
"""Few neurons, and odd in number, so that members' numbers begin wherever they may."""


@pytest.mark.parametrize(
    "shape",
    [
        MLP,
        CNN,
        MLP | {"batch_size": "full", "precision": "bfloat16"},
        MLP | {"architecture": NORMALIZED, "batch_size": 149, "gradient_clip": 0.1, "tolerance": 1e-9},
        MLP | {"architecture": NORMALIZED, "optimizer": "muon"},
    ],
    ids=str,
)
def test_a_deterministic_member_is_the_same_in_every_pack(shape: dict[str, Any]) -> None:
    specs = [job(**shape, seed=seed, deterministic=True) for seed in range(DETERMINISTIC_MEMBERS)]
    pack = on("cuda", *specs)
    assert same(pack, "5", on("cuda", specs[5]), "0")
    assert same(pack, "5", on("cuda", *reversed(specs)), "2")
    assert same(pack, "5", on("cuda", *specs[3:]), "2")
