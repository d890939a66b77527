import pytest
from sqlalchemy import text

from benchmarks import claims
from benchmarks.backlog import OWNERS, backlog
from benchmarks.claims import SequentialScanError, explain

pytestmark = pytest.mark.thorough


def test_a_smoke_run_prints_a_row_for_everything_that_is_timed(
    postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    claims.main(["--quick", "--server", postgres_url])
    said = capsys.readouterr().out
    assert "No job was claimed twice" in said
    assert "ix_job_share" in said
    rows = [line.split(" | ")[0] for line in said.splitlines() if line.startswith("| ")]
    assert rows[2:5] == ["| claim a pack, 2 at once", "| claim a pack, 1 at once", "| submit a job"]


def test_without_a_server_nothing_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    claims.main(["--quick", "--server", "postgresql+psycopg://nobody@127.0.0.1:1/none"])
    assert "not run" in capsys.readouterr().out


def test_a_statement_that_scans_the_jobs_is_found_out(postgres_url: str) -> None:
    with backlog(postgres_url, 5000) as engine:
        with engine.begin() as connection:
            assert connection.execute(text("SELECT count(DISTINCT owner) FROM job")).scalar_one() == OWNERS
            connection.execute(text("DROP INDEX ix_job_share, ix_job_owner_id, ix_job_owner_status_id"))
        with pytest.raises(SequentialScanError, match="Seq Scan on job"):
            explain(engine)
