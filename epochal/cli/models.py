"""Commands for finished models: predict, download."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Annotated, Any

import typer

from spec.views import ModelFormat, Predictions

from ..client import Client
from ..errors import AnswerError, BadFileError
from .console import Json, help_of
from .jobs import JobId, full_id

ROWS_AT_A_TIME = 1000


def register(app: typer.Typer) -> None:
    """Give `app` these commands."""
    for command in (predict, download):
        app.command(help=help_of(command))(command)


def predict(
    job_id: JobId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, or JSON: a list of rows.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Predict the rows of a file with a job's model, as comma-separated values in the order of the rows.

    Examples:
      epochal predict 4f2a91c7 examples/new-patients.csv
      epochal predict 4f2a91c7 rows.json --json

    """
    rows = _rows(file)
    with Client() as client:
        job = full_id(client, job_id)
        parts = [client.predict(job, rows[at : at + ROWS_AT_A_TIME]) for at in range(0, len(rows), ROWS_AT_A_TIME)]
    if as_json:
        typer.echo(json.dumps([part.model_dump() for part in parts] if len(parts) > 1 else parts[0].model_dump()))
        return
    _write(parts)


def download(
    job_id: JobId,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")] = Path("model"),
    form: Annotated[
        ModelFormat, typer.Option("--format", help="zip: the model's files, unpacked. onnx: model.onnx.")
    ] = ModelFormat.zip,
    as_json: Json = False,
) -> None:
    """Download a job's model: weights, spec, preprocessing, and a page that says how to load it in plain PyTorch.

    With --format onnx it is one graph from raw columns to predictions, for any runtime that knows ONNX.

    Examples:
      epochal download 4f2a91c7 model/
      epochal download 4f2a91c7 model/ --format onnx

    """
    with Client() as client:
        content = client.model(full_id(client, job_id), form)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, part in _parts(content, form).items():
            (folder / name).write_bytes(part)
            written.append(str(folder / name))
    except OSError as error:
        raise BadFileError(f"Cannot write to {folder}: {error.strerror}.") from error
    typer.echo(json.dumps({"files": written}) if as_json else "\n".join(written))


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


def _rows(file: Path) -> list[Any]:
    """The rows of a file: objects by column, or lists."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadFileError(f"Cannot read {file}: {reason}.") from error
    if file.suffix.lower() == ".json":
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise BadFileError(f"{file} is not JSON: {error}.") from error
        rows = rows.get("rows") if isinstance(rows, dict) else rows
    else:
        first = text.partition("\n")[0]
        delimiter = max(",;\t|", key=first.count)
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
        if any(None in row or None in row.values() for row in rows):
            raise BadFileError(f"{file} has rows with more or fewer values than its header.")
    if not isinstance(rows, list) or not rows:
        raise BadFileError(f"{file} holds no rows: a header and lines of CSV, or a list in JSON.")
    return rows


def _write(parts: list[Predictions]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    classes = parts[0].classes if parts[0].probabilities is not None else None
    first = parts[0].predictions[0]
    names = [f"prediction_{place}" for place in range(len(first))] if isinstance(first, list) else ["prediction"]
    writer.writerow([*names, *(_safe_for_spreadsheets(f"p_{label}") for label in classes or ())])
    for part in parts:
        shares = part.probabilities or [[]] * len(part.predictions)
        for predicted, likely in zip(part.predictions, shares, strict=True):
            cells = predicted if isinstance(predicted, list) else [_safe_for_spreadsheets(predicted)]
            writer.writerow([*cells, *likely])
    typer.echo(out.getvalue(), nl=False)


def _safe_for_spreadsheets(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula: labels may come from a stranger's file."""
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value
