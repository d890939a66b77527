"""The command that teaches: `epochal lesson`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.prompt import IntPrompt
from rich.table import Table
from rich.text import Text

from spec.lesson import LessonSummary, LessonView, Seen, read
from spec.views import Curve, JobView

from ..client import Api
from ..client.words import metric, metric_label
from ..errors import BadFileError
from .console import Json, print_json, print_model, screen, show_table
from .figures import sparkline
from .help import add
from .notebook import notebook_of
from .progress import follow_to_end

CURVE = 24
"""Characters of a curve."""

Name = Annotated[
    str | None,
    typer.Argument(metavar="[NAME|FILE]", help="A lesson, or a YAML file of your own.", show_default=False),
]
Notebook = Annotated[
    Path | None,
    typer.Option(help="Write the lesson as a notebook to this file; run nothing.", show_default=False),
]


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    add(app, lesson, panel=panel)


def lesson(name: Name = None, notebook: Notebook = None, as_json: Json = False) -> None:
    """Learn one idea by experiment: a question, your prediction, the runs, and why. Without NAME: list the lessons.

    Exit 1 if the runs do not show what the lesson says.

    Examples:
      epochal lesson
      epochal lesson step-size
      epochal lesson overfitting --notebook overfitting.ipynb
      epochal lesson my-lesson.yaml

    """
    with Api() as client:
        if name is None:
            _list(client.lessons(), as_json=as_json)
            return
        taught = _own(Path(name)) if name.endswith((".yaml", ".yml")) else client.lesson(name)
        if notebook is not None:
            _write(notebook, notebook_of(taught))
        elif as_json:
            print_model(taught)
        else:
            _teach(client, taught)


def _list(lessons: Sequence[LessonSummary], *, as_json: bool) -> None:
    if as_json:
        print_json(lessons)
        return
    table = Table("lesson", "title", "idea", box=None, header_style="bold", pad_edge=False)
    for one in lessons:
        table.add_row(Text(one.name), Text(one.title), Text(one.idea))
    show_table(table)


def _own(file: Path) -> LessonView:
    """The lesson of a teacher's file. Raises `BadSpecFileError`."""
    return LessonView.of(file.stem, read(file))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadFileError(f"Cannot write {file}: {error.strerror}.") from error
    screen.print(f"Written: {file}", markup=False)


def _teach(client: Api, taught: LessonView) -> None:
    """Ask, run, show. Exit 1 unless all claims hold."""
    screen.print(Text(taught.title, style="bold"))
    _say(taught.question)
    predicted = _ask(taught)
    ids = client.submit_many(list(taught.jobs.values()))
    ended = dict(zip(taught.jobs, follow_to_end(client, ids), strict=True))
    curves = {run: client.curve(job.id) for run, job in ended.items()}
    screen.print(_table(taught, ended, curves))
    seen = {run: Seen.of(job, curves[run]) for run, job in ended.items()}
    shown = [(claim.holds(seen), claim.sentence(seen)) for claim in taught.claims]
    for holds, sentence in shown:
        screen.print(Text(f"{'✓' if holds else '✗'} {sentence}", style="green" if holds else "red"))
    if predicted is not None:
        right = taught.prediction.right
        said = "Your prediction was right." if predicted == right else "Your prediction was wrong."
        _say(f"{said} It is answer {right}: {taught.prediction.answers[right - 1]}.")
    _say(taught.seen)
    _say(taught.why)
    if not all(holds for holds, _ in shown):
        raise typer.Exit(1)


def _say(text: str) -> None:
    screen.print(Text(f"\n{text}"))


def _ask(taught: LessonView) -> int | None:
    """The number of the answer that the student predicts; None where nobody can be asked."""
    prediction = taught.prediction
    answers = "\n".join(f"  {number} {answer}" for number, answer in enumerate(prediction.answers, start=1))
    _say(f"{prediction.ask}\n{answers}")
    if not screen.is_terminal:
        return None
    choices = [str(number) for number in range(1, len(prediction.answers) + 1)]
    return IntPrompt.ask("Your prediction", choices=choices, console=screen)


def _table(taught: LessonView, jobs: dict[str, JobView], curves: dict[str, Curve]) -> Table:
    """The runs, a line each: the shown metrics at the end, and the first of them as a curve."""
    first = taught.shown[0]
    table = Table("run", metric_label(first), *map(metric_label, taught.shown), box=SIMPLE, pad_edge=False)
    finite = [value for curve in curves.values() for value in curve.get(first, []) if value is not None]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    for run in jobs:
        curve = curves[run]
        ends = [(curve.get(name) or [None])[-1] for name in taught.shown]
        table.add_row(
            Text(run),
            sparkline(curve.get(first, []), low=low, high=high, width=CURVE),
            *(metric(name, end) for name, end in zip(taught.shown, ends, strict=True)),
        )
    return table
