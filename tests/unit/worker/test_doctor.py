"""What `epochal doctor` says of the devices of a machine."""

import pynvml
import pytest

from spec.findings import Health
from spec.settings import Settings
from worker.doctor import asked, examine


def test_devices_that_are_not_there_are_said_before_a_worker_starts() -> None:
    (missing,) = asked("cuda:63")
    assert missing.health is Health.wrong
    assert "cuda:63" in missing.says
    assert missing.fix == "Correct EPOCHAL_DEVICES."
    (there,) = asked("cpu:3")
    assert there.health is Health.ok
    assert "3 slots (cpu)" in there.says


@pytest.mark.parametrize(
    ("error", "health", "says"),
    [
        (pynvml.NVML_ERROR_GPU_IS_LOST, Health.wrong, "GPU is lost"),
        (pynvml.NVML_ERROR_NO_PERMISSION, Health.ok, "H200; driver 570."),
    ],
)
def test_a_gpu_that_is_lost_is_said_and_one_of_another_job_is_left_out(
    monkeypatch: pytest.MonkeyPatch, error: int, health: Health, says: str
) -> None:
    def handle(index: int) -> int:
        if index == 0:
            raise pynvml.NVMLError(error)
        return index

    answers = {"nvmlDeviceGetCount": 2, "nvmlDeviceGetName": "H200", "nvmlSystemGetDriverVersion": "570"}
    for name, answer in {"nvmlInit": None, "nvmlShutdown": None, **answers}.items():
        monkeypatch.setattr(pynvml, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", handle)
    (gpu,) = [one for one in examine(Settings.read({})) if one.part == "gpu"]
    assert gpu.health is health
    assert says in gpu.says


@pytest.mark.gpu
def test_each_gpu_multiplies_and_its_driver_is_named() -> None:
    found = {one.part: one for one in examine(Settings.read({}))}
    assert {one.health for one in found.values()} == {Health.ok}, found
    assert "driver" in found["gpu"].says
    assert "built for CUDA" in found["torch"].says
