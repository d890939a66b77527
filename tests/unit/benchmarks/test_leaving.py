import pytest

from benchmarks import leaving


def test_a_smoke_run_counts_what_each_way_computes(capsys: pytest.CaptureFixture[str]) -> None:
    leaving.main(["--quick"])
    rows = [
        [cell.strip() for cell in line.split("|")[1:4]] for line in capsys.readouterr().out.splitlines() if "|" in line
    ]
    computed = {row[0]: row[2] for row in rows[2:]}
    assert computed["one pack of 4, compaction"] == computed["2 places, refill"] == "1.00"


def test_masking_computes_every_member_to_the_last_ones_end() -> None:
    specs, computed = leaving.jobs(4, 8), list[int]()
    for pack in (leaving.MaskingPack, leaving.CountingPack):
        leaving.trained(pack, specs, 4, refill=False, tally=computed.append)
    assert computed == [4 * 8, sum(spec.epochs for spec in specs)]
