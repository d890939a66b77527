"""Processes that share every batch, without a service: torch's launcher and `python -m trainer`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.unit.trainer.recording import job, train

SPEC = {
    "dataset": "digits",
    "architecture": {"type": "mlp", "hidden": [32]},
    "batch_size": 33,
    "gradient_accumulation": 4,
    "dropout": 0.2,
    "epochs": 4,
    "learning_rate": 0.01,
    "precision": "float64",
}


def curve_of_group(processes: int, device: str, folder: Path) -> dict[str, list[float]]:
    """The curve that a process group gives."""
    (folder / "spec.json").write_text(json.dumps(SPEC))
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    trainer = ["-m", "trainer", str(folder / "spec.json"), "--device", device, "--out", str(folder)]
    subprocess.run([sys.executable, *launcher, *trainer], check=True, timeout=200, stdout=subprocess.DEVNULL)
    curve: dict[str, list[float]] = json.loads((folder / "spec" / "curve.json").read_text())
    return curve


def is_the_curve_of_one(curve: dict[str, list[float]]) -> bool:
    alone = train(job(**SPEC)).curves["0"]
    return curve["epoch"] == [1, 2, 3, 4] and all(
        curve[name] == pytest.approx([metrics[name] for metrics in alone], rel=1e-6) for name in alone[0]
    )


def test_two_processes_give_the_curve_of_one(tmp_path: Path) -> None:
    assert is_the_curve_of_one(curve_of_group(2, "cpu", tmp_path))


@pytest.mark.gpu
def test_all_gpus_of_a_machine_give_the_curve_of_one_cpu(tmp_path: Path) -> None:
    assert is_the_curve_of_one(curve_of_group(torch.cuda.device_count(), "cuda", tmp_path))
