"""Trains jobs without a server: `python -m trainer FILE...`.

Each file holds one spec, a list of specs, or jobs: [...], in YAML or JSON: the files that `epochal submit` takes. Specs
of one shape train together, as a pack.

For example:
  python -m trainer examples/digits.yaml
  python -m trainer examples/*.yaml --out out/
  python -m torch.distributed.run --standalone --nproc-per-node 2 -m trainer examples/digits.yaml
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from itertools import count, groupby
from pathlib import Path

from pydantic import ValidationError
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from model.drawing import Drawing
from spec import specfile
from spec.dataset import Uploaded
from spec.field_error import FieldError
from spec.job import JobSpec
from spec.resources import DETERMINISTIC_MEMBERS
from spec.specfile import BadSpecFileError
from spec.validation_errors import sentences
from spec.views import Curve

from .callbacks import RecordingCallbacks
from .member import Entry, Outcome, Point

PACK_LIMIT = 64


class ProgressBars(RecordingCallbacks):
    """Callbacks that draw a progress bar for each job, and keep curves and outcomes."""

    def __init__(self, entries: Sequence[Entry], progress: Progress) -> None:
        super().__init__()
        self.curves = {entry.id: {"epoch": []} for entry in entries}
        self._progress = progress
        self._bars: dict[str, TaskID] = {
            entry.id: progress.add_task(entry.id, total=entry.spec.epochs, losses="") for entry in entries
        }
        self.waiting: list[Entry] = []

    def new_entries(self, free: int) -> Sequence[Entry]:
        """The next jobs that wait."""
        joining, self.waiting = self.waiting[:free], self.waiting[free:]
        return joining

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        """Advance the bars."""
        super().on_epoch_end(points)
        for point in points:
            losses = "  ".join(
                f"{words} {point.metrics[name]:.4f}"
                for name, words in (("train_loss", "train"), ("val_loss", "validation"))
                if name in point.metrics
            )
            self._progress.update(self._bars[point.id], completed=point.epoch, losses=losses)

    def on_member_end(self, outcome: Outcome) -> None:
        """Keep the outcome, and close its bar."""
        super().on_member_end(outcome)
        done = len(self.curves[outcome.id]["epoch"])
        self._progress.update(self._bars[outcome.id], completed=done, total=max(done, 1))


def read(path: Path) -> list[JobSpec]:
    """The specs in a file. Raises `SystemExit` with messages that name the file and the field."""
    try:
        bodies, several = specfile.read(str(path))
    except BadSpecFileError as error:
        raise SystemExit(str(error)) from error
    specs = []
    for index, body in enumerate(bodies):
        where = f"{path}[{index}]" if several else f"{path}"
        try:
            spec = JobSpec.model_validate(body)
        except ValidationError as error:
            faults = sentences(error, body)
        else:
            elsewhere = "is stored in the service: submit the job there"
            in_service = {"dataset.id": isinstance(spec.dataset, Uploaded), "init_from": spec.init_from is not None}
            faults = [FieldError(path=path, message=elsewhere) for path, is_so in in_service.items() if is_so]
            specs.append(spec)
        if faults:
            raise SystemExit("\n".join(": ".join(filter(None, (where, fault.path, fault.message))) for fault in faults))
    return specs


def named(files: Sequence[Path]) -> list[Entry]:
    """An entry for each spec in the files, with a readable id that can name a folder."""
    entries: dict[str, Entry] = {}
    for path in files:
        for spec in read(path):
            name = re.sub(r"[^\w.-]+", "-", spec.name or path.stem).strip(".-") or "job"
            ids = (f"{name}-{number}" if number > 1 else name for number in count(1))
            free = next(one for one in ids if one not in entries)
            entries[free] = Entry(free, spec)
    return list(entries.values())


def write(entry: Entry, outcome: Outcome, curve: Curve, out: Path) -> None:
    """A job's files: its curve, its pictures and, when it succeeded, its model."""
    from . import export, plots

    folder = out / entry.id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "curve.json").write_text(json.dumps(curve))
    drawing = Drawing(
        title=entry.id,
        curve=curve,
        best_epoch=outcome.best_epoch,
        stop_reason=outcome.stop_reason,
        report=outcome.report,
    )
    for name, picture in plots.pictures(drawing).items():
        (folder / f"{name}.png").write_bytes(picture)
    if outcome.end == "succeeded":
        export.save(outcome, entry.spec, folder)


def table(entries: Sequence[Entry], bars: ProgressBars) -> Table:
    """A table of how each job ended."""
    shown = Table(box=SIMPLE, pad_edge=False)  # eighty columns must do
    for name in ("job", "end", "epochs", "best", "train loss", "val loss", "accuracy", "gap"):
        shown.add_column(name, overflow="fold", justify="left" if name in ("job", "end") else "right")
    for entry in entries:
        outcome = bars.outcomes[entry.id]
        best = outcome.best_metrics or {}
        numbers = [
            f"{best[name]:.4f}" if name in best else "-"
            for name in ("train_loss", "val_loss", "val_accuracy", "generalization_gap")
        ]
        why = (outcome.stop_reason or "").replace("_", " ") or outcome.message or outcome.end
        epochs = len(bars.curves[entry.id]["epoch"])
        shown.add_row(entry.id, why, str(epochs), str(outcome.best_epoch or "-"), *numbers)
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Train all jobs in the files; the exit status is 0 if every job succeeded."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="specs, YAML or JSON; -: standard input")
    parser.add_argument("--out", type=Path, default=Path("out"), help="where files go, a folder per job (out)")
    parser.add_argument("--device", default="cpu", help="as PyTorch names it: cpu, cuda, cuda:1 (cpu)")
    options = parser.parse_args(arguments)
    entries = named(options.files)

    from .distributed import join_process_group
    from .fit import fit
    from .runtime import configure_process
    from .sharding import SINGLE_PROCESS

    configure_process()
    device, group = join_process_group(options.device)
    is_rank0 = group is None or group.rank == 0  # the other ranks train the same, and print and write nothing
    console = Console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
        console=console,
        disable=not is_rank0,
    ) as progress:
        bars = ProgressBars(entries, progress)
        for _, alike in groupby(sorted(entries, key=lambda entry: entry.spec.pack_key), lambda e: e.spec.pack_key):
            pack = list(alike)
            limit = DETERMINISTIC_MEMBERS if pack[0].spec.deterministic else PACK_LIMIT
            bars.waiting = pack[limit:]
            fit(pack[:limit], bars, device=device, limit=limit, sharding=group or SINGLE_PROCESS)
    if group is not None:
        group.close()
    succeeded = all(outcome.end == "succeeded" for outcome in bars.outcomes.values())
    if not is_rank0:
        return 0 if succeeded else 1
    for entry in entries:
        write(entry, bars.outcomes[entry.id], bars.curves[entry.id], options.out)
    console.print(table(entries, bars))
    console.print(f"Curves, pictures and models are in {options.out}/")
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
