"""Commands for finished models: predict, download."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from spec.views import ModelFormat, Predictions

from ..client import Api
from ..client.find import find_job
from ..client.predictions import in_parts, joined
from ..errors import AnswerError, BadFileError
from .console import Json, aside, print_result
from .help import add
from .job_ids import JobId

_NUMBER = re.compile(r"[-+]?[\d.,' ]*(e[-+]?\d+)?%?", re.IGNORECASE)


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for command in (predict, download):
        add(app, command, panel=panel)


RowsFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="CSV, Excel, JSON, Parquet, NPZ, ARFF or a zip of images.", show_default=False),
]
WithInput = Annotated[bool, typer.Option(help="Write the file's columns before the predictions.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="The file to write. Default: standard output."),
]


def predict(
    job_id: JobId,
    file: RowsFile,
    with_input: WithInput = False,
    out: Output = None,
    encoding: Annotated[str | None, typer.Option(help="Of text, if it is not found.")] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(help="Between cells, if it is not found: , ; | tab, space (any) or spaces (two)."),
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option(help="Of a workbook, by its name. Default: the first with the model's columns."),
    ] = None,
    header: Annotated[bool | None, typer.Option(help="Whether there is one, if it is not found.")] = None,
    as_json: Json = False,
) -> None:
    """Predict the rows of a file with a job's model; print them as CSV.

    The file is read as an upload is: the file that was uploaded can be
    predicted as it is. The predictions have the order of the rows. Values that
    training did not see are named on standard error.

    Examples:
      epochal predict 4f2a91c7 examples/new-patients.csv
      epochal predict 4f2a91c7 new.csv --with-input -o predicted.csv
      epochal predict 4f2a91c7 rows.json --json

    """
    rows = json_rows(file)
    how: dict[str, Any] = {"encoding": encoding, "delimiter": delimiter, "header": header, "sheet": sheet}
    with Api() as client:
        job = find_job(client, job_id)
        ask, ask_file = partial(client.predict, job), partial(client.predict_file, job, **how)
        found = predicted(ask, ask_file, file, rows, with_input=with_input)
    answer_predictions(found, with_input=with_input, out=out, as_json=as_json)


def predicted(
    ask: Callable[[Sequence[Any]], Predictions],
    ask_file: Callable[..., Predictions],
    file: Path,
    rows: list[Any] | None,
    *,
    with_input: bool,
) -> Predictions:
    """The predictions of the rows of a JSON file by `ask`, or of another file as a whole by `ask_file`."""
    if rows is None:
        return ask_file(file, with_input=with_input)
    beside = _input(rows) if with_input else {}
    return joined(in_parts(ask, rows)).model_copy(update=beside)


def answer_predictions(found: Predictions, *, with_input: bool, out: Path | None, as_json: bool) -> None:
    """Write predictions as CSV or JSON to a file or to standard output, and warnings to standard error."""
    for warning in dict.fromkeys(found.warnings):
        aside.print(warning, markup=False, soft_wrap=True)
    if as_json:
        shown = found.model_dump(exclude=None if with_input else {"names", "input"})
        _deliver(json.dumps(shown) + "\n", out)
    else:
        _deliver(_table(found), out)


def _deliver(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadFileError(f"Cannot write to {out}: {error.strerror}.") from error


def download(
    job_id: JobId,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")] = Path("my-model"),
    form: Annotated[
        ModelFormat, typer.Option("--format", help="zip: the model's files, unpacked. onnx: model.onnx.")
    ] = ModelFormat.zip,
    as_json: Json = False,
) -> None:
    """Download a job's model: weights, spec, preprocessing, README.

    The README says how to load it in plain PyTorch. With --format onnx it is
    one graph from raw columns to predictions, for any runtime that knows ONNX.

    Examples:
      epochal download 4f2a91c7 my-model/
      epochal download 4f2a91c7 my-model/ --format onnx

    """
    with Api() as client:
        content = client.model(find_job(client, job_id), form)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, part in _parts(content, form).items():
            (folder / name).write_bytes(part)
            written.append(str(folder / name))
    except OSError as error:
        raise BadFileError(f"Cannot write to {folder}: {error.strerror}.") from error
    print_result({"files": written}, "\n".join(written), as_json)


def _parts(content: bytes, form: ModelFormat) -> dict[str, bytes]:
    """The files of a downloaded model."""
    if form is ModelFormat.onnx:
        return {"model.onnx": content}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            # the name without any path
            return {Path(name).name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise AnswerError("The server sent no zip: do client and server have the same version?") from error


def json_rows(file: Path) -> list[Any] | None:
    """The rows of a JSON file: objects by column, or lists. None for a file that is sent. Raises `BadFileError`.

    `NaN`, as Python writes it, and a field that an object lacks are gaps. Objects with parts are sent: the service
    makes columns of them.
    """
    if file.suffix.lower() != ".json":
        return None
    try:
        text = file.read_text(encoding="utf-8-sig")
        rows = json.loads(text, parse_constant=lambda word: None if word == "NaN" else word)
    except OSError as error:
        raise BadFileError(f"Cannot read {file}: {error.strerror}.") from error
    except ValueError as error:
        raise BadFileError(f"{file} is not JSON: {error}.") from error
    if isinstance(rows, dict) and "rows" not in rows:
        return None  # columns, or another form that the service finds
    rows = rows["rows"] if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not rows:
        raise BadFileError(f'{file} holds no rows: a list of them, or {{"rows": [...]}}.')
    objects = [row for row in rows if isinstance(row, dict)]
    if any(isinstance(value, dict | list) for row in objects for value in row.values()):
        return None
    gaps = dict.fromkeys(name for row in objects for name in row)
    return [gaps | row if isinstance(row, dict) else row for row in rows]


def _input(rows: list[Any]) -> dict[str, Any]:
    """The rows as the columns that stand before their predictions. Raises `BadFileError` without names of columns."""
    names = list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
    if not names or not all(isinstance(row, dict) for row in rows):
        raise BadFileError("Not all rows have names of columns: predict them without --with-input.")
    return {"names": names, "input": [[_text(row.get(name)) for name in names] for row in rows]}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _table(found: Predictions) -> str:
    """The predictions as CSV, after the columns of the rows where those were asked for."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    classes = found.classes if found.probabilities is not None else None
    first = found.predictions[0]
    names = [f"prediction_{place}" for place in range(len(first))] if isinstance(first, list) else ["prediction"]
    given = [_harmless(name) for name in found.names or ()]
    writer.writerow([*given, *names, *(_harmless(f"p_{label}") for label in classes or ())])
    shares = found.probabilities or [[]] * len(found.predictions)
    before = found.input or [[]] * len(found.predictions)
    for cells, predicted, likely in zip(before, found.predictions, shares, strict=True):
        said = predicted if isinstance(predicted, list) else [_harmless(predicted)]
        writer.writerow([*map(_harmless, cells), *said, *likely])
    return out.getvalue()


def _harmless(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula: labels and cells may come from a stranger's file."""
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula and not _NUMBER.fullmatch(value) else value
