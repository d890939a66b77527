"""Jobs beside each other in a terminal."""

import io

from rich.console import Console

from epochal.cli.render_compare import compare_table
from spec.job import JobSpec
from spec.views import Curve

from ..jobs import ID, job


def test_rows_of_inline_data_that_differ_take_a_few_lines() -> None:
    def spec(first: float) -> dict[str, object]:
        data = {"x": [[first, 0.5, 0.25, 0.125]] * 40, "y": [0.0, 1.0] * 20}
        return JobSpec.model_validate({"dataset": data}).model_dump(mode="json")

    jobs = [job(id=f"{ID[:-1]}{place}", spec=spec(float(place))) for place in range(2)]
    out = io.StringIO()
    for table in compare_table(jobs, [{}, {}], width=100):
        Console(file=out, width=100).print(table)
    assert "40 rows" in out.getvalue()
    assert len(out.getvalue().splitlines()) < 20


def test_curves_have_one_scale_of_epochs() -> None:
    jobs = [job(id=f"{ID[:-1]}{place}") for place in range(4)]
    for lengths, bars in (((1000, 250, 1, 0), (16, 4, 1, 0)), ((12, 3, 1, 0), (12, 3, 1, 0))):
        curves: list[Curve] = [{"epoch": [*range(length)], "val_loss": [0.5] * length} for length in lengths]
        (table,) = compare_table(jobs, curves, width=100)
        drawn = [[str(cell) for cell in column.cells][-1] for column in table.columns[1:]]
        assert [cell.count("▁") for cell in drawn] == [*bars]
