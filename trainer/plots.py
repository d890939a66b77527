"""Pictures of a job; matplotlib only, so that a process without PyTorch can draw them too.

`python -m trainer.plots` reads a `Drawing` as JSON and writes its pictures as a zip: for a process without matplotlib.
With `--many` it reads a drawing a line, until its input ends, and writes each zip behind its length.
"""

import sys
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from model.boundary import Boundary
from model.drawing import LENGTH_BYTES, Drawing, zipped
from model.report import Calibration, ClassReport, Landscape, NumberReport, Residuals, Roc
from spec.views import Curve

# Okabe and Ito's colours, which colour-blind people can tell apart too; lines also differ in stroke.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#555555"
NUMBERED_CLASSES = 30
"""Cells of more classes have no space for their numbers."""
LABEL_LETTERS = 20
"""Longer labels are cut off after so many letters."""
LOG_ABOVE = 100.0
"""Losses whose largest is so many times their smallest are drawn on a logarithmic axis."""


def pictures(drawing: Drawing) -> dict[str, bytes]:
    """All pictures of a job by name, as PNG."""
    drawn: dict[str, bytes] = {}
    if drawing.curve.get("epoch"):
        drawn["curves"] = curves_png(
            drawing.curve,
            title=drawing.title,
            best_epoch=drawing.best_epoch,
            early_stop_epoch=drawing.early_stop_epoch,
        )
    report = drawing.report
    if report is None:
        return drawn
    for prefix, part, words in (
        ("", report.validation, drawing.title),
        ("test_", report.test, f"{drawing.title}: test"),
    ):
        if part is not None:
            drawn |= {prefix + name: _of_part(part, name, words) for name in part.pictures}
    if report.boundary is not None:
        drawn["boundary"] = boundary_png(report.boundary, title=drawing.title)
    if report.landscape is not None:
        drawn["landscape"] = landscape_png(report.landscape, title=drawing.title)
    return drawn


def _of_part(part: ClassReport | NumberReport, name: str, title: str) -> bytes:
    match part, name:
        case ClassReport(), "confusion":
            return confusion_png(part.labels, part.confusion, title=title)
        case ClassReport(), "roc":
            return roc_png(part.roc, title=title)
        case ClassReport(), "calibration":
            return calibration_png(
                part.calibration, by_class=None if len(part.labels) > 2 else part.labels[1], title=title
            )
        case NumberReport(residuals=Residuals() as residuals, targets=targets), "residuals":
            each = [(one.target, one.residuals) for one in targets if one.residuals is not None]
            return residuals_png(each or [("target", residuals)], title=title)
    raise ValueError(f"there is no picture {name} of this")


def curves_png(
    curve: Curve, *, title: str, best_epoch: int | None = None, early_stop_epoch: int | None = None
) -> bytes:
    """Train and validation loss (and accuracy, for classes) by epoch, with the best epoch and the early stop marked."""
    accuracies = any(name.endswith("_accuracy") for name in curve)
    width = 11.0 if accuracies else 6.5
    figure = Figure(figsize=(width, 4.2), dpi=80)
    # Fixed margins: a layout that measures its labels first takes longer than the drawing.
    figure.subplots_adjust(left=0.75 / width, right=1 - 0.15 / width, bottom=0.13, top=0.88, wspace=0.16)
    panels = figure.subplots(1, 2 if accuracies else 1, squeeze=False)[0]
    for panel, metric, corner in zip(panels, ("loss", "accuracy"), ("upper right", "lower right"), strict=False):
        for part, colour, stroke, words in (("train", BLUE, "-", "train"), ("val", ORANGE, "--", "validation")):
            values = curve.get(f"{part}_{metric}")
            if values:
                numbers = [float("nan") if value is None else value for value in values]
                one = {"marker": "o"} if len(numbers) == 1 else {}
                panel.plot(curve["epoch"], numbers, stroke, color=colour, label=words, linewidth=1.8, **one)
        if best_epoch:
            panel.axvline(best_epoch, color=GREY, linewidth=1.0, linestyle=":", label=f"best epoch {best_epoch}")
        if early_stop_epoch:
            panel.axvline(early_stop_epoch, color=GREY, linewidth=1.0, label=f"early stop {early_stop_epoch}")
        panel.set(xlabel="epoch", ylabel=metric)
        panel.grid(alpha=0.25)
        panel.legend(loc=corner)
    losses = [v for part in ("train", "val") for v in curve.get(f"{part}_loss", []) if v is not None and v > 0.0]
    if losses and max(losses) > LOG_ABOVE * min(losses):
        panels[0].set_yscale("log")
    return _png(figure, title)


