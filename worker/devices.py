"""Which devices this worker trains on, counted without touching CUDA.

A process that has initialised CUDA holds GPU memory and cannot fork; the worker only supervises, so it asks the
driver through NVML and leaves CUDA to the trainer processes.
"""

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count, takewhile
from pathlib import Path
from typing import Literal

from .errors import BadDevicesError

CGROUP = Path("/sys/fs/cgroup")

BESIDE_TRAINER = 256 << 20
"""Bytes that a worker and its fork server hold, 350 MB, less 100 MB that a trainer has allocated and never touched."""
LEAST_MEMORY = 1 << 30
"""Bytes that a trainer may always allocate: one that has nothing to do has 270 MB."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Read when PyTorch is imported. Processes scale, threads do not."""


@dataclass(frozen=True)
class Device:
    """What one slot trains on."""

    name: str
    """What the record calls it, one name for each slot of a worker: `cpu`, `cpu:1`, `cuda:0`; `cuda:0+cuda:1`."""
    kind: Literal["cpu", "cuda"]
    visible: str | None = None
    """What its trainer may see of CUDA_VISIBLE_DEVICES."""
    count: int = 1
    """Devices, and so trainer processes, that train together."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables of the trainer process that bind it to this device, set before it imports torch."""
        if self.kind == "cpu":
            return ONE_THREAD | {"CUDA_VISIBLE_DEVICES": ""}
        return ONE_THREAD | {
            "CUDA_VISIBLE_DEVICES": self.visible or "0",
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as the driver numbers them; CUDA itself puts the fastest first
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # the same bits twice need a workspace of fixed size
        }


@dataclass(frozen=True)
class Machine:
    """What this machine offers."""

    cores: int
    gpus: tuple[str, ...] = field(default=())
    """Entries for CUDA_VISIBLE_DEVICES, in the order CUDA numbers them."""


def devices(request: str, machine: Machine) -> tuple[Device, ...]:
    """The devices that `request` names: `auto`, `cpu`, `cpu:4` (four slots), `cuda`, or `cuda:0,cuda:1`; one slot each.

    `cuda:0+cuda:1` is one slot of two GPUs, for jobs with `resources.gpus: 2`; `cpu+cpu` one of two processes.
    """
    parts = [part.strip() for part in request.split(",")]
    found = tuple(device for part in parts for device in _together(part, machine))
    gpus = [name for device in found if device.kind == "cuda" for name in device.name.split("+")]
    twice = sorted({name for name in gpus if gpus.count(name) > 1})
    if twice:
        raise BadDevicesError(f"devices names {twice[0]} twice: one slot has a GPU to itself")
    return _numbered(found)


def _numbered(found: Sequence[Device]) -> tuple[Device, ...]:
    """The same, with the CPU slots numbered where there are several: the record knows slots by their names."""
    if sum(device.kind == "cpu" for device in found) < 2:
        return tuple(found)
    number = count()
    return tuple(
        replace(device, name="+".join(f"cpu:{next(number)}" for _ in range(device.count)))
        if device.kind == "cpu"
        else device
        for device in found
    )


def _together(part: str, machine: Machine) -> tuple[Device, ...]:
    if "+" not in part:
        return _named(part, machine)
    together = [_cpus(1) if name == "cpu" else _named(name, machine) for name in part.split("+")]
    if any(len(one) != 1 for one in together) or len({one[0].kind for one in together}) > 1:
        raise BadDevicesError(f"devices: {part!r} must join single devices of one kind: cuda:0+cuda:1, or cpu+cpu")
    first = together[0][0]
    visible = ",".join(one[0].visible or "" for one in together) if first.kind == "cuda" else None
    return (Device("+".join(one[0].name for one in together), first.kind, visible, count=len(together)),)


