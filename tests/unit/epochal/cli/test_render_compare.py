"""Jobs beside each other in a terminal."""

import io

from rich.console import Console

from epochal.cli.render_compare import compare_table
from spec.job import JobSpec

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