def confusion_png(labels: Sequence[str], confusion: Sequence[Sequence[int]], *, title: str) -> bytes:
    """Rows by their true class (down) and their predicted class (across), darker where there are more."""
    count, longest = len(labels), min(max(map(len, labels)), LABEL_LETTERS)
    many = count > NUMBERED_CLASSES
    width, height = (2.2 + 0.16 * count, 1.8 + 0.16 * count) if many else (2.2 + 0.45 * count, 1.8 + 0.4 * count)
    figure = Figure(figsize=(width, height), dpi=80)
    # Fixed margins, as above: room for the longest label, upright and at a slant.
    edge = 0.6 + 0.08 * longest
    figure.subplots_adjust(left=edge / width, right=1 - 0.2 / width, bottom=edge / height, top=1 - 0.45 / height)
    panel = figure.subplots()
    panel.imshow(confusion, cmap="Blues")
    darkest = max(max(row) for row in confusion)
    for row, counts in enumerate(() if many else confusion):
        for column, rows in enumerate(counts):
            panel.text(
                column, row, str(rows), ha="center", va="center", color="white" if 2 * rows > darkest else "black"
            )
    names = [_drawable(label[:LABEL_LETTERS]) for label in labels]
    panel.set(xlabel="predicted class", ylabel="true class", xticks=range(count), yticks=range(count))
    panel.set_xticklabels(names, rotation=90 if many else 45, ha="center" if many else "right", parse_math=False)
    panel.set_yticklabels(names, parse_math=False)
    if many:
        panel.tick_params(labelsize=7)
    return _png(figure, title)