def _named(part: str, machine: Machine) -> tuple[Device, ...]:
    match part.split(":"):
        case ["auto"]:
            return _gpus(machine) or _cpus(machine.cores)
        case ["cpu"]:
            return _cpus(machine.cores)
        case ["cpu", slots] if re.fullmatch(r"[1-9]\d{0,3}", slots):
            return _cpus(int(slots))
        case ["cuda"]:
            if not machine.gpus:
                raise BadDevicesError("devices asks for cuda, and this machine shows no GPU: use cpu")
            return _gpus(machine)
        case ["cuda", index] if re.fullmatch(r"\d{1,3}", index):
            if int(index) >= len(machine.gpus):
                raise BadDevicesError(f"devices asks for {part}, and this machine shows {len(machine.gpus)} GPUs")
            return (_gpus(machine)[int(index)],)
    raise BadDevicesError(
        f"devices: {part!r} means nothing: use auto, cpu, cpu:4, cuda, cuda:0,cuda:1 or cuda:0+cuda:1"
    )


def _cpus(slots: int) -> tuple[Device, ...]:
    return tuple(Device("cpu", "cpu") for _ in range(slots))


def _gpus(machine: Machine) -> tuple[Device, ...]:
    return tuple(Device(f"cuda:{index}", "cuda", visible) for index, visible in enumerate(machine.gpus))


def this_machine(environ: Mapping[str, str] = os.environ) -> Machine:
    """The cores this process may use and the GPUs it may see."""
    return Machine(cores=_cores(), gpus=_visible(_driver_gpus(), environ.get("CUDA_VISIBLE_DEVICES")))


def _cores() -> int:
    """Cores of this process: its affinity, cut to what its control group grants."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_cores(CGROUP)
    return max(1, allowed if quota is None else min(allowed, math.ceil(quota)))


def cgroup_cores(root: Path) -> float | None:
    """Cores that the control group at `root` grants (version 2, then 1); None for no limit."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return None if quota == "max" or int(quota) <= 0 else int(quota) / int(period)


def cgroup_memory(root: Path) -> int | None:
    """Bytes that the control group at `root` grants (version 2, then 1); None for no limit."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # "max" is no number
            granted = int((root / name).read_text())
            return granted if granted < 1 << 60 else None  # version 1 has no word for none
    return None


def trainer_memory(device: Device, root: Path = CGROUP) -> int | None:
    """Bytes that a trainer may allocate, so that a job larger than its container fails alone; None: no limit.

    Kubernetes ends every process of a container whose memory is used up. The slots do not share the limit: a large job
    may train beside small ones. A GPU's trainer has none, because CUDA maps far more than it uses.
    """
    granted = cgroup_memory(root)
    if granted is None or device.kind != "cpu":
        return None
    return max(granted - BESIDE_TRAINER, LEAST_MEMORY)


def _visible(gpus: int, chosen: str | None) -> tuple[str, ...]:
    """Entries for CUDA_VISIBLE_DEVICES: what the worker's own variable leaves of the driver's GPUs.

    CUDA reads it up to the first entry that names none, such as -1 or NoDevFiles.
    """
    if gpus == 0 or chosen is None:
        return tuple(str(index) for index in range(gpus))
    entries = (entry.strip() for entry in chosen.split(","))
    return tuple(takewhile(lambda entry: entry.startswith(("GPU-", "MIG-")) or _is_index(entry, gpus), entries))


def _is_index(entry: str, gpus: int) -> bool:
    return entry.isdecimal() and int(entry) < gpus


@contextmanager
def nvidia_driver() -> Iterator[bool]:
    """Whether there is NVIDIA's driver, which may be asked meanwhile."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        is_there = False
    else:
        is_there = True
    try:
        yield is_there
    finally:
        if is_there:
            pynvml.nvmlShutdown()


def _driver_gpus() -> int:
    """GPUs that the NVIDIA driver shows; 0 without a driver."""
    import pynvml

    with nvidia_driver() as is_there:
        return int(pynvml.nvmlDeviceGetCount()) if is_there else 0


def free_memory(device: Device) -> int | None:
    """Bytes free on a GPU, as the driver says; None when it does not."""
    import pynvml

    entry = (device.visible or "0").split(",")[0]
    with nvidia_driver() as is_there, suppress(pynvml.NVMLError):
        if is_there:
            by_index, by_uuid = pynvml.nvmlDeviceGetHandleByIndex, pynvml.nvmlDeviceGetHandleByUUID
            handle = by_index(int(entry)) if entry.isdigit() else by_uuid(entry)
            return int(pynvml.nvmlDeviceGetMemoryInfo(handle).free)
    return None
