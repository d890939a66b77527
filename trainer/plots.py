"""Pictures of a curve; matplotlib only, so that a process without PyTorch can draw them too."""

from collections.abc import Sequence
from io import BytesIO

from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from spec.views import Curve

# Okabe and Ito's colours, told apart by everybody; lines differ in stroke too.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#555555"
LABEL_LETTERS = 20
"""Of a longer label the picture shows the beginning."""
LOG_ABOVE = 100.0
"""Losses whose largest is so many times their smallest are drawn on a logarithmic axis."""


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
    figure.suptitle(_drawable(title), parse_math=False)  # a job may be called "$5"
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
    picture = BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def confusion_png(labels: Sequence[str], confusion: Sequence[Sequence[int]], *, title: str) -> bytes:
    """Rows by their class (down) and the class they were told to be (across), darker where there are more."""
    count, longest = len(labels), min(max(map(len, labels)), LABEL_LETTERS)
    width, height = 2.2 + 0.45 * count, 1.8 + 0.4 * count
    figure = Figure(figsize=(width, height), dpi=80)
    # Fixed margins, as above: room for the longest label, upright and at a slant.
    edge = 0.6 + 0.08 * longest
    figure.subplots_adjust(left=edge / width, right=1 - 0.2 / width, bottom=edge / height, top=1 - 0.45 / height)
    panel = figure.subplots()
    panel.imshow(confusion, cmap="Blues")
    darkest = max(max(row) for row in confusion)
    for row, counts in enumerate(confusion):
        for column, rows in enumerate(counts):
            panel.text(
                column, row, str(rows), ha="center", va="center", color="white" if 2 * rows > darkest else "black"
            )
    names = [_drawable(label[:LABEL_LETTERS]) for label in labels]
    panel.set(xlabel="told", ylabel="class", xticks=range(count), yticks=range(count))
    panel.set_xticklabels(names, rotation=45, ha="right", parse_math=False)
    panel.set_yticklabels(names, parse_math=False)
    figure.suptitle(_drawable(title), parse_math=False)
    picture = BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _drawable(text: str) -> str:
    """The text with a question mark for each letter that the font has not: people name jobs in any script."""
    font = get_font(findfont("DejaVu Sans"))
    return "".join(letter if font.get_char_index(ord(letter)) else "?" for letter in text)
