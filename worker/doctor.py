"""What this machine can train on: `python -m worker.doctor` prints it as JSON. It imports PyTorch; workers do not."""

import sys
from collections.abc import Iterator
from contextlib import suppress

from spec.findings import FINDINGS, Finding, ok, warning, wrong
from spec.settings import Settings

from .devices import devices, nvidia_driver, this_machine
from .errors import BadDevicesError


def examine(settings: Settings) -> list[Finding]:
    """Look at processors, GPUs, their driver, and PyTorch."""
    return [*asked(settings.devices), *_pytorch()]


def asked(request: str) -> Iterator[Finding]:
    """What a worker with these devices would have here."""
    machine = this_machine()
    try:
        slots = devices(request, machine)
    except BadDevicesError as error:
        yield wrong("devices", f"A worker cannot start here: {error}.", "Correct EPOCHAL_DEVICES.")
        return
    gpus = sorted(slot.name for slot in slots if slot.kind == "cuda")
    names = ", ".join(["cpu"] * (len(gpus) < len(slots)) + gpus)
    yield ok(
        "devices", f"A worker here has {len(slots)} slots ({names}); {machine.cores} cores, {len(machine.gpus)} GPUs."
    )


def _pytorch() -> Iterator[Finding]:
    import pynvml
    import torch

    says = f"PyTorch {torch.__version__}, built for {f'CUDA {torch.version.cuda}' if torch.version.cuda else 'CPU'}"
    try:
        driver, names = _driver()
    except pynvml.NVMLError as error:
        fix = "Look at `nvidia-smi` and `dmesg`: a GPU that is lost needs a restart of its machine."
        yield wrong("gpu", f"The driver does not tell of each GPU: {error}.", fix)
        return
    if not names:
        yield ok("torch", f"{says}; no GPU.")
        return
    yield ok("gpu", f"{', '.join(names)}; driver {driver}.")
    if torch.version.cuda is None:
        yield wrong("torch", f"{says}, and there are GPUs.", "Install a build for CUDA: see docs/operations.md.")
        return
    try:
        for index in range(torch.cuda.device_count()):
            one = torch.ones(64, 64, device=f"cuda:{index}")
            if float((one @ one).sum()) != 64.0**3:
                yield wrong("torch", f"cuda:{index} multiplies wrongly.", "Take this GPU out, and have it tested.")
                return
    except Exception as error:
        first = str(error).splitlines()[0]
        yield wrong("torch", f"{says}, cannot use the GPU: {first}", "Install a driver that is new enough for it.")
        return
    if torch.cuda.device_count() < len(names):
        hidden = f"{says} sees {torch.cuda.device_count()} of {len(names)} GPUs."
        yield warning("torch", hidden, "Look at CUDA_VISIBLE_DEVICES.")
        return
    yield ok("torch", f"{says}; each GPU multiplies.")


def _driver() -> tuple[str, list[str]]:
    """The version of NVIDIA's driver, and the names of the GPUs that this user may use. Raises `NVMLError`."""
    import pynvml

    with nvidia_driver() as is_there:
        if not is_there:
            return "", []
        names = list[str]()
        for index in range(pynvml.nvmlDeviceGetCount()):
            with suppress(pynvml.NVMLError_NoPermission):  # Slurm gave it to another job
                names.append(str(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(index))))
        return str(pynvml.nvmlSystemGetDriverVersion()), names


if __name__ == "__main__":
    sys.stdout.buffer.write(FINDINGS.dump_json(examine(Settings.read())))
