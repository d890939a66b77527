"""The trainer process of one slot: `python -m worker.child --device cpu --folder DIR`.

Where a slot has several devices, torch's elastic launcher starts one such process for each and ends them together:
rank 0 talks with the supervisor, and the others do as it does. The process of a single device is forked by the fork
server (`worker/forkserver.py`), and has nothing left to import.

A trainer stays warm between packs. Orders come as lines on standard input, reports leave as lines on what was standard
output. End of input means that the worker is gone: the trainer ends at once, so that a worker killed with -9 leaves no
orphan that trains on.
"""

import argparse
import ctypes
import logging
import os
import resource
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from store.signals import leave_to_parent

from . import messages
from .inbox import Inbox
from .messages import Ready
from .reporting import ReportStream, SupervisorCallbacks, is_out_of_memory

if TYPE_CHECKING:
    import torch

    from trainer.distributed import ProcessGroup

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15

NICE = 5
"""Of a trainer that computes on the CPU: where it shares the cores with what serves people, they need not wait."""


def train(
    inbox: Inbox,
    reports: ReportStream,
    folder: Path,
    device: "torch.device",
    checkpoint_s: float,
    group: "ProcessGroup | None" = None,
) -> None:
    """Train what waits in the inbox as one pack, or as brackets."""
    import torch

    from trainer.bracket import fit_brackets
    from trainer.distributed import run_rank0
    from trainer.fit import fit

    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    used = partial(torch.cuda.max_memory_allocated, device) if on_gpu else lambda: 0
    callbacks = SupervisorCallbacks(inbox, reports, folder, checkpoint_s, memory_used=used)
    try:
        run, limit = fit if group is None else partial(run_rank0, group), inbox.limit
        if brackets := inbox.brackets:
            limits = inbox.limits
            fit_brackets(
                callbacks.enter(inbox.take(None)),
                brackets,
                callbacks,
                device=device,
                limit=lambda spec: limits.get(spec.pack_key, limit),
            )
        else:
            run(callbacks.enter(inbox.take(limit)), callbacks, device=device, limit=limit)
        callbacks.fail_rest(RuntimeError("training ended without an outcome of this job"))
    except Exception as error:  # whatever it is, the supervisor learns of it and the slot stays warm
        log.exception("the pack failed")
        if group is not None and not is_out_of_memory(error):
            os._exit(1)  # most likely another rank is gone, which is no fault of the job
        callbacks.fail_rest(error)
        if group is not None:
            os._exit(1)  # the others wait for a sum that never comes: the launcher ends them
    if on_gpu:
        torch.cuda.empty_cache()  # not while the error is handled: it holds on to the pack
    inbox.forget()


def listen(stream: BinaryIO, inbox: Inbox, folder: Path, end: Callable[[int], object] = os._exit) -> None:
    """Read orders until the worker is gone, then end this process at once, whatever it is doing."""
    try:
        for text in stream:
            inbox.put(messages.order(text))
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # no supervisor is left to take the models or to delete them
        end(0)


def protect_stdout() -> ReportStream:
    """Keep the pipe for reports, and send whatever else is printed to standard error."""
    sys.stdout.flush()
    reports = ReportStream(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    return reports


def _name_process() -> None:
    """Name this process `trainer`: a fork has the command line of what it was forked from."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, b"trainer")


def _end_with_launcher() -> None:
    """Let the kernel end this process when torch's launcher is killed, which then ends nobody itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train packs until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m worker.child", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", required=True, help="as PyTorch names it: cpu, cuda")
    parser.add_argument("--folder", required=True, type=Path, help="where models are written, one folder a job")
    parser.add_argument("--checkpoint-s", required=True, type=float, help="seconds between two checkpoints")
    parser.add_argument("--memory-bytes", type=int, help="the most that it may allocate; default: no limit")
    parser.add_argument("--log-level", default="INFO")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s trainer %(process)d: %(message)s")

    _name_process()
    if options.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (options.memory_bytes, options.memory_bytes))
    reports, inbox = protect_stdout(), Inbox()
    launched = "RANK" in os.environ
    if launched:
        _end_with_launcher()  # which also ends it by SIGTERM
    else:
        leave_to_parent()  # the worker, which is told too, saves its jobs first
    if not launched or os.environ["RANK"] == "0":
        threading.Thread(target=listen, args=(os.fdopen(0, "rb"), inbox, options.folder), daemon=True).start()

    from trainer.distributed import join_process_group, run_other_rank
    from trainer.fit import warm_up
    from trainer.runtime import configure_process

    configure_process()
    device, group = join_process_group(options.device)
    warm_up(device)  # the first pack must not pay for it; and a dead device fails here, not in a job
    while group is not None and group.rank > 0:
        run_other_rank(group, device=device)
    if device.type == "cpu":
        os.nice(NICE)  # not before: a trainer that starts is waited for
    reports.send(Ready(pid=os.getpid()))
    while True:
        inbox.wait()
        train(inbox, reports, options.folder, device, options.checkpoint_s, group)


if __name__ == "__main__":
    main()
