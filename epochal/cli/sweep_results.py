"""Commands below `sweep` that use what a sweep has found: table, replay, ensemble, predict."""

import csv
import io
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import typer
from rich.table import Table

from spec.ensemble import EnsembleView
from spec.short_ids import short
from spec.sweep_views import TrialView

from ..client import Api
from ..client.find import find_sweep
from ..client.sweep_progress import value_text
from ..client.words import metric
from .console import Json, print_json, print_model, screen
from .models import Output, RowsFile, WithInput, answer_predictions, json_rows, predicted
from .progress import follow_sweep
from .replays import Wait, answer_comparison
from .sweep_ids import SweepId


def table(sweep_id: SweepId, as_json: Json = False) -> None:
    """Print all configurations of a sweep, by number, as comma-separated values.

    A line has the state, the score, the fields that vary and the metrics.
    Lists, objects and booleans are JSON.

    Examples:
      epochal sweep table @last > sweep.csv
      epochal sweep table 4f2a91c7 --json

    """
    with Api() as client:
        found = list(client.trials(find_sweep(client, sweep_id)))
    print_json(found) if as_json else typer.echo(_csv(found), nl=False)


def replay(sweep_id: SweepId, wait: Wait = False, as_json: Json = False) -> None:
    """Make a sweep that has finished again, to see whether its table is the same.

    Prints the new sweep's id. Values are compared bit for bit.

    Examples:
      epochal sweep replay @last --wait

    """
    with Api() as client:
        made = client.replay_sweep(find_sweep(client, sweep_id))
        if not wait:
            print_json({"id": made.id}) if as_json else typer.echo(made.id)
            return
        follow_sweep(client, made.id)
        answer_comparison(client.compare_sweep(made.id), as_json=as_json)


def ensemble(sweep_id: SweepId, as_json: Json = False) -> None:
    """Show the models of a sweep that answer best together.

    Examples:
      epochal sweep ensemble @last

    """
    with Api() as client:
        found = client.ensemble(find_sweep(client, sweep_id))
    if as_json:
        print_model(found)
        return
    screen.print(ensemble_table(found))
    screen.print(found.sentence, soft_wrap=True, markup=False)


def predict(
    sweep_id: SweepId, file: RowsFile, with_input: WithInput = False, out: Output = None, as_json: Json = False
) -> None:
    """Predict the rows of a file with a sweep's ensemble; print them as CSV.

    The file is read as by `epochal predict`.

    Examples:
      epochal sweep predict @last new.csv -o predicted.csv

    """
    rows = json_rows(file)
    with Api() as client:
        sweep = find_sweep(client, sweep_id)
        ask, ask_file = partial(client.predict_by_sweep, sweep), partial(client.predict_file_by_sweep, sweep)
        found = predicted(ask, ask_file, file, rows, with_input=with_input)
    answer_predictions(found, with_input=with_input, out=out, as_json=as_json)


def ensemble_table(found: EnsembleView) -> Table:
    """A line for each member, the heaviest first."""
    table = Table("job", box=None, header_style="bold", pad_edge=False)
    for heading in ("weight", found.metric):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("configuration")
    for member in found.members:
        values = ", ".join(f"{name} {value_text(value)}" for name, value in member.configuration.items())
        score = metric(found.metric, member.score)
        table.add_row(short(member.job), f"{100 * member.weight:.0f} %", score, values)
    return table


def _csv(trials: Sequence[TrialView]) -> str:
    """A line for each configuration; the cell of a field or a metric that it has not is empty.

    The learning rate at the end is a metric, too: where a field has its name, it is left out.
    """
    fields = dict.fromkeys(name for trial in trials for name in trial.configuration)
    metrics = dict.fromkeys(name for trial in trials for name in trial.metrics or () if name not in fields)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["number", "state", "score", "deviation", "epochs_trained", *fields, *metrics])
    for trial in trials:
        values = [_cell(trial.configuration[name]) if name in trial.configuration else "" for name in fields]
        measured = [(trial.metrics or {}).get(name) for name in metrics]
        how = [trial.number, trial.state.value, trial.score, trial.deviation, trial.epochs]
        writer.writerow([*how, *values, *measured])
    return out.getvalue()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
