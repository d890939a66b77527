from dataclasses import replace
from pathlib import Path

import pytest

from worker.devices import (
    BESIDE_TRAINER,
    LEAST_MEMORY,
    Device,
    Machine,
    cgroup_cores,
    cgroup_memory,
    devices,
    this_machine,
    trainer_memory,
)
from worker.errors import BadDevicesError

LAPTOP = Machine(cores=4)
SERVER = Machine(cores=16, gpus=("0", "1", "2"))
CPU = Device("cpu", "cpu")


def slots(count: int) -> tuple[Device, ...]:
    return tuple(Device(f"cpu:{number}", "cpu") for number in range(count))


def test_every_slot_has_a_name_of_its_own() -> None:
    assert devices("cpu:1", LAPTOP) == (CPU,)
    names = [device.name for device in devices("cpu,cuda:1,cpu+cpu,cpu", replace(SERVER, cores=1))]
    assert names == ["cpu:0", "cuda:1", "cpu:1+cpu:2", "cpu:3"]


def test_auto_is_one_slot_per_core_without_a_gpu() -> None:
    assert devices("auto", LAPTOP) == slots(4)


def test_auto_is_one_slot_per_gpu_where_there_are_some() -> None:
    assert [device.name for device in devices("auto", SERVER)] == ["cuda:0", "cuda:1", "cuda:2"]


def test_cpu_with_a_number_is_so_many_slots() -> None:
    assert devices("cpu:3", LAPTOP) == slots(3)
    assert devices("cpu", SERVER) == slots(16)


def test_gpus_can_be_chosen_one_by_one_and_mixed_with_cpu_slots() -> None:
    chosen = devices("cuda:2, cuda:0,cpu:1", SERVER)
    assert [device.name for device in chosen] == ["cuda:2", "cuda:0", "cpu"]
    assert [device.visible for device in chosen] == ["2", "0", None]


def test_devices_joined_by_a_plus_are_one_slot() -> None:
    pair, lone = devices("cuda:2+cuda:0,cuda:1", SERVER)
    assert (pair.name, pair.kind, pair.count, pair.visible) == ("cuda:2+cuda:0", "cuda", 2, "2,0")
    assert lone.count == 1
    assert devices("cpu+cpu", LAPTOP) == (Device("cpu+cpu", "cpu", count=2),)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("cuda:0+cuda:0", "twice"),
        ("cuda:0+cuda:1,cuda:1", "twice"),
        ("cpu+cuda:0", "one kind"),
        ("cuda+cuda:0", "single devices"),
        ("cpu:2+cpu", "single devices"),
        ("cpu+", "means nothing"),
        ("", "means nothing"),
        ("gpu", "means nothing"),
        ("cpu:0", "means nothing"),
        ("cpu:-1", "means nothing"),
        ("cpu:x", "means nothing"),
        ("cpu:1:2", "means nothing"),
        ("cuda:9", "shows 3 GPUs"),
        ("cuda:1,cuda:1", "twice"),
        ("cuda,cuda:1", "twice"),
    ],
)
def test_a_device_request_that_cannot_be_met_says_what_to_do(wanted: str, says: str) -> None:
    with pytest.raises(BadDevicesError, match=says):
        devices(wanted, SERVER)


def test_cuda_without_a_gpu_is_refused() -> None:
    with pytest.raises(BadDevicesError, match="no GPU: use cpu"):
        devices("cuda", LAPTOP)


def test_a_gpu_slot_sees_only_its_own_gpu() -> None:
    (device,) = devices("cuda:1", SERVER)
    assert device.environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert device.environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"  # the order of the driver, which counted them
    assert CPU.environment["CUDA_VISIBLE_DEVICES"] == ""
    assert CPU.environment["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(
    ("content", "cores"), [("max 100000\n", None), ("150000 100000\n", 1.5), ("not a quota", None)]
)
def test_the_control_groups_grant_is_read(tmp_path: Path, content: str, cores: float | None) -> None:
    (tmp_path / "cpu.max").write_text(content)
    assert cgroup_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", None), ("200000", 2.0)])
def test_the_grant_of_an_old_control_group_is_read(tmp_path: Path, quota: str, cores: float | None) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert cgroup_cores(tmp_path) == cores


@pytest.mark.parametrize(
    ("name", "content", "granted"),
    [
        ("memory.max", "6442450944\n", 6 << 30),
        ("memory.max", "max\n", None),
        ("memory/memory.limit_in_bytes", "6442450944\n", 6 << 30),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", None),
        ("nothing", "", None),
    ],
)
def test_a_trainer_may_allocate_what_its_container_grants(
    tmp_path: Path, name: str, content: str, granted: int | None
) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / name).write_text(content)
    assert cgroup_memory(tmp_path) == granted
    assert trainer_memory(CPU, tmp_path) == (None if granted is None else granted - BESIDE_TRAINER)
    assert trainer_memory(Device("cuda:0", "cuda", "0"), tmp_path) is None  # CUDA maps more than it uses


def test_a_trainer_starts_in_the_smallest_container(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(str(BESIDE_TRAINER))
    assert trainer_memory(CPU, tmp_path) == LEAST_MEMORY


@pytest.mark.parametrize(
    ("chosen", "gpus"),
    [
        (None, ("0", "1")),
        ("", ()),
        ("NoDevFiles", ()),
        ("1,0", ("1", "0")),
        ("0,-1,1", ("0",)),
        ("7", ()),
        ("MIG-5f0e, GPU-8932", ("MIG-5f0e", "GPU-8932")),
    ],
)
def test_visible_devices_are_read_as_cuda_reads_them(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None, gpus: tuple[str, ...]
) -> None:
    monkeypatch.setattr("worker.devices._driver_gpus", lambda: 2)
    assert this_machine({} if chosen is None else {"CUDA_VISIBLE_DEVICES": chosen}).gpus == gpus


def test_this_machine_has_a_core_and_counts_without_cuda() -> None:
    assert this_machine({}).cores >= 1
    assert this_machine({"CUDA_VISIBLE_DEVICES": ""}).gpus == ()