def roc_png(roc: Sequence[Roc], *, title: str) -> bytes:
    """The true positive rate of each class by its false positive rate."""
    figure, (panel,) = _square(1)
    panel.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1.0)
    for number, one in enumerate(roc):
        colour = BLUE if len(roc) == 1 else f"C{number}"
        panel.plot(
            one.false_positive,
            one.true_positive,
            ("-", "--", "-.")[number // 4 % 3],
            color=colour,
            linewidth=1.8,
            label=f"{_drawable(one.label[:LABEL_LETTERS])}: AUC {one.auc:.3f}".replace("$", r"\$"),
        )
    panel.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    panel.grid(alpha=0.25)
    panel.legend(loc="lower right", fontsize=8)
    return _png(figure, title)


def calibration_png(bins: Sequence[Calibration], *, by_class: str | None, title: str) -> bytes:
    """The observed fraction by the predicted probability, equal on the diagonal; below, the rows of each bin."""
    figure = Figure(figsize=(4.8, 5.4), dpi=80)
    figure.subplots_adjust(left=0.14, right=0.97, bottom=0.1, top=0.92, hspace=0.12)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1)})
    predicted, right = [one.told for one in bins], [one.right for one in bins]
    upper.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1.0)
    upper.plot(predicted, right, "-o", color=BLUE, linewidth=1.8)
    upper.set(ylabel="observed fraction", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    lower.bar(predicted, [one.rows for one in bins], width=0.06, color=ORANGE)
    lower.set(ylabel="rows")
    whose = "of the predicted class" if by_class is None else f"of {_drawable(by_class[:LABEL_LETTERS])}"
    lower.set_xlabel(f"probability {whose}", parse_math=False)
    for panel in (upper, lower):
        panel.grid(alpha=0.25)
    return _png(figure, title)


def residuals_png(targets: Sequence[tuple[str, Residuals]], *, title: str) -> bytes:
    """Predictions by true values, and a histogram of the errors: a row of two panels for each target."""
    figure, panels = _square(2, rows=len(targets))
    for (name, residuals), left, right in zip(targets, panels[::2], panels[1::2], strict=True):
        both = (*residuals.told, *residuals.right)
        left.plot([min(both), max(both)], [min(both), max(both)], ":", color=GREY, linewidth=1.0)
        left.plot(residuals.right, residuals.told, "o", color=BLUE, markersize=3, alpha=0.6)
        left.set_xlabel(_drawable(name[:LABEL_LETTERS]), parse_math=False)
        left.set_ylabel("prediction")
        right.stairs(residuals.counts, residuals.edges, fill=True, color=ORANGE)
        right.axvline(0.0, color=GREY, linewidth=1.0, linestyle=":")
        right.set(xlabel="error (prediction - target)", ylabel="rows")
    for panel in panels:
        panel.grid(alpha=0.25)
    return _png(figure, title)


def boundary_png(boundary: Boundary, *, title: str) -> bytes:
    """What the model predicts all around the rows, and the rows."""
    figure, (panel,) = _square(1)
    values, edges = np.array(boundary.values), (*boundary.across, *boundary.up)
    points = np.array(boundary.points)
    classes = len(boundary.labels)
    # Of many classes neighbours in number differ in colour; two are the ends of a scale, and numbers a range.
    colours, low, high = "tab20", 0.0, max(classes - 1.0, 1.0)
    if boundary.said == "probability":
        colours, low, high = "RdBu_r", 0.0, 1.0
    elif boundary.said == "number":
        colours, low, high = "viridis", min(values.min(), points[:, 2].min()), max(values.max(), points[:, 2].max())
    scale: dict[str, Any] = {"cmap": colours, "vmin": low, "vmax": high}
    panel.imshow(values, origin="lower", extent=edges, aspect="auto", interpolation="nearest", alpha=0.6, **scale)
    if boundary.said == "probability" and values.min() < 0.5 < values.max():
        across, up = (np.linspace(*ends, len(values)) for ends in (boundary.across, boundary.up))
        panel.contour(across, up, values, levels=[0.5], colors="black", linewidths=1.0)
    panel.scatter(points[:, 0], points[:, 1], c=points[:, 2], s=14, edgecolors="black", linewidths=0.4, **scale)
    panel.set_xlabel(_drawable(boundary.names[0][:LABEL_LETTERS]), parse_math=False)
    panel.set_ylabel(_drawable(boundary.names[1][:LABEL_LETTERS]), parse_math=False)
    return _png(figure, title)


def landscape_png(landscape: Landscape, *, title: str) -> bytes:
    """The loss around the finished weights, which are in the middle."""
    figure, (panel,) = _square(1)
    losses = np.array([[np.nan if loss is None else loss for loss in row] for row in landscape.losses])
    span = landscape.span
    finite = losses[np.isfinite(losses)]
    positive = finite.size > 0 and finite.min() > 0.0 and finite.max() > LOG_ABOVE / 10 * finite.min()
    shown = np.log10(losses) if positive else losses
    axis = np.linspace(-span, span, len(losses))
    if finite.size and finite.max() > finite.min():
        figure.subplots_adjust(right=0.92)  # the bar's label
        filled = panel.contourf(axis, axis, shown, levels=20, cmap="viridis")
        figure.colorbar(filled, ax=panel, label="log10 of the loss" if positive else "loss")
    panel.plot([0], [0], "*", color=ORANGE, markersize=12)
    panel.set(xlabel="second direction", ylabel="first direction", xlim=(-span, span), ylim=(-span, span))
    return _png(figure, f"{title}: {landscape.part} loss")


def _square(panels: int, rows: int = 1) -> tuple[Figure, Sequence[Axes]]:
    """A figure of square panels side by side, row by row, with fixed margins."""
    width, height = 5.0 * panels, 4.4 * rows
    figure = Figure(figsize=(width, height), dpi=80)
    figure.subplots_adjust(left=0.85 / width, right=1 - 0.15 / width, bottom=0.57 / height, top=1 - 0.44 / height)
    figure.subplots_adjust(wspace=0.2, hspace=0.2)
    return figure, list(figure.subplots(rows, panels, squeeze=False).flat)


def _png(figure: Figure, title: str) -> bytes:
    figure.suptitle(_drawable(title), parse_math=False)  # a job may be called "$5"
    picture = BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _drawable(text: str) -> str:
    """The text with a question mark for each letter that the font has not: people name jobs in any script."""
    font = get_font(findfont("DejaVu Sans"))
    return "".join(letter if font.get_char_index(ord(letter)) else "?" for letter in text)


def main() -> None:
    """Draw the `Drawing` on standard input, or one a line."""
    if "--many" not in sys.argv[1:]:
        sys.stdout.buffer.write(_answer(sys.stdin.buffer.read()))
        return
    for line in sys.stdin.buffer:
        content = _answer(line)
        sys.stdout.buffer.write(len(content).to_bytes(LENGTH_BYTES, "big") + content)
        sys.stdout.buffer.flush()


def _answer(question: bytes) -> bytes:
    return zipped(pictures(Drawing.model_validate_json(question)))


if __name__ == "__main__":
    main()
