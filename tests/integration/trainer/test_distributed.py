"""Processes that share every batch, without a service: torch's launcher and `python -m trainer`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.services import PATIENCE
from tests.unit.trainer.recording import job, train

pytestmark = pytest.mark.thorough

SPEC: dict[str, Any] = {
    "dataset": "digits",
    "architecture": {"type": "mlp", "hidden": [32]},
    "batch_size": 133,
    "gradient_accumulation": 4,
    "dropout": 0.2,
    "epochs": 4,
    "learning_rate": 0.01,
    "precision": "float64",
}


WEIGHTED = SPEC | {"class_weight": "balanced", "label_smoothing": 0.1, "train_metrics": "running"}


def curves_of_group(processes: int, device: str, folder: Path) -> list[dict[str, list[float]]]:
    """The curves that a process group gives."""
    (folder / "spec.json").write_text(json.dumps([SPEC, WEIGHTED]))
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    trainer = ["-m", "trainer", str(folder / "spec.json"), "--device", device, "--out", str(folder)]
    subprocess.run([sys.executable, *launcher, *trainer], check=True, timeout=200 * PATIENCE, stdout=subprocess.DEVNULL)
    return [json.loads((folder / name / "curve.json").read_text()) for name in ("spec", "spec-2")]


def are_the_curves_of_one(curves: list[dict[str, list[float]]]) -> bool:
    return all(is_the_curve_of_one(curve, spec) for curve, spec in zip(curves, (SPEC, WEIGHTED), strict=True))


def is_the_curve_of_one(curve: dict[str, list[float]], spec: dict[str, Any]) -> bool:
    alone = train(job(**spec)).curves["0"]
    return curve["epoch"] == [1, 2, 3, 4] and all(
        curve[name] == pytest.approx([metrics[name] for metrics in alone], rel=1e-6) for name in alone[0]
    )


def test_two_processes_give_the_curve_of_one(tmp_path: Path) -> None:
    assert are_the_curves_of_one(curves_of_group(2, "cpu", tmp_path))


@pytest.mark.gpu
def test_all_gpus_of_a_machine_give_the_curve_of_one_cpu(tmp_path: Path) -> None:
    assert are_the_curves_of_one(curves_of_group(torch.cuda.device_count(), "cuda", tmp_path))
