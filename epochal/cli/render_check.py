"""Tables of jobs that were checked and not submitted."""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table

from spec.batch import steps_of
from spec.views import Check

from ..client.words import DASH
from .figures import one_line, size


def check_card(check: Check) -> RenderableType:
    """What one job would be."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    test = f", {check.test_rows:,} test" if check.test_rows else ""
    facts.add_row("rows", f"{check.train_rows:,} training, {check.validation_rows:,} validation{test}")
    facts.add_row("parameters", f"{check.parameters:,}")
    facts.add_row("memory", f"about {size(check.memory_bytes)}")
    facts.add_row(
        "training", f"at most {check.spec.epochs:,} epochs of {steps_of(check.spec, check.train_rows):,} steps"
    )
    facts.add_row("result", "The job is valid; nothing was submitted.")
    return facts


def checks_table(checks: Iterable[Check]) -> Table:
    """What several jobs would be, one line each, in the order of the file."""
    table = Table("job", box=None, header_style="bold", pad_edge=False)
    table.add_column("name", min_width=12)
    for heading in ("rows", "parameters", "memory", "epochs"):
        table.add_column(heading, justify="right", no_wrap=True)
    for place, check in enumerate(checks):
        rows = check.train_rows + check.validation_rows + check.test_rows
        figures = (f"{rows:,}", f"{check.parameters:,}", size(check.memory_bytes), f"{check.spec.epochs:,}")
        table.add_row(str(place), one_line(check.spec.name or DASH), *figures)
    return table
