"""How many jobs make a pack: as many as the device's fast memory holds, and no more.

The figures are measured in benchmarks: on a CPU a pack pays while its weights, gradients, optimizer state and
activations stay in about half of the last-level cache, and hardly at all once a single step is much arithmetic.
"""

from functools import cache
from pathlib import Path

from spec.architectures import parameter_count
from spec.batch import batch_flop, batch_rows, neurons
from spec.dataset import DatasetInfo
from spec.job import JobSpec
from spec.resources import DETERMINISTIC_MEMBERS, Precision

from .devices import Device, free_memory

CPU_MOST = 64
GPU_MOST = 1024
HEAVY_BATCH_FLOP = 40e6
HEAVY_MOST = 16
COPIES = 5
"""Arrays as large as the weights: weights, gradients, best weights, and two of the optimizer."""
CACHE_DEFAULT = 16 * 2**20


class PackSizes:
    """How many members a pack may have on this worker's devices: estimated from its shape first, then as measured.

    Shared by the slots' threads; each entry is written whole.
    """

    def __init__(self, chosen: int = 0) -> None:
        self._chosen = chosen
        self._member_bytes: dict[tuple[str, str], int] = {}
        self._most: dict[tuple[str, str], int] = {}

    def of(self, spec: JobSpec, device: Device) -> int:
        """The most members of a pack of jobs like `spec`."""
        shape = (spec.pack_key, device.kind)
        limit = pack_limit(spec, device, self._chosen, self._member_bytes.get(shape))
        return min(limit, self._most.get(shape, limit))

    def measured(self, spec: JobSpec, device: Device, member_bytes: int) -> None:
        """Remember what a member of this shape needs."""
        self._member_bytes[spec.pack_key, device.kind] = member_bytes

    def too_many(self, spec: JobSpec, device: Device, members: int) -> None:
        """Remember that so many members did not fit, and that half of them may."""
        self._most[spec.pack_key, device.kind] = max(1, members // 2)


def pack_limit(spec: JobSpec, device: Device, chosen: int, measured_bytes: int | None = None) -> int:
    """The most members of a pack of jobs like `spec`; `chosen` is the operator's limit, 0 for none."""
    most = DETERMINISTIC_MEMBERS if spec.deterministic else GPU_MOST
    if chosen:
        return min(chosen, most) if spec.deterministic else chosen
    if device.kind == "cpu":
        return cpu_limit(spec, cache_bytes())
    return min(most, gpu_limit(spec, free_memory(device), measured_bytes))


def cpu_limit(spec: JobSpec, cache_size: int) -> int:
    """Members whose working set fits half the cache; few when one step alone keeps a core busy."""
    if spec.info is None:  # an upload: only the record knows its shape
        return 1
    most = HEAVY_MOST if batch_flop(spec, spec.info) > HEAVY_BATCH_FLOP else CPU_MOST
    return max(1, min(most, cache_size // 2 // member_bytes(spec, spec.info)))


def gpu_limit(spec: JobSpec, free: int | None, measured_bytes: int | None = None) -> int:
    """Members that fit half the GPU's free memory, at what a member was measured to need, or else is estimated to."""
    if spec.info is None:
        return 1
    needed = measured_bytes or member_bytes(spec, spec.info)
    return GPU_MOST if free is None else max(1, min(GPU_MOST, free // 2 // needed))


def member_bytes(spec: JobSpec, info: DatasetInfo) -> int:
    """Memory that one more member keeps busy in a training step."""
    width = 8 if spec.precision is Precision.float64 else 4
    units = info.features + neurons(spec, info)
    return width * (COPIES * parameter_count(spec, info) + batch_rows(spec, info) * units)


@cache
def cache_bytes(cpu: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> int:
    """Size of the last-level cache; 16 MiB where the system does not say."""
    try:
        text = (cpu / "index3/size").read_text().strip()
        return int(text[:-1]) * {"K": 2**10, "M": 2**20}[text[-1]]
    except (OSError, ValueError, KeyError, IndexError):
        return CACHE_DEFAULT
