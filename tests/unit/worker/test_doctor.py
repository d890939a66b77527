"""What `epochal doctor` says of the devices of a machine."""

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


@pytest.mark.gpu
def test_each_gpu_multiplies_and_its_driver_is_named() -> None:
    found = {one.part: one for one in examine(Settings.read({}))}
    assert {one.health for one in found.values()} == {Health.ok}, found
    assert "driver" in found["gpu"].says
    assert "built for CUDA" in found["torch"].says
